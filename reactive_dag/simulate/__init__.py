"""The simulate wing."""
