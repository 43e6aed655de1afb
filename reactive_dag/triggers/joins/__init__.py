"""Triggers that put parts together."""
