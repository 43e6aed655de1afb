"""Triggers that ask a function."""
