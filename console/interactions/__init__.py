"""The conversation going on: who talks with whom since when, and every turn of it."""
