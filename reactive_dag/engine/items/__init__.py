"""What an item is: identities, public events, timers."""
