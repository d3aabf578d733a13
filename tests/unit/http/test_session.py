"""A session: hops, retries, warnings, limits; authenticators and transports are functions here."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable

import pytest

from pratique.errors import Misbehaved, Unreachable
from pratique.http.events import Event, Redirected, Retried, Sent, Warned
from pratique.http.gate import Gate, Pace
from pratique.http.local import LocalTransport
from pratique.http.message import Body, Headers, Request, Response, Unanswered
from pratique.http.origin import Origin
from pratique.http.reach import Plain, everywhere, usual
from pratique.http.retry import Patience
from pratique.http.session import MOST_REDIRECTS, USER_AGENT, Session, redirection

URL = "https://r.test/v2/"


class Signing:
    """Puts the scopes and the origin of each hop into `Authorization`, so that it shows where they go."""

    def exchange(self, request: Request, scopes: str | None, send: Callable[[Request], Response]) -> Response:
        return send(request.having("Authorization", f"{scopes} at {request.origin}"))

    def permission(self, request: Request) -> str | None:
        return f"for {request}"


class Desk:
    """A session with scripted answers, and everything that came of it."""

    def __init__(self, *answers: Response | Exception, plain_http: bool = False, gate: Gate | None = None) -> None:
        self._answers = iter(answers)
        self.seen: list[Request] = []
        self.events: list[Event] = []
        self.slept: list[float] = []
        self.session: Session[str] = Session(
            self._answer,
            Signing(),
            reaches=everywhere(plain=Plain.ALWAYS) if plain_http else usual,
            patience=Patience(retries=2, jitter=lambda: 1.0),
            gate=gate,
            tell=self.events.append,
            clock=lambda: float(len(self.seen)),
            sleep=self.slept.append,
        )

    def _answer(self, request: Request) -> Response:
        self.seen.append(request)
        answer = next(self._answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def send(self, method: str = "GET", url: str = URL, body: Body | None = None) -> Response:
        return self.session.send(Request(method, url, body=body), "pull")

    @property
    def shown(self) -> list[tuple[str, str, str | None]]:
        return [(request.method, request.url, request.headers.get("Authorization")) for request in self.seen]

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def to(location: str, status: int = 307) -> Response:
    return Response.of(status, b"elsewhere", ("Location", location))


# Observers


@pytest.mark.parametrize("kind", [Sent, Warned])
def test_an_error_of_an_observer_ends_the_request_and_leaves_nothing_open(kind: type[Event]) -> None:
    content = io.BytesIO(b"content")
    answer = Response(200, Headers([("Warning", '299 - "old"')]), content)

    def tell(event: Event) -> None:
        if isinstance(event, kind):
            raise ZeroDivisionError

    gate = Gate(lambda _: Pace(1))
    session: Session[str] = Session(lambda _: answer, Signing(), gate=gate, tell=tell)
    with pytest.raises(ZeroDivisionError):
        session.send(Request("GET", URL))
    assert content.closed
    other = threading.Thread(target=gate.enter, args=[Origin.of(URL)], daemon=True)
    other.start()
    other.join(5)
    assert not other.is_alive()  # the place was given back


# Redirects


def test_each_hop_has_its_own_permission() -> None:
    desk = Desk(to("https://cdn.test/blob?sig=1"), to("/other"), to("//r.test:8443/blob"), Response.of(200, b"it"))
    assert desk.send().read(10, "it") == b"it"
    assert desk.shown == [
        ("GET", "https://r.test/v2/", "pull at https://r.test"),
        ("GET", "https://cdn.test/blob?sig=1", "None at https://cdn.test"),
        ("GET", "https://cdn.test/other", "None at https://cdn.test"),
        ("GET", "https://r.test:8443/blob", "None at https://r.test:8443"),
    ]
    assert desk.told(Redirected)[0] == Redirected("https://r.test/v2/", "https://cdn.test/blob?sig=…")


def test_within_the_origin_the_operation_keeps_its_scopes() -> None:
    desk = Desk(to("/v2/other", 302), to("https://r.test:443/v2/third"), Response.of(200))
    desk.send().close()
    assert [shown[1:] for shown in desk.shown] == [
        ("https://r.test/v2/", "pull at https://r.test"),
        ("https://r.test/v2/other", "pull at https://r.test"),
        ("https://r.test:443/v2/third", "pull at https://r.test"),
    ]


def test_the_scopes_do_not_come_back_with_the_origin() -> None:
    desk = Desk(to("https://cdn.test/"), to("https://r.test/v2/"), Response.of(200))
    desk.send().close()
    assert desk.shown[-1] == ("GET", "https://r.test/v2/", "None at https://r.test")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_a_redirect_is_followed_where_the_method_stays(method: str, status: int) -> None:
    answer = redirection(Request(method, URL), to("/there", status))
    followed = method in ("GET", "HEAD") or status in (307, 308)
    assert answer == ("https://r.test/there" if followed else None)


@pytest.mark.parametrize("status", [200, 201, 202, 300, 304, 305, 306, 401])
def test_a_location_alone_is_no_redirect(status: int) -> None:
    assert redirection(Request("GET", URL), to("/there", status)) is None
    assert redirection(Request("GET", URL), Response.of(307)) is None


def test_a_body_is_sent_again_to_where_the_request_is_sent() -> None:
    opened: list[io.BytesIO] = []

    def transport(request: Request) -> Response:
        assert request.body is not None
        with request.body.open() as stream:
            assert stream.read() == b"content"
        return to("/there", 308) if request.path == "/v2/" else Response.of(201)

    def recipe() -> io.BytesIO:
        opened.append(io.BytesIO(b"content"))
        return opened[-1]

    session: Session[str] = Session(transport, Signing())
    session.send(Request("PUT", URL, body=Body(recipe, 7))).close()
    assert [stream.closed for stream in opened] == [True, True]


@pytest.mark.parametrize(
    "location",
    [
        "ftp://r.test/",
        "file:///etc/passwd",
        "https://u:secret@r.test/",
        "http://[::1",
        "/a b",
        "javascript:0",
    ],
)
def test_a_redirect_to_nowhere_is_the_servers_mistake(location: str) -> None:
    response = to(location)
    content = response.stream
    with pytest.raises(Misbehaved, match="was redirected to") as caught:
        Desk(response).send()
    assert "secret" not in str(caught.value)
    assert isinstance(content, io.BytesIO)
    assert content.closed


def test_redirects_in_a_circle_end() -> None:
    desk = Desk(*(to("/v2/") for _ in range(100)))
    with pytest.raises(Misbehaved, match="more than 10 redirects"):
        desk.send()
    assert len(desk.seen) == MOST_REDIRECTS + 1


def test_a_redirect_to_plain_http_is_warned_of_once_and_shows_no_permission() -> None:
    desk = Desk(*[answer for _ in range(2) for answer in (to("http://cdn.test/x"), to("/y"), Response.of(200))])
    desk.send().close()
    desk.send().close()
    assert [shown[2] for shown in desk.shown] == ["pull at https://r.test", None, None] * 2
    assert desk.told(Warned) == [
        Warned("https://r.test redirects to plain http at http://cdn.test; no secret is sent there")
    ]


# Retries


def test_an_answer_in_trouble_is_asked_for_again() -> None:
    first = Response.of(502, b"<html>")
    desk = Desk(first, Unanswered("cut", transient=True), Response.of(200))
    assert desk.send().status == 200
    assert desk.slept == [0.5, 1.0]
    assert desk.told(Retried) == [
        Retried("GET https://r.test/v2/", "502 Bad Gateway", 0.5),
        Retried("GET https://r.test/v2/", "cut", 1.0),
    ]


def test_patience_ends_with_the_servers_own_answer_or_the_last_failure() -> None:
    assert Desk(*(Response.of(503, b"%d" % turn) for turn in range(9))).send().read(10, "it") == b"2"
    desk = Desk(*(Unanswered(f"cut {turn}", transient=True) for turn in range(9)))
    with pytest.raises(Unanswered, match="cut 2"):
        desk.send()


def test_lasting_failures_and_other_errors_are_raised_at_once() -> None:
    for failure in (Unanswered("no such host", transient=False), Unreachable("private"), Misbehaved("garbage")):
        desk = Desk(failure, Response.of(200))
        with pytest.raises(type(failure)):
            desk.send()
        assert desk.slept == []


def test_a_post_whose_answer_was_lost_is_not_sent_again() -> None:
    desk = Desk(Unanswered("cut", transient=True), Response.of(202))
    with pytest.raises(Unanswered):
        desk.send("POST")


# Warnings


def test_warnings_are_told_once_and_made_harmless() -> None:
    line = '299 - "Your \\"token\\" ends\x1b[2J", 199 - "not ours", 299 example.test "nor this", 299 - "second"'
    desk = Desk(*(Response.of(200, b"", ("Warning", line)) for _ in range(3)))
    for _ in range(3):
        desk.send().close()
    assert desk.told(Warned) == [Warned('r.test says: Your "token" ends[2J'), Warned("r.test says: second")]


@pytest.mark.parametrize("line", ["", '299 - "open', "299", "299 -", "x" + " " * 2_000_000 + "y", '299 - "' * 300_000])
def test_warnings_that_are_none_are_passed_over(line: str) -> None:
    desk = Desk(Response.of(200, b"", ("Warning", line)))
    desk.send().close()
    assert len(desk.told(Warned)) <= 1


# The rest


def test_the_permission_that_was_good_is_the_authenticators_to_tell() -> None:
    assert Desk().session.permission(Request("GET", URL)) == "for GET https://r.test/v2/"


def test_what_was_sent_is_told_without_secrets() -> None:
    challenge = Response(401, Headers([("WWW-Authenticate", "Basic"), ("WWW-Authenticate", "Bearer")]))
    desk = Desk(challenge, Unanswered("no connection", transient=False))
    desk.send("DELETE", "https://r.test/x?sig=hunter2").close()
    with pytest.raises(Unanswered):
        desk.send()
    assert desk.events == [
        Sent("DELETE", "https://r.test/x?sig=…", "pull", 401, 1.0, ("Basic", "Bearer")),
        Sent("GET", URL, "pull", None, 1.0, (), "no connection"),
    ]


def test_requests_say_who_asks() -> None:
    desk = Desk(Response.of(200))
    desk.send().close()
    assert desk.seen[0].headers.all("User-Agent") == (USER_AGENT,)


def test_a_place_is_kept_until_the_answer_is_read_or_closed() -> None:
    class Counting(Gate):
        inside = 0

        def enter(self, origin: Origin) -> Callable[[], None]:
            leave = super().enter(origin)
            self.inside += 1
            left: list[None] = []

            def leaving() -> None:
                if not left:
                    left.append(None)
                    self.inside -= 1
                leave()

            return leaving

    gate = Counting()
    desk = Desk(*(Response.of(200, b"it") for _ in range(3)), Unanswered("cut", transient=False), gate=gate)
    first, second, third = (desk.send() for _ in range(3))
    assert gate.inside == 3
    assert (first.stream.read(10), gate.inside) == (b"it", 3)
    assert (first.stream.read(10), gate.inside) == (b"", 2)
    buffer = bytearray(10)
    assert (second.stream.readinto(buffer), second.stream.readinto(buffer), gate.inside) == (2, 0, 1)
    third.close()
    third.close()
    assert gate.inside == 0
    with pytest.raises(Unanswered):
        desk.send()
    assert gate.inside == 0


class Wires:
    """A transport that knows what servers speak."""

    def __init__(self, *speaking: str) -> None:
        self._speaking = speaking
        self.asked: list[Origin] = []
        self.heard: list[str] = []

    def __call__(self, request: Request) -> Response:
        raise Unanswered("nobody", transient=True)

    def speaks_tls(self, origin: Origin) -> bool:
        self.asked.append(origin)
        return origin.netloc in self._speaking

    def cancel(self, reason: str) -> None:
        self.heard.append(reason)

    def close(self) -> None:
        self.heard.append("close")


def test_only_this_machine_is_asked_what_it_speaks_and_once() -> None:
    wires = Wires("localhost:5000")
    session: Session[str] = Session(wires, Signing())
    assert session.base_url("localhost:5000") == "https://localhost:5000"
    assert session.base_url("127.0.0.1:5001") == "http://127.0.0.1:5001"
    assert session.base_url("127.0.0.1:5001") == "http://127.0.0.1:5001"
    assert session.base_url("r.test") == "https://r.test"
    assert session.base_url("10.0.0.1:5000") == "https://10.0.0.1:5000"
    assert [origin.port for origin in wires.asked] == [5000, 5001]


def test_plain_http_is_what_the_session_is_told() -> None:
    wires = Wires("localhost")
    session: Session[str] = Session(wires, Signing(), reaches=everywhere(plain=Plain.ALWAYS))
    assert session.base_url("r.test") == "http://r.test"
    assert wires.asked == []


def test_being_cancelled_ends_a_wait() -> None:
    wires = Wires()
    session: Session[str] = Session(wires, Signing())
    session.cancel("interrupted")  # the waits are cut short; the transport has the last word
    with pytest.raises(Unanswered):
        session.send(Request("GET", URL))
    session.close()
    assert wires.heard == ["interrupted", "close"]


def test_a_local_transport_knows_its_handlers_only() -> None:
    transport = LocalTransport({Origin.of(URL): lambda request: Response.of(200, request.path.encode())})
    assert transport(Request("GET", URL)).read(10, "it") == b"/v2/"
    with pytest.raises(Unanswered, match="no connection") as caught:
        transport(Request("GET", "http://r.test/v2/"))
    assert not caught.value.transient


@pytest.mark.parametrize(
    ("peer", "is_private"), [("10.1.2.3", True), ("127.0.0.1", True), ("8.8.8.8", False), (None, False)]
)
def test_a_registry_is_private_whose_answers_come_from_a_private_address(peer: str | None, *, is_private: bool) -> None:
    answer = Response.of(200)
    answer.peer = peer
    desk = Desk(answer)
    assert not desk.session.is_private("r.test")
    desk.session.send(Request("GET", URL)).close()
    assert desk.session.is_private("r.test") is is_private
    assert not desk.session.is_private("q.test")
