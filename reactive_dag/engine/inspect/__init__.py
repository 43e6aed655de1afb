"""What an engine can be asked."""
