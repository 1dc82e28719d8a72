"""Files of config that somebody wrote in, by the thousand, and whether pvdify takes one of them for its own."""

from tests.e2e.tampered.ask import Report, tried
from tests.e2e.tampered.raw import BYTES

__all__ = ["BYTES", "Report", "tried"]
