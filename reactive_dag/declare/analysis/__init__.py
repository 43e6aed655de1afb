"""What follows from the declarations as a whole."""
