"""Pictures of what a simulation is asked."""
