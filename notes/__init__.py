"""What was written down and promised, and how it comes back later."""
