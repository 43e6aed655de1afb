"""What all pictures are made of: markup that escapes, the theme, states, tables, times."""
