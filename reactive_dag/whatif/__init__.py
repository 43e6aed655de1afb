"""What if: the engine's own graph, run in virtual time, with durations instead of bodies."""
