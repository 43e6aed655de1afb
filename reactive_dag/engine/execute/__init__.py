"""Attempts and who executes them."""
