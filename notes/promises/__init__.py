"""What was promised: by whom, by when, who stands in, and the calendar that shows it."""
