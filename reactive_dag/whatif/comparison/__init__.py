"""Two courses beside each other."""
