"""What a simulation came to: one protocol, implemented by the reference and by the window."""
