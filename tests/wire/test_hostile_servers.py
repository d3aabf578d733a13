"""What a person sees when a server is hostile or absurd: one clear line, the right exit code, and nothing left behind."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run

from .scripted import Script, Server, Wire

DIGEST = Digest.of(b"what was asked for")


def answering(content: bytes | str, *fields: str, status: str = "200 OK") -> Script:
    """Every request is answered the same."""

    def script(wire: Wire) -> None:
        while wire.head():
            wire.answer(content.encode() if isinstance(content, str) else content, *fields, status=status)

    return script


def saying(text: str) -> Script:
    """Every connection is answered with this, and closed."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.say(text)

    return script


def challenged(server_answer: Callable[[str], tuple[bytes, str]]) -> Script:
    """A registry that wants a token, and its token service; the latter's answer is the test's."""

    def script(wire: Wire) -> None:
        while head := wire.head():
            host = next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("host:"))
            if head.startswith("GET /token"):
                content, status = server_answer(head)
                wire.answer(content, status=status)
            else:
                wire.answer(b"", f'WWW-Authenticate: Bearer realm="http://{host}/token"', status="401 Unauthorized")

    return script


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


def index_of_itself() -> str:
    """An index cannot name itself by digest; a server can only claim that it does."""
    entry = {"mediaType": media.OCI_INDEX, "digest": str(DIGEST), "size": 100}
    return json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry]})


MANIFEST = f"Content-Type: {media.OCI_MANIFEST}"
INDEX = f"Content-Type: {media.OCI_INDEX}"
TAGS = ("tags", "ADDRESS/app")
GET = ("manifest", "get", "ADDRESS/app:1")


