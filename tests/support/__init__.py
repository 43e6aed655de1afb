"""What the tests share: engines in worlds that they control, strategies, marbles, stores that die."""
