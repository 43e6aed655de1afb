"""What tests of graphs and of the engine itself use."""
