"""What stands beside a note: who is mentioned, what is attached, the template it began with."""
