"""No process of pvdify leaves a core dump, and nothing that it starts does."""

from __future__ import annotations

import subprocess
import sys

import pytest

LIMITED = "import resource; print(resource.getrlimit(resource.RLIMIT_CORE))"
SERVICE = "from pvdify.serve import main; main(['--role', 'api'])"
REVERSAL = "import anyio; from pvdify.failed import failed; anyio.run(failed, 'no-app.service', backend='trio')"
COMMAND = "import sys; sys.argv[1:] = ['apps', '--help']; from pvdify.__main__ import main; main()"


@pytest.mark.parametrize("root", [COMMAND, SERVICE, REVERSAL], ids=["command", "service", "reversal"])
def test_a_root_forbids_core_dumps_before_anything_else_to_itself_and_to_what_it_starts(root: str) -> None:
    script = f"""
import subprocess, sys
try:
    {root}
except KeyError:
    pass  # nothing was handed over by systemd
sys.stdout.flush()
subprocess.run([sys.executable, "-c", {LIMITED!r}])
"""

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "(0, 0)" == ended.stdout.splitlines()[-1]
