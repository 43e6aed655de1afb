"""What records.py is made of: what all records share, and the decisions. Import them from records.py."""
