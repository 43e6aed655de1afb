"""What stays alive in a cell: the live view of an engine, and the panel that asks what if."""
