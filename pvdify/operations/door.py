"""The door to a host: whoever asks, and whatever way they came, is checked, served and written down here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pvdify.errors import PvdifyError
from pvdify.model.caller import Asked
from pvdify.operations.host import INIT
from pvdify.ops.perform import Admit, anybody, audited

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pvdify.model.answers import Changed
    from pvdify.model.caller import Caller
    from pvdify.operations.conductor import Conductor
    from pvdify.operations.table import A, Change, Operation, Q
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running


@dataclass(frozen=True, slots=True)
class Door:
    """Asks, changes and streams, for callers that were let in; what they may do was decided before."""

    host: Host
    conductor: Conductor

    async def ask(self, operation: Operation[Q, A], request: Q, caller: Caller) -> A:
        """The answer of a value; one that changes something is audited before and after."""
        request = self._checked(operation, request)
        function = operation.value_for(caller)
        if not operation.is_change:
            return await function(self.host, request)
        asked, app = Asked(caller=caller, detail=operation.told(request)), str(getattr(request, "app", ""))
        audited(self.host, asked, operation.name, outcome="accepted", app=app)
        try:
            answer = await function(self.host, request)
        except PvdifyError as error:
            audited(self.host, asked, operation.name, outcome="failed", app=app, code=error.code)
            raise
        audited(self.host, asked, operation.name, outcome="done", app=app)
        return answer

    def stream(self, operation: Operation[Q, A], request: Q) -> AsyncIterator[A]:
        """The answers of a stream, as they come."""
        return operation.stream()(self.host, self._checked(operation, request))

    async def change(
        self, operation: Change[Q], request: Q, caller: Caller, *, waits: bool = False, admit: Admit = anybody
    ) -> str:
        """Have a change accepted, and answer its id; what *admit* raises under the app's lock refuses it."""
        request = self._checked(operation, request)
        function = operation.change()

        async def run(host: Host, running: Running) -> Changed:
            return await function(host, running, request)

        return await self.conductor.accept(
            operation.name,
            run,
            app=operation.app_of(request),
            asked=Asked(caller=caller, detail=operation.told(request)),
            waits=waits,
            admit=admit,
        )

    def _checked(self, operation: Operation[Q, A], request: Q) -> Q:
        """*request*, parsed again; and only `init` may find no state directory that this pvdify can read."""
        parsed = operation.parsed(request)
        if operation.name != INIT.name:
            self.host.state.check()
        return parsed
