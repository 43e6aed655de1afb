"""A trigger at work: compiled, fed, stepped."""
