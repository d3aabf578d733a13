"""What goes wrong on purpose: each effect before a registry that answers the same to everybody."""

from __future__ import annotations

import json
from io import BytesIO

import pytest

from pratique.errors import InvalidInput
from pratique.http.message import Body, Headers, Request, Response, Unanswered
from pratique.server.faults.effects import Answers, Corrupts, Cuts, Fields, Masks, Slows

CONTENT = bytes(range(250)) * 4
NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT
URL = "https://r.test/v2/foo/blobs/x"


class Plain:
    """A registry that reads what it is sent and answers with content; it knows how much it has read."""

    def __init__(self, status: int = 200) -> None:
        self.status = status
        self.asked = 0
        self.read = b""

    def __call__(self, request: Request) -> Response:
        self.asked += 1
        if request.body is not None:
            with request.body.open() as stream:
                while data := stream.read(100):
                    self.read += data
        fields = [("ETag", '"x"'), ("WWW-Authenticate", 'Basic realm="r"')]
        content = b"" if request.method == "HEAD" else CONTENT
        return Response(self.status, Headers([*fields, ("Content-Length", str(len(CONTENT)))]), BytesIO(content))


def get(method: str = "GET") -> Request:
    return Request(method, URL)


def read(response: Response, size: int = 64) -> bytes:
    """Content, read in small pieces in both ways."""
    found, buffer = b"", bytearray(size)
    while True:
        data = response.stream.read(size)
        count = response.stream.readinto(buffer)
        found += data + buffer[:count]
        if not data and not count:
            return found


def drain(response: Response, into: bytearray) -> None:
    """Read content to its end, and keep what came before a failure."""
    while data := response.stream.read(64):
        into += data


def test_an_answer_of_its_own_is_given_and_the_registry_hears_nothing() -> None:
    plain = Plain()
    response = Answers(plain, status=403, code="DENIED", message="no", challenge='Basic realm="x"')(get())
    assert (response.status, plain.asked) == (403, 0)
    assert response.headers.get("WWW-Authenticate") == 'Basic realm="x"'
    assert json.loads(response.stream.read()) == {"errors": [{"code": "DENIED", "message": "no"}]}


@pytest.mark.parametrize(("status", "code"), [(401, "UNAUTHORIZED"), (404, "NAME_UNKNOWN"), (429, "TOOMANYREQUESTS")])
def test_a_status_has_the_code_that_goes_with_it(status: int, code: str) -> None:
    assert json.loads(Answers(Plain(), status=status)(get()).stream.read())["errors"][0]["code"] == code


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"retry_after": 5}, "5"),
        ({"retry_after": "soon"}, "soon"),
        ({"retry_after_date": 60}, "Tue, 14 Nov 2023 22:14:20 GMT"),
        ({"retry_after_date": -20}, "Tue, 14 Nov 2023 22:13:00 GMT"),
        ({}, None),
    ],
)
def test_when_to_come_back_is_seconds_or_a_date_or_any_text(options: dict[str, float], told: str | None) -> None:
    response = Answers(Plain(), status=429, clock=lambda: NOW, **options)(get())  # type: ignore[arg-type]
    assert response.headers.get("Retry-After") == told
    assert (response.headers.get("Date") is None) is (told is None)


def test_a_body_stands_as_it_is_and_not_in_the_answer_to_a_head() -> None:
    answers = Answers(Plain(), status=502, body="<html>")
    assert answers(get()).stream.read() == b"<html>"
    head = answers(get("HEAD"))
    assert (head.status, head.length, head.stream.read()) == (502, 6, b"")


@pytest.mark.parametrize(("status", "masked"), [(401, 404), (403, 404), (200, 200), (500, 500)])
@pytest.mark.parametrize("challenge", [True, False])
def test_only_refusals_are_masked(status: int, masked: int, challenge: bool) -> None:
    response = Masks(Plain(status), challenge=challenge)(get())
    assert response.status == masked
    assert ("WWW-Authenticate" in response.headers) is (challenge or status == masked)


def test_a_connection_breaks_before_or_after_the_work() -> None:
    plain = Plain()
    with pytest.raises(Unanswered, match="before the request"):
        Cuts(plain, at="before")(get())
    assert plain.asked == 0
    with pytest.raises(Unanswered, match="before the answer"):
        Cuts(plain, at="after")(get())
    assert plain.asked == 1


@pytest.mark.parametrize("after", [0, 1, 64, 999])
def test_an_answer_breaks_off_after_some_bytes(after: int) -> None:
    response = Cuts(Plain(), at="answer", bytes=after)(get())
    found = bytearray()
    with pytest.raises(Unanswered, match="in the middle of the answer"):
        drain(response, found)
    assert found == CONTENT[:after]


@pytest.mark.parametrize("after", [1000, 1001])
def test_an_answer_that_is_short_enough_comes_through(after: int) -> None:
    assert read(Cuts(Plain(), at="answer", bytes=after)(get())) == CONTENT


def test_everything_at_once_breaks_off_as_well() -> None:
    with pytest.raises(Unanswered):
        Cuts(Plain(), at="answer", bytes=10)(get()).stream.read()
    assert Cuts(Plain(), at="answer", bytes=10)(get("HEAD")).stream.read() == b""


def test_a_request_breaks_off_after_some_bytes() -> None:
    plain = Plain()
    request = Request("PUT", URL, body=Body.of(CONTENT))
    with pytest.raises(Unanswered, match="in the middle of the request"):
        Cuts(plain, at="request", bytes=150)(request)
    assert plain.read == CONTENT[:150]
    assert Cuts(plain, at="request", bytes=0)(get()).status == 200  # there is nothing to break off


def test_a_place_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'half' is not one of before, after, answer, request"):
        Cuts(Plain(), at="half")


def test_an_answer_comes_late_and_slowly() -> None:
    slept: list[float] = []
    response = Slows(Plain(), delay=0.5, rate=1000, sleep=slept.append)(get())
    assert slept == [0.5]
    assert read(response, 400) == CONTENT
    assert sum(slept[1:]) == pytest.approx(1.0)
    assert max(slept[1:]) <= 0.1


def test_what_is_not_slow_does_not_wait() -> None:
    slept: list[float] = []
    assert read(Slows(Plain(), sleep=slept.append)(get())) == CONTENT
    assert slept == []


@pytest.mark.parametrize("offset", [0, 63, 64, 500, 999, 1000])
def test_one_byte_is_another(offset: int) -> None:
    found = read(Corrupts(Plain(), offset=offset)(get()))
    assert [index for index, (a, b) in enumerate(zip(found, CONTENT, strict=True)) if a != b] == [offset][
        : offset < 1000
    ]


def test_fields_are_set_and_removed() -> None:
    response = Fields(Plain(), set={"X-New": "1", "etag": "other"}, remove=("www-authenticate",))(get())
    assert [(name, value) for name, value in response.headers if name != "Content-Length"] == [
        ("X-New", "1"),
        ("etag", "other"),
    ]
