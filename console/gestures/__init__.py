"""What is given: the catalogue of plus ones, the suggestions, and the ledger."""
