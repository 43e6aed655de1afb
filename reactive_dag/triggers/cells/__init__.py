"""The cells: the logic of each combinator, once, for engine, simulator and bare reactivex operators alike."""
