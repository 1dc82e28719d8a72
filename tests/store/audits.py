"""Audits to look at: what is told to them, and their lines as they lie on the disk."""

from pvdify.model.audit import AuditEntry, Head, following, head_of
from pvdify.store.state import State
from tests.store.example import AT


def entry(number: int = 1, *, app: str = "blog") -> AuditEntry:
    return AuditEntry(
        at=AT,
        actor="ci",
        via="api",
        token="t1234567",  # noqa: S106 - an id
        request_id="0123456789",
        action="releases.create",
        app=app,
        operation=f"operation-{number}",
        detail={"image": "ghcr.io/example/blog:v1", "number": number, "waits": True, "config": None},
        outcome="accepted",
    )


def told(state: State, lines: int = 5) -> State:
    for number in range(1, lines + 1):
        state.audit(entry(number))
    return state


def tell(state: State) -> None:
    state.audit(entry())


def grown(state: State, lines: int) -> State:
    """An audit that was written long ago: nothing is synced any more."""
    head, texts = Head(), []
    for number in range(1, lines + 1):
        line, text = following(head, entry(number))
        head = head_of(line, text)
        texts.append(text)
    write(state, texts)
    state.settings.audit_head.write_text(f"{head.seq:012} {head.hash}\n")
    return state


def operations(state: State) -> list[str]:
    """What was told, oldest first, without what the audit told of itself."""
    lines = state.audit_entries(limit=1000)
    return [line.operation for line in reversed(lines) if line.actor != "pvdify"]


def lines_of(state: State) -> list[bytes]:
    return state.settings.audit.read_bytes().splitlines(keepends=True)


def write(state: State, lines: list[bytes]) -> None:
    state.settings.audit.write_bytes(b"".join(lines))


def reopened(state: State) -> State:
    return State(state.settings)
