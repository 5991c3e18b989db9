"""Admission webhooks: which are asked, what and where, and what becomes of a write by them."""
