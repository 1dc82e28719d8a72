"""What goes on in a bed beside what a test does."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.e2e.operator import Operator


class Deploys:
    """Deploys of another app, one after the other, while the ``with`` block runs; it raises what went wrong with them."""

    def __init__(self, operator: Operator, app: str, *images: str) -> None:
        self.done = 0
        self._operator = operator
        self._app = app
        self._images = images
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._errors: list[Exception] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        self._over.set()
        self._thread.join()
        if self._errors and kind is None:
            raise self._errors[0]

    def _run(self) -> None:
        try:
            for image in itertools.cycle(self._images):
                if self._over.is_set():
                    return
                self._operator.pvdify("deploy", self._app, "--image", image)
                self.done += 1
        except Exception as error:  # noqa: BLE001 -- for the thread that waits
            self._errors.append(error)
