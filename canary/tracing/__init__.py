"""Runs as traces: what two statuses of a Canary say of it that has ended in between. Pure."""
