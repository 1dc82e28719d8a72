"""The door to a host: whoever asks, and whatever way they came, is checked, served and written down here."""

from __future__ import annotations

from contextlib import aclosing, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pvdify.errors import PvdifyError
from pvdify.model.caller import Asked
from pvdify.model.event import Outcome
from pvdify.operations.backup import CHECK, RESTORE
from pvdify.operations.host import INIT
from pvdify.ops.perform import Admit, anybody, audited

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterator

    from pvdify.model.answers import Changed
    from pvdify.model.caller import Caller
    from pvdify.operations.conductor import Conductor
    from pvdify.operations.table import A, Change, Operation, Q
    from pvdify.ops.host import Host
    from pvdify.ops.running import Running

BUG: Final = "bug"


@dataclass(frozen=True, slots=True)
class Door:
    """Asks, changes and streams, for callers that were let in; what they may do was decided before."""

    host: Host
    conductor: Conductor

    async def ask(self, operation: Operation[Q, A], request: Q, caller: Caller) -> A:
        """The answer of a value; one that changes something is audited before and after."""
        request = self._checked(operation, request)
        function = operation.value_for(caller)
        with self._audited(operation, request, caller):
            return await function(self.host, request)

    async def stream(self, operation: Operation[Q, A], request: Q, caller: Caller) -> AsyncGenerator[A, None]:
        """The answers of a stream, as they come; one that changes something is audited, too. Who stops before its end closes it."""
        request = self._checked(operation, request)
        with self._audited(operation, request, caller):
            async with aclosing(operation.stream()(self.host, request)) as answers:
                async for answer in answers:
                    yield answer

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

    @contextmanager
    def _audited(self, operation: Operation[Q, A], request: Q, caller: Caller) -> Iterator[None]:
        """Write down who asked for something that changes something, and how it ended; what was done is answered, also where that cannot be."""
        if not operation.audits(request):
            yield
            return
        asked, app = Asked(caller=caller, detail=operation.told(request)), str(getattr(request, "app", ""))
        audited(self.host, asked, operation.name, outcome="accepted", app=app)
        outcome, code = Outcome.CANCELLED, ""
        try:
            yield
            outcome = Outcome.DONE
        except Exception as error:
            outcome, code = Outcome.FAILED, error.code if isinstance(error, PvdifyError) else BUG
            raise
        finally:
            with suppress(PvdifyError):
                audited(self.host, asked, operation.name, outcome=outcome.value, app=app, code=code)

    def _checked(self, operation: Operation[Q, A], request: Q) -> Q:
        """*request*, parsed again; only for a few may there be no state directory, or half of one."""
        parsed = operation.parsed(request)
        if operation.name not in {INIT.name, CHECK.name}:
            self.host.state.check(is_restoring=operation.name == RESTORE.name)
        return parsed
