"""The ports, filled by the programs of one machine."""
