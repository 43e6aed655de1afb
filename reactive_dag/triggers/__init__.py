"""The triggers wing."""
