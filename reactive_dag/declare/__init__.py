"""The declare wing."""
