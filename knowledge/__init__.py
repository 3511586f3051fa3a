"""How the right passage is found. Knows nothing of customers."""
