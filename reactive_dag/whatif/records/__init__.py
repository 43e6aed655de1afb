"""The records of a window's course, made from its arrays in the order in which the reference would write them."""
