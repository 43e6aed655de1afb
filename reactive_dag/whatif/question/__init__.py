"""What a simulation is asked."""
