"""What a course answers."""
