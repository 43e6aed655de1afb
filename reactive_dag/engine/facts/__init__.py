"""Facts on their way into the log: publishes, starts, receipts."""
