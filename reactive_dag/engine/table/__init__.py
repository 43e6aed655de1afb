"""The runs of all DAGs: queued, begun, ended."""
