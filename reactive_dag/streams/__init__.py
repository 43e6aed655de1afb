"""The streams wing: clocks, schedulers, the cells as reactivex operators, observers with cursors on the log."""
