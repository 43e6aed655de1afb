"""reactive_dag: start DAGs from other DAGs and from data, exactly once, and ask what if before it happens."""
