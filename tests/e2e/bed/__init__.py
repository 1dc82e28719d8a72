"""The testbed: a Debian 13 with systemd as PID 1 in namespaces of its own.

It boots in half a second. It needs root and nothing else of the machine: no systemd, no cgroup
controllers, no Podman. From a shell::

    python3 -m tests.e2e.bed build      # once, about a minute; later at once
    python3 -m tests.e2e.bed shell      # a fresh booted bed and a shell in it
    python3 -m tests.e2e.bed boot systemctl status

From a test, a bed that is thrown away at the end::

    with Bed.create() as bed:
        bed.boot()
        bed.run("systemctl", "start", "podman.socket")
        assert bed.path("/run/podman/podman.sock").exists()
        bed.cut()                       # power cut: every process dies, the disks stay
        bed.boot()

What is the same for many tests is prepared once, kept in the cache, and cloned::

    installed = prepared(source_hash, lambda bed: install(bed))
    with installed() as bed:
        bed.boot()

``Bed.run`` waits for a command and returns a ``CompletedProcess``; ``Bed.spawn`` returns a
``Popen`` whose signals reach the command and whose SIGKILL kills it. ``Bed.path`` is where the
machine sees a file of the bed: all of it while it runs, the disks while it is off. A bed has a
network of its own, with loopback and nothing else; in it are

- a registry on ``127.0.0.1:5000``, and one on ``127.0.0.1:5001`` that wants `USER`, `PASSWORD`,
- ``/opt/wheelhouse``: wheels for the bed's Python of all that ``requirements.lock`` and the
  build of the project need,
- ``sops``, if the machine has it or a Go to build it with.

``/var/lib/pvdify``, ``/var/lib/containers`` and ``/var/lib/registry`` lie on the machine's own
file system, the rest is an overlay. No cgroup controllers are there, whatever the machine has: limits
are proven elsewhere.

The kernel is the machine's: its boot id stays the same when a bed boots again (so ``journalctl -b``
shows all boots of a bed), and of its settings only those of the network are the bed's own.

A bed ends with the process that made it, SIGKILL included. The cache is ``PVDIFY_BED_CACHE``, else
``~/.cache/pvdify``.
"""

from tests.e2e.bed.bed import Bed, BedError, CommandFailedError
from tests.e2e.bed.prepared import prepared

USER = "pat"
PASSWORD = "s3cret"  # noqa: S105 -- of a registry that only the bed can reach

__all__ = ["PASSWORD", "USER", "Bed", "BedError", "CommandFailedError", "prepared"]
