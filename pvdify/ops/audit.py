"""What was changed, by whom: read it, and check that it was not tampered with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import to_thread

from pvdify.model.answers import Audit

if TYPE_CHECKING:
    from pvdify.model.audit import AuditVerdict
    from pvdify.model.requests import Nothing, ReadAudit
    from pvdify.ops.host import Host


async def read_audit(host: Host, request: ReadAudit) -> Audit:
    """The newest entries."""
    return Audit(entries=host.state.audit_entries(limit=request.limit, before=request.before, app=request.app))


async def verify_audit(host: Host, _request: Nothing) -> AuditVerdict:
    """Whether every line follows from the one before it."""
    return await to_thread.run_sync(host.state.audit_verdict)
