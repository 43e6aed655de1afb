"""What happens inside live runs: which tasks may go, retries, waits, the past."""
