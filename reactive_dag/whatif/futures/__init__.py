"""Many futures of one question: when things end, how likely they are in time, what decides it."""
