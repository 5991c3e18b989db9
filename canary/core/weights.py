"""Weights are percentages."""

FULL = 100
"""All requests."""
