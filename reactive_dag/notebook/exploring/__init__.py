"""What is tried in the what-if panel, and what comes of it, as plain data: no widget, no page."""
