"""A graph that is static in part: a window for that part, the reference for the rest."""
