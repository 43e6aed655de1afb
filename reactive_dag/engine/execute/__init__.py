"""Attempts, their context, and the runners that execute them."""
