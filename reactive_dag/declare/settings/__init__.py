"""What tasks and DAGs may be told, and what is refused."""
