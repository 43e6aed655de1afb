"""Into what parts a dataset is divided: static values, and products; calendars (model/calendar.py) are the third."""
