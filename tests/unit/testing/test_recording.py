"""What a registry remembers of what it was asked."""

from __future__ import annotations

import pytest

from pratique.http.message import Body, Headers, Request, Response, Unanswered
from pratique.testing import Recording


def registry(request: Request) -> Response:
    if request.path == "/gone":
        raise Unanswered("gone", transient=True)
    content = b""
    if request.body is not None:
        with request.body.open() as stream:
            content = stream.read()
    return Response.of(202, content)


def test_every_request_is_remembered_with_its_status() -> None:
    recording = Recording(registry)
    headers = Headers([("Authorization", "Bearer geheim")])
    assert (
        recording(Request("GET", "https://r.test:8443/v2/?n=1&n=2", headers)).url == "https://r.test:8443/v2/?n=1&n=2"
    )
    [seen] = recording.seen
    assert (seen.method, seen.host, seen.path, seen.query) == ("GET", "r.test:8443", "/v2/", {"n": ["1", "2"]})
    assert (seen.status, seen.authorization) == (202, "Bearer geheim")
    assert recording.lines == ["GET r.test:8443/v2/ Bearer"]
    assert "geheim" not in repr(seen)


def test_what_was_not_answered_has_no_status() -> None:
    recording = Recording(registry)
    with pytest.raises(Unanswered):
        recording(Request("GET", "https://r.test/gone"))
    assert [seen.status for seen in recording.seen] == [None]


@pytest.mark.parametrize("keeps", [True, False])
def test_content_is_kept_where_it_is_wanted_and_passed_on_in_any_case(keeps: bool) -> None:
    recording = Recording(registry, content=keeps)
    answered = recording(Request("POST", "https://auth.test/token", body=Body.of(b"a=1&b=")))
    assert answered.stream.read() == b"a=1&b="
    assert recording.seen[0].content == (b"a=1&b=" if keeps else b"")
    assert recording.seen[0].form == ({"a": ["1"], "b": [""]} if keeps else {})
    assert list(recording.at("auth.test")) == recording.seen
    assert recording.at("r.test") == []
