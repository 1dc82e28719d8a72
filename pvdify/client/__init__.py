"""Ways to ask: the same three calls, in process or over the wire."""
