"""Runs and their tasks: what each record about a run changes."""
