"""Use cases: async functions that take the host first, and read like the runbook they replace."""
