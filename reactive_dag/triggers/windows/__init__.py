"""Triggers that hold firings for a time."""
