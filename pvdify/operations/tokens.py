"""Operations on tokens, on who asks, and on what was written down of it."""

from __future__ import annotations

from typing import Final

from pvdify.model.answers import Audit, TokenInfo, TokenMade, Tokens, WhoAmI
from pvdify.model.audit import AuditVerdict
from pvdify.model.requests import CreateToken, ForToken, Nothing, ReadAudit, RotateToken
from pvdify.model.scope import Scope
from pvdify.operations.table import Operation, Reach, Route

LIST: Final = Operation(
    name="tokens.list",
    summary="List the tokens.",
    request=Nothing,
    answer=Tokens,
    run="pvdify.ops.tokens:list_tokens",
    route=Route(method="GET", path="/tokens", scope=Scope.ADMIN),
)
CREATE: Final = Operation(
    name="tokens.create",
    summary="Make a token; its text is shown this once.",
    request=CreateToken,
    answer=TokenMade,
    run="pvdify.ops.tokens:create_token",
    route=Route(method="POST", path="/tokens", scope=Scope.ADMIN, status=201),
    is_change=True,
    knows_caller=True,
)
ROTATE: Final = Operation(
    name="tokens.rotate",
    summary="Give a token a new text; the old one works a while longer.",
    request=RotateToken,
    answer=TokenMade,
    run="pvdify.ops.tokens:rotate_token",
    route=Route(method="POST", path="/tokens/{id}/rotate", scope=Scope.ADMIN),
    is_change=True,
    knows_caller=True,
)
REVOKE: Final = Operation(
    name="tokens.revoke",
    summary="Revoke a token, at once.",
    request=ForToken,
    answer=TokenInfo,
    run="pvdify.ops.tokens:revoke_token",
    route=Route(method="DELETE", path="/tokens/{id}", scope=Scope.ADMIN),
    is_change=True,
)
WHOAMI: Final = Operation(
    name="whoami",
    summary="Show who asks, and what they may do.",
    request=Nothing,
    answer=WhoAmI,
    run="pvdify.ops.tokens:who_am_i",
    route=Route(method="GET", path="/whoami", scope=Scope.READ, also=tuple(Scope), reach=Reach.ANY),
    knows_caller=True,
)
AUDIT: Final = Operation(
    name="audit.list",
    summary="Read what was changed, by whom, newest first.",
    request=ReadAudit,
    answer=Audit,
    run="pvdify.ops.audit:read_audit",
    route=Route(method="GET", path="/audit", scope=Scope.ADMIN),
)
VERIFY: Final = Operation(
    name="audit.verify",
    summary="Check that no line of the audit was changed or removed.",
    request=Nothing,
    answer=AuditVerdict,
    run="pvdify.ops.audit:verify_audit",
    route=Route(method="GET", path="/audit/verify", scope=Scope.ADMIN),
)
ALL: Final = (LIST, CREATE, ROTATE, REVOKE, WHOAMI, AUDIT, VERIFY)
