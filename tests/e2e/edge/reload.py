"""Have Caddy take its file again and again, twenty times a second at most, as if names had changed: reload.py TIMES."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from pvdify.adapters.caddy import Caddy
from pvdify.adapters.proc import listening

FILE = Path("/var/lib/pvdify/current/caddy/Caddyfile")
NET, PORT = Path("/proc/net"), 443


def main(times: int) -> None:
    caddy = Caddy(Path("/run/pvdify-edge/admin.sock"))
    text = FILE.read_text()
    with TemporaryDirectory() as scratch:
        file = Path(scratch, FILE.name)
        for number in range(times):
            # what is the same as before is not taken again
            file.write_text(text.replace("grace_period 30s", f"grace_period {31 + number % 2}s"))
            before = listening(NET, PORT)
            anyio.run(caddy.follow, file)
            assert listening(NET, PORT) - before, "Caddy did not listen anew"
            time.sleep(0.05)


if __name__ == "__main__":
    main(int(sys.argv[1]))
