"""A window played event by event, where limits and failures count, and many futures of it at once."""
