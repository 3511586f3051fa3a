"""Finding notes, turns and preferences again, by words and by meaning."""
