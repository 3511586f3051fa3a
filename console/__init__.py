"""What a support agent sees and does: customers, the live talk, what may be given."""
