"""Limits: whether and in which order runs and attempts may start."""
