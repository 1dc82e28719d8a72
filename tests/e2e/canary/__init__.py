"""A text that nobody can guess, and every place of a bed where it may have been left: its disk, its memory, its processes."""

from tests.e2e.canary.disk import OwnDisk
from tests.e2e.canary.memory import environs, open_files, readable, run_files
from tests.e2e.canary.programs import Programs
from tests.e2e.canary.words import Canary

__all__ = ["Canary", "OwnDisk", "Programs", "environs", "open_files", "readable", "run_files"]
