"""The demo shop: Larch & Lantern, its customers, talks and articles."""
