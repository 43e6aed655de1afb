"""A span of virtual time compiled into arrays, and what evaluates them."""
