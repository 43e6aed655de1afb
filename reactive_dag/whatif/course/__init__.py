"""One course of events in virtual time."""
