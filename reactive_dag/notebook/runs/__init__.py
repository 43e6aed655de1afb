"""Pictures of what happened: runs, their tasks, events, causes, partitions, what waits."""
