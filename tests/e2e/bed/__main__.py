"""``python3 -m tests.e2e.bed``: the testbed for a person."""

import argparse
import sys
import time

from tests.e2e.bed import Bed, cache, layers
from tests.e2e.bed.cache import say


def main() -> int:
    arguments = _parser().parse_args()
    started = time.monotonic()
    layers.base()
    say(f"ready in {cache.folder()} after {time.monotonic() - started:.1f} s")
    match arguments.command:
        case "build":
            return 0
        case "boot":
            return _boot(arguments.argv or ["systemctl", "--no-pager", "status"])
        case _:
            return _shell(arguments.argv or ["bash", "-l"])


def _boot(argv: list[str]) -> int:
    with _booted() as bed:
        return bed.spawn(*argv, stdin=None, stdout=None, stderr=None).wait()


def _shell(argv: list[str]) -> int:
    if not sys.stdin.isatty():
        return _boot(argv)
    from tests.e2e.bed.terminal import interact

    with _booted() as bed:
        say("leave the shell, and the bed is thrown away")
        return interact(bed, argv)


def _booted() -> Bed:
    bed = Bed.create()
    try:
        bed.boot()
    except BaseException:
        bed.destroy()
        raise
    say(f"booted in {bed.boot_seconds:.2f} s, failed units: {' '.join(bed.failed_units) or 'none'}")
    return bed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python3 -m tests.e2e.bed",
        description="A throw-away Debian 13 with systemd as PID 1, in namespaces; needs root.",
        epilog="It touches nothing of this machine but its cache ($PVDIFY_BED_CACHE, else "
        "~/.cache/pvdify) and, where debootstrap is missing, installs that with apt.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("build", help="make what the cache has not yet: about a minute, once")
    boot = commands.add_parser("boot", help="boot a fresh bed, run one command in it, throw it away")
    boot.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND", help="default: systemctl status")
    shell = commands.add_parser("shell", help="boot a fresh bed with a shell in it, throw it away")
    shell.add_argument("argv", nargs=argparse.REMAINDER, metavar="SHELL", help="default: bash -l")
    return parser


if __name__ == "__main__":
    sys.exit(main())
