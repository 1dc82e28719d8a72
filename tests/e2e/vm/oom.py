"""Runs in qemu: an app within its limit of memory, beyond it, and a release that passes it before it listens."""

import json
import subprocess
import time


def told(*argv: str, timeout: float = 180) -> tuple[int, str]:
    """Run a command; its exit status and all it says."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=timeout)
    return done.returncode, done.stdout + done.stderr


def answer(path: str, *options: str) -> str:
    """The body at the front."""
    return told("curl", "-s", "-m", "20", *options, f"http://127.0.0.1:3000{path}")[1]


def answer_in_time() -> str:
    """The body at the front, as soon as there is one."""
    end = time.monotonic() + 60
    while not (body := answer("/")).startswith("release=") and time.monotonic() < end:
        time.sleep(0.2)
    return body


def shown(unit: str, what: str) -> str:
    """A property of a unit."""
    return told("systemctl", "show", "--value", "-p", what, unit)[1].strip()


def main() -> None:
    unit = told("sh", "-c", "systemctl list-units --plain --no-legend 'pvdify-blog-v*.service' | cut -d ' ' -f 1")[
        1
    ].strip()
    said: dict[str, object] = {"at boot": answer_in_time(), "limit": shown(unit, "MemoryMax")}
    said["answer to 200 MB"] = answer("/mem?mb=200", "-i") if said["at boot"] else "?"
    said["after the kill"] = answer_in_time()
    said["restarts"] = int(shown(unit, "NRestarts"))
    said["kernel"] = told("dmesg")[1]
    said["deploy status"], said["deploy"] = told("pvdify", "deploy", "blog", "--image", "127.0.0.1:5000/sample:hungry")
    said["after the deploy"] = answer("/")
    print(json.dumps(said))


if __name__ == "__main__":
    main()
