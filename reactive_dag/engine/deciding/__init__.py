"""Which trigger hears which fact, and what it decides."""
