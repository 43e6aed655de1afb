"""Marble diagrams: events and runs as they came over time, and what each run took."""
