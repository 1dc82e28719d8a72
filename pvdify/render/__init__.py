"""Model in, text out: every file of a generation, the same bytes for the same values."""
