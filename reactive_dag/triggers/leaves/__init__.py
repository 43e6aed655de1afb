"""Triggers that hear facts or the clock."""
