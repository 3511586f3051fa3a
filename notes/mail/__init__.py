"""E-mails become notes of whom they are from or to."""
