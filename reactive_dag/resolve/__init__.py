"""The resolve wing."""
