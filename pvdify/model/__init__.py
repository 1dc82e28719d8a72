"""Frozen values: what an operator declares, what pvdify records, and the names of both."""
