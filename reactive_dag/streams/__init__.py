"""The streams wing."""
