"""The drain loop and the ways to drive it."""
