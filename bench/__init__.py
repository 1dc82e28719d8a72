"""Measurements, in the testbed: one JSON object a line. Nothing here is asserted; tests never time anything."""
