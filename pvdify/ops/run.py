"""Run a one-off command in the live release's image and environment."""

from __future__ import annotations

from codecs import getincrementaldecoder
from secrets import token_hex
from typing import TYPE_CHECKING, Final

import anyio

from pvdify.errors import RefusedError, SpecError
from pvdify.model.answers import RunOutput, RunResult, RunStream
from pvdify.model.names import UnitName
from pvdify.ops.vault import prove_config
from pvdify.plan.oneoff import one_off, piped_one_off

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from pvdify.model.manifest import AppRow
    from pvdify.model.release import Release
    from pvdify.model.requests import RunOnce
    from pvdify.ops.host import Host
    from pvdify.ports import Output

TIMED_OUT: Final = 124
"""The exit status of a command whose time was over, as with `timeout`."""
_Decoder = getincrementaldecoder("utf-8")


async def run_once(host: Host, request: RunOnce) -> RunResult:
    """Run *request.command* beside the app, in its slice, with its limits and volumes; answer its exit status."""
    row, release = await _live(host, request.app)
    argv = one_off(
        row,
        release,
        name=_name(row),
        command=request.command,
        interactive=request.interactive,
        place=host.place,
    )
    return RunResult(status=await host.console.run(argv, interactive=request.interactive))


async def run_piped(host: Host, request: RunOnce) -> AsyncIterator[RunOutput]:
    """The same for somebody far away: what the command writes, as UTF-8 as far as it is, and then its exit status.

    It has nothing to read. It is ended when nobody reads any more, or when its time is over.
    """
    if request.interactive:
        raise SpecError(
            "cannot run an interactive command from afar: there is no terminal on the host",
            pointer="/interactive",
            hint="type the command on the host itself",
        )
    row, release = await _live(host, request.app)
    name = _name(row)
    argv = piped_one_off(row, release, name=name, command=request.command, timeout=request.timeout, place=host.place)
    output = host.console.stream(argv)
    decoders = {stream: _Decoder("replace") for stream in RunStream}
    deadline = anyio.current_time() + request.timeout
    status: int | None = None
    try:
        while status is None:
            one = await _next(output, until=deadline)
            if one is None:
                break
            status = one.status
            for stream in (
                RunStream if status is not None else (RunStream.STDERR if one.is_error else RunStream.STDOUT,)
            ):
                text = decoders[stream].decode(one.data, final=status is not None)
                if text:
                    yield RunOutput(stream=stream, text=text)
    finally:
        with anyio.CancelScope(shield=True):
            await output.aclose()
            if status is None:
                await host.systemd.stop(UnitName(f"{name}.service"))
    if status is None:
        yield RunOutput(stream=RunStream.STDERR, text=f"pvdify: ended after {request.timeout} s\n")
    yield RunOutput(status=TIMED_OUT if status is None else status)


async def _next(output: AsyncGenerator[Output, None], *, until: float) -> Output | None:
    """The next piece; None when the time is over."""
    with anyio.move_on_after(until - anyio.current_time()):
        return await anext(output)
    return None


async def _live(host: Host, app: str) -> tuple[AppRow, Release]:
    """What runs now, which a command is given the same config as: nothing of it starts where that does not open."""
    row = host.row(app)
    if row.live is None:
        raise RefusedError(
            f"cannot run a command for {row.name}: it has no release",
            hint=f"pvdify deploy {row.name} --image ghcr.io/org/app:v1",
        )
    release = host.state.release(row.name, row.live)
    await prove_config(host, release)
    return row, release


def _name(row: AppRow) -> str:
    return f"pvdify-{row.name}-run-{token_hex(4)}"
