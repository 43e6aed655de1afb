"""Other systems in and out: readers that make graphs of what others wrote down."""
