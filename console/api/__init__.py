"""JSON for other systems: the same domain functions, no HTML."""
