"""Kill a command of pvdify at a chosen line of its journal, and say what is wrong with an app afterwards."""

from tests.e2e.kill.state import Row, row, tag_of, wrong
from tests.e2e.kill.victim import Point, killed

__all__ = ["Point", "Row", "killed", "row", "tag_of", "wrong"]
