"""The fold of the log, and its snapshots."""
