"""What schedules are made of: cron texts, and dates on which none ticks. Ask a schedule (model/schedule.py)."""
