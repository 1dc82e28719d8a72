"""A request on its way: what one side writes, the other side reads, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pvdify.errors import NotFoundError, SpecError
from pvdify.model.requests import ReadLogs
from pvdify.operations import host, logs
from pvdify.operations.examples import EXAMPLES
from pvdify.operations.registered import OPERATIONS
from pvdify.operations.wire import PREFIX, parts_of, request_of

if TYPE_CHECKING:
    from pvdify.model.requests import Request
    from pvdify.operations.table import Operation

ROUTED = {name: one for name, one in OPERATIONS.items() if one.route}


def sent(operation: Operation[Any, Any], request: Request) -> Request:
    """*request*, as the other side reads it."""
    parts = parts_of(operation, request)
    assert operation.route is not None
    names = [one.strip("{}") for one in operation.route.path.split("/") if one.startswith("{")]
    templates, texts = operation.route.path.split("/"), parts.path.removeprefix(PREFIX).split("/")
    path = {
        template.strip("{}"): text
        for template, text in zip(templates, texts, strict=True)
        if template.strip("{}") in names
    }
    found: Request = request_of(operation, path=path, query=parts.query, headers=parts.headers, body=parts.body)
    return found


@pytest.mark.parametrize("name", ROUTED)
def test_what_is_sent_is_what_is_read(name: str) -> None:
    assert EXAMPLES[name].request == sent(ROUTED[name], EXAMPLES[name].request)


@pytest.mark.parametrize("word", ["null", "true", "7", "None"])
def test_a_word_in_a_query_is_itself_where_text_is_asked_for(word: str) -> None:
    request = ReadLogs(app="blog", grep=word)

    assert request == sent(logs.READ, request)


@pytest.mark.parametrize("word", ["null", "", "v7", "7.5", "None", "true"])
def test_a_number_in_a_query_is_no_other_word(word: str) -> None:
    with pytest.raises(SpecError) as caught:
        request_of(logs.READ, path={"app": "blog"}, query=[("release", word)], headers={})

    assert "/release" == caught.value.pointer


def test_what_exists_only_on_the_host_is_not_sent() -> None:
    with pytest.raises(NotFoundError, match="only on the host"):
        parts_of(host.INIT, host.INIT.request())
