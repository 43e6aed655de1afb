"""The engine wing."""
