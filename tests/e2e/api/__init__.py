"""The API, asked from inside a bed."""
