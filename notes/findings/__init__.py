"""What a note says: found by meaning, proposed, kept by a person; and what is better not written down."""
