"""Decisions: pure functions from what is there and what is wanted to what to do."""