@pytest.mark.parametrize(
    ("script", "words", "code", "said"),
    [
        pytest.param(answering('{"tags": null}'), TAGS, 0, "", id="no tags at all"),
        pytest.param(answering('{"tags": {"a": 1}}'), TAGS, 7, "not a list of names", id="tags that are no list"),
        pytest.param(answering('{"tags": ["\\u001b[2J"]}'), TAGS, 7, "not a list of names", id="a tag that steers"),
        pytest.param(answering(nested(100_000)), TAGS, 7, "nested too deeply", id="a JSON bomb"),
        pytest.param(answering('{"tags": [' + "9" * 5000 + "]}"), TAGS, 7, "is not JSON", id="a number too long"),
        pytest.param(answering(b"\xff\xfe"), TAGS, 7, "is not JSON", id="not UTF-8"),
        pytest.param(answering("<html>Hello</html>"), TAGS, 7, "is not JSON", id="HTML in place of tags"),
        pytest.param(
            answering('{"tags":["a"]}', "Link: </v2/app/tags/list>; rel=next"), TAGS, 7, "in circles", id="pages"
        ),
        pytest.param(
            answering("", "Location: /v2/x", status="307 Moved"), TAGS, 7, "10 redirects", id="a redirect loop"
        ),
        pytest.param(
            answering("", "Location: file:///etc/passwd", status="307 Moved"), TAGS, 7, "no http", id="a file"
        ),
        pytest.param(answering("no", status="418 I'm a teapot"), TAGS, 7, "418", id="a status of no use"),
        pytest.param(
            answering("<h1>Bad</h1>", status="502 Bad Gateway"), TAGS, 6, "502 Bad Gateway: Bad", id="a bad gateway"
        ),
        pytest.param(saying("220 smtp.test ready\r\n"), TAGS, 7, "did not answer in HTTP", id="another protocol"),
        pytest.param(saying("HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 1000), TAGS, 7, "", id="too many header fields"),
        pytest.param(saying("HTTP/1.1 200 OK\r\nX: " + "y" * 70_000), TAGS, 7, "", id="a header field too long"),
        pytest.param(
            saying("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"), TAGS, 6, "was cut", id="an answer cut short"
        ),
        pytest.param(answering("{}", MANIFEST), GET, 0, "", id="an empty manifest"),
        pytest.param(answering("[]", MANIFEST), GET, 7, "not a JSON object", id="a manifest that is a list"),
        pytest.param(answering('{"layers": 5}', MANIFEST), GET, 7, "'layers'", id="layers that are a number"),
        pytest.param(answering('{"schemaVersion": 1}', MANIFEST), GET, 8, "schema 1", id="schema 1"),
        pytest.param(answering(b" " * (5 << 20), MANIFEST), GET, 7, "4194304", id="a manifest too large"),
        pytest.param(
            saying(f"HTTP/1.1 200 OK\r\n{MANIFEST}\r\nContent-Length: 2000000000\r\n\r\n"), GET, 7, "4194304", id="2 GB"
        ),
        pytest.param(
            answering("{}", MANIFEST), ("manifest", "get", f"ADDRESS/app@{DIGEST}"), 5, "expected", id="other bytes"
        ),
        pytest.param(
            answering(index_of_itself(), INDEX), ("inspect", "ADDRESS/app:1"), 5, "expected", id="nested in itself"
        ),
        pytest.param(answering("x"), ("blob", "head", f"ADDRESS/app@{DIGEST}"), 0, "", id="a blob's length"),
        pytest.param(
            answering("x"), ("blob", "get", f"ADDRESS/app@{DIGEST}"), 5, "expected", id="a blob of other bytes"
        ),
        pytest.param(
            challenged(lambda _: (b"<html>log in</html>", "200 OK")), TAGS, 7, "token service", id="HTML for a token"
        ),
        pytest.param(
            challenged(lambda _: (b'{"token": 5}', "200 OK")), TAGS, 7, "no usable token", id="a number for a token"
        ),
        pytest.param(
            challenged(lambda _: (b'{"token": "a\\r\\nb"}', "200 OK")), TAGS, 7, "no usable token", id="two lines"
        ),
        pytest.param(challenged(lambda _: (b" " * (2 << 20), "200 OK")), TAGS, 7, "1048576", id="a token too large"),
        pytest.param(
            challenged(lambda _: (b"", "403 Forbidden")), TAGS, 4, "no credentials", id="no token for anybody"
        ),
        pytest.param(
            answering("", 'WWW-Authenticate: "', status="401 No"), TAGS, 4, "cannot be understood", id="a challenge"
        ),
        pytest.param(
            answering("", "WWW-Authenticate: Negotiate", status="401 No"), TAGS, 4, "Negotiate", id="Negotiate"
        ),
    ],
)
def test_one_line_and_the_right_exit_code(
    run: Run, script: Script, words: tuple[str, ...], code: int, said: str
) -> None:
    with Server(script) as server:
        address = f"127.0.0.1:{server.port}"
        told = run(*(word.replace("ADDRESS", address) for word in words), "--plain-http", "--retries", "0")
    assert told.code == code, told.err
    assert said in told.err
    assert len(told.err.splitlines()) == (1 if code else 0)
    assert len(told.err) < 2000
    assert "Traceback" not in told.err


def test_an_answer_that_never_comes_is_not_waited_for(run: Run) -> None:
    with Server(saying(f"HTTP/1.1 200 OK\r\n{MANIFEST}\r\nContent-Length: 2000000\r\n\r\n")) as server:
        told = run("manifest", "get", "--plain-http", "--retries", "0", f"127.0.0.1:{server.port}/app:1")
    assert told.code == 6

    def silent(wire: Wire) -> None:
        wire.head()
        wire.say(f"HTTP/1.1 200 OK\r\n{MANIFEST}\r\nContent-Length: 2000000\r\n\r\n")
        wire.head()  # until the client goes

    with Server(silent) as server:
        told = run("manifest", "get", "--plain-http", "--timeout", "0.3", f"127.0.0.1:{server.port}/app:1")
    assert told.code == 6
    assert "time-out of 0.3 s" in told.err
