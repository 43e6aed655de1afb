"""reactive_dag.testing: what users test their graphs with."""
