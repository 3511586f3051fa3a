"""Import: files of other systems become customers, orders, conversations and notes, with their own dates."""
