"""Requests through a proxy, over real sockets.

The hosts are an address that is nobody's (RFC 5737) and names under `.test`. Only the proxy knows them, as ports of this machine.
"""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

import pytest
import trustme

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import Credential, Given
from pratique.auth.scopes import ScopeSet
from pratique.errors import Misbehaved, ProxyRefused, Unreachable
from pratique.http import tunnel
from pratique.http.events import Event, Sent
from pratique.http.message import Body, Request, Unanswered
from pratique.http.origin import Origin
from pratique.http.reach import Plain, Proxy, everywhere
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.http.transport import HttpTransport, Timeouts
from pratique.http.trust import Trust
from pratique.stores.registry import Repository

from .forwarding import Forwarding
from .scripted import PATIENCE_SECONDS, Running, Script, Server, Wire, politely

NOBODY = "192.0.2.1"
KNOWN = {NOBODY: NOBODY, "intranet.test": "10.0.0.1"}  # to this machine's resolver
SECRET = "S3CRET"
USER = f"foo:{SECRET}"
BASIC = f"Basic {base64.b64encode(USER.encode()).decode()}"
LARGE = 4 << 20  # more than a TLS record, and than the buffers of a socket


@pytest.fixture
def host_tls(authority: trustme.CA) -> ssl.SSLContext:
    """The TLS of a server by the names that only a proxy knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(NOBODY, "r.test").configure_cert(context)
    return context


@pytest.fixture(autouse=True)
def resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A resolver that asks no other machine."""

    def look_up(host: str, _: object) -> list[tuple[object, ...]]:
        if host not in KNOWN:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return [(0, 0, 0, "", (KNOWN[host], 0))]

    monkeypatch.setattr(tunnel, "behind", partial(tunnel.behind.__wrapped__, look_up=look_up))


@contextmanager
def through(proxy: Server, ca_file: str | None = None, user: str = "", **waiting: float) -> Iterator[HttpTransport]:
    """A transport that sends everything through a proxy."""
    trust = Trust(ca_file=ca_file)
    scheme, _, place = proxy.url("").partition("://")
    found = Proxy.parse(f"{scheme}://{user}{'@' if user else ''}{place}", "the test")
    found = Proxy(found.origin, found.source, found.authorization, trust)
    with closing(HttpTransport(everywhere(trust=trust, proxy=found), Timeouts(**waiting))) as transport:
        yield transport


def get(transport: HttpTransport, url: str, method: str = "GET", body: Body | None = None) -> tuple[int, bytes]:
    with transport(Request(method, url, body=body)) as response:
        return response.status, response.excerpt(LARGE * 2)


def once(wire: Wire) -> None:
    """Answer one request with its head."""
    wire.answer(wire.head().encode())


def refusing(*data: str) -> Script:
    """A proxy that says this to whatever it is asked."""

    def script(wire: Wire) -> None:
        wire.head()
        wire.say(*data)

    return script


# What goes where


def test_a_plain_request_says_the_whole_url_to_the_proxy() -> None:
    with (
        Server(once) as server,
        Forwarding({"r.test": server.port}, USER) as proxy,
        through(proxy, user=USER) as transport,
    ):
        status, head = get(transport, "http://r.test/v2/foo?n=1")
    assert status == 200
    assert proxy.lines == ["GET http://r.test/v2/foo?n=1 HTTP/1.1"]
    assert "\nHost: r.test\n" in f"{proxy.seen[0]}\n"
    assert head.startswith(b"GET /v2/foo?n=1 HTTP/1.1")
    assert b"Host: r.test" in head
    assert b"Proxy-Authorization" not in head


def test_a_request_over_tls_goes_through_a_tunnel_of_which_the_proxy_knows_host_and_port(
    host_tls: ssl.SSLContext, ca_file: str
) -> None:
    with Server(tls=host_tls) as server, Forwarding({"r.test:443": server.port}, USER) as proxy:
        with through(proxy, ca_file, USER) as transport:
            request = Request("GET", "https://r.test/v2/foo").having("Authorization", f"Bearer {SECRET}")
            for _ in range(2):
                with transport(request) as response:
                    assert response.excerpt(100) == b"GET /v2/foo HTTP/1.1"
                    assert response.peer == "r.test"
        assert server.connections == 1, "the tunnel is used again"
    assert proxy.lines == ["CONNECT r.test:443 HTTP/1.1"]
    assert proxy.seen[0].splitlines()[1] == "Host: r.test:443"
    assert f"Proxy-Authorization: {BASIC}" in proxy.seen[0]
    assert "Bearer" not in proxy.seen[0]


def test_the_proxys_password_is_not_for_the_server(host_tls: ssl.SSLContext, ca_file: str) -> None:
    with (
        Server(once, tls=host_tls) as server,
        Forwarding({"r.test:443": server.port}, USER) as proxy,
        through(proxy, ca_file, USER) as transport,
    ):
        _, head = get(transport, "https://r.test/")
    assert b"proxy" not in head.lower()


def test_an_address_with_colons_stands_in_brackets() -> None:
    with (
        Server(refusing("HTTP/1.1 403 No\r\n\r\n")) as proxy,
        through(proxy) as transport,
        pytest.raises(ProxyRefused, match=r"does not connect to \[2001:db8::1\]:5000"),
    ):
        transport(Request("GET", "https://[2001:db8::1]:5000/v2/"))


@pytest.mark.parametrize("proxy_over_tls", [False, True], ids=["http proxy", "https proxy"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_much_goes_both_ways(
    scheme: str, proxy_over_tls: bool, host_tls: ssl.SSLContext, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    content = bytes(range(256)) * (LARGE // 256)

    def echo(wire: Wire) -> None:
        while wire.head():
            wire.answer(wire.read(LARGE))

    tls = host_tls if scheme == "https" else None
    with Server(echo, tls=tls) as server:
        ports = {"r.test": server.port, "r.test:443": server.port}
        with (
            Forwarding(ports, USER, server_tls if proxy_over_tls else None) as proxy,
            through(proxy, ca_file, USER) as transport,
        ):
            for _ in range(2 if scheme == "https" else 1):
                assert get(transport, f"{scheme}://r.test/", "PUT", Body.of(content)) == (200, content)
    assert len(proxy.seen) == 1


def test_content_that_ends_with_the_connection_ends_within_two_layers_of_tls(
    host_tls: ssl.SSLContext, server_tls: ssl.SSLContext, ca_file: str
) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 200 OK\r\n\r\n", b"x" * 100_000)

    with (
        Server(script, tls=host_tls) as server,
        Forwarding({"r.test:443": server.port}, tls=server_tls) as proxy,
        through(proxy, ca_file) as transport,
    ):
        assert get(transport, "https://r.test/") == (200, b"x" * 100_000)


def test_the_server_behind_a_proxy_over_tls_is_verified(server_tls: ssl.SSLContext, ca_file: str) -> None:
    with (
        Server(tls=server_tls) as server,
        Forwarding({"r.test:443": server.port}, tls=server_tls) as proxy,
        through(proxy, ca_file) as transport,
        pytest.raises(Unanswered, match=r"certificate of r\.test is not tr"),
    ):
        get(transport, "https://r.test/")


def test_a_proxy_over_tls_is_verified_before_it_is_told_anything(server_tls: ssl.SSLContext) -> None:
    with (
        Forwarding({}, tls=server_tls) as proxy,
        through(proxy, user=USER) as transport,
        pytest.raises(Unanswered, match=r"certificate of the proxy https://127\.0\.0\.1:\d+ \(the test\)") as caught,
    ):
        get(transport, "https://r.test/")
    assert proxy.seen == []
    assert SECRET not in f"{caught.value!r}"


# Proxies that do not


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("user", ["", f"foo:wrong-{SECRET}"])
def test_proxy_407_is_an_error_of_its_own(scheme: str, user: str) -> None:
    """`proxy-407` (RFC 9110 §15.5.8; docker/hub-feedback#826, 2017)."""
    with (
        Forwarding({}, USER, takes="Negotiate Basic") as proxy,
        through(proxy, user=user) as transport,
        pytest.raises(ProxyRefused, match="wants to know who asks") as caught,
    ):
        get(transport, f"{scheme}://r.test/")
    error = caught.value
    assert error.schemes == ("Negotiate", "Basic")
    assert error.proxy == proxy.url("")
    assert SECRET not in f"{error!r} {error.advice()}"
    assert ("not the right ones" in str(error.advice())) is bool(user)
    assert len(proxy.seen) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_407_shows_no_credential_of_a_registry(scheme: str) -> None:
    credentials = Given(Credential.parse(f"foo:{SECRET}", "--creds"), frozenset({"r.test"}))
    events: list[Event] = []
    with Forwarding({}, "other:user") as proxy, through(proxy) as transport:
        plain = Plain.ALWAYS if scheme == "http" else Plain.NEVER
        session: Session[ScopeSet] = Session(
            transport,
            Authenticator(credentials, tell=events.append),
            reaches=everywhere(plain=plain, proxy=Proxy.parse(proxy.url(""), "the test")),
            patience=Patience(retries=3),
            tell=events.append,
        )
        with pytest.raises(ProxyRefused):
            list(Repository(session, "r.test", "foo").tags())
    assert len(proxy.seen) == 1, "neither repeated nor tried as somebody else"
    assert "uthorization" not in proxy.seen[0]
    sent = [event for event in events if isinstance(event, Sent)]
    assert events == sent
    assert [(event.via, event.authorization) for event in sent] == [(proxy.url(""), "")]


def test_a_407_of_the_server_is_not_the_proxys(host_tls: ssl.SSLContext, ca_file: str) -> None:
    script = refusing("HTTP/1.1 407 Odd\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
    with (
        Server(script, tls=host_tls) as server,
        Forwarding({"r.test:443": server.port}, USER) as proxy,
        through(proxy, ca_file, USER) as transport,
    ):
        assert get(transport, "https://r.test/")[0] == 407
    assert len(proxy.seen) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        ("HTTP/1.1 403 Filtered\r\n\r\n", ProxyRefused, "answered 403 Forbidden and does not connect to r.test:443"),
        ("HTTP/1.1 405 No\r\n\r\n", ProxyRefused, "answered 405"),
        ("HTTP/1.1 301 No\r\nLocation: /\r\n\r\n", ProxyRefused, "answered 301"),
        ("HTTP/1.1 401 No\r\nWWW-Authenticate: Basic\r\n\r\n", ProxyRefused, r"who asks \(401 Unauthorized\)"),
        ("HTTP/1.1 502 Bad Gateway\r\n\r\n", Unanswered, "answered 502"),
        ("HTTP/1.1 503 \r\n\r\n", Unanswered, "answered 503"),
        ("HTTP/1.0 504\n\n", Unanswered, "answered 504"),
        ("", Unanswered, "closed the connection"),
        ("HTTP/1.1 200 OK\r\n", Unanswered, "closed the connection"),
        ("HTTP/1.1 200 OK\r\nX: y", Unanswered, "closed the connection"),
        ("SSH-2.0-OpenSSH_9.2\r\n", Misbehaved, "did not answer in HTTP"),
        ("HTTP/1.1 999 OK\r\n\r\n", Misbehaved, "did not answer in HTTP"),
        ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", Misbehaved, "something followed the head"),
        ("HTTP/2 200\r\n\r\n", Misbehaved, "did not answer in HTTP"),
        ("HTTP/1.1 200 OK\r\n" + "X: y\r\n" * 1000, Misbehaved, "more than 100 lines"),
        ("HTTP/1.1 200 OK\r\nX: " + "y" * 100_000, Misbehaved, "did not answer in HTTP"),
        ("HTTP/1.1 100 Continue\r\n\r\n" * 50, ProxyRefused, "answered 100 Continue"),
    ],
)
def test_a_proxy_that_does_not_connect_is_explained(answer: str, kind: type[Exception], said: str) -> None:
    with (
        Server(refusing(answer)) as proxy,
        through(proxy) as transport,
        pytest.raises(kind, match=said) as caught,
    ):
        get(transport, "https://r.test/v2/")
    assert f"the proxy {proxy.url('')}" in str(caught.value)
    if isinstance(caught.value, Unanswered):
        assert caught.value.transient


def test_interim_answers_of_a_proxy_are_skipped(host_tls: ssl.SSLContext, ca_file: str) -> None:
    def script(wire: Wire) -> None:
        wire.head()
        wire.say("HTTP/1.1 100 Continue\r\n\r\n" * 3, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        with host_tls.wrap_socket(wire.socket, server_side=True) as secured:
            politely(Wire(secured))

    with Server(script) as proxy, through(proxy, ca_file) as transport:
        assert get(transport, "https://r.test/")[0] == 200


def test_a_proxy_that_is_not_there_is_named() -> None:
    with Server() as gone:
        pass
    with through(gone) as transport, pytest.raises(Unanswered, match=r"no connection to the proxy http://127\.0\.0\.1"):
        get(transport, "https://r.test/")


def test_a_silent_proxy_is_not_waited_for_forever() -> None:
    with (
        Server(lambda wire: wire.read()) as proxy,
        through(proxy, connect=0.2, read=0.2) as transport,
        pytest.raises(Unanswered, match=r"the proxy http://127\.0\.0\.1:\d+ \(the test\) did not accept") as caught,
    ):
        get(transport, "https://r.test/")
    assert caught.value.transient


def test_a_proxy_that_does_not_answer_for_a_server_is_named() -> None:
    with (
        Server(lambda wire: wire.head()) as proxy,
        through(proxy) as transport,
        pytest.raises(Unanswered, match=r"the proxy http://127\.0\.0\.1:\d+ \(the test\) closed the connection"),
    ):
        get(transport, "http://r.test/")


def test_cancel_frees_whoever_waits_for_a_proxy() -> None:
    asked = threading.Event()

    def silent(wire: Wire) -> None:
        wire.head()
        asked.set()
        wire.read()

    with Server(silent) as proxy, through(proxy) as transport:
        running = Running(lambda: get(transport, "https://r.test/"))
        assert asked.wait(PATIENCE_SECONDS)
        transport.cancel("the test is over")
        with pytest.raises(Unanswered, match="the test is over"):
            running.outcome()


# What a server speaks, and who is behind


def test_a_server_is_asked_through_the_proxy_whether_it_speaks_tls(host_tls: ssl.SSLContext) -> None:
    def plainly(wire: Wire) -> None:
        wire.read(1)
        wire.say("HTTP/1.1 400 Bad Request\r\n\r\n")

    with (
        Server(tls=host_tls) as secure,
        Server(plainly) as plain,
        Forwarding({"r.test:443": secure.port, "r.test:5000": plain.port}) as proxy,
        through(proxy) as transport,
    ):
        assert transport.speaks_tls(Origin.of("https://r.test"))
        assert not transport.speaks_tls(Origin.of("https://r.test:5000"))
        assert not transport.speaks_tls(Origin.of("https://r.test:5001")), "the proxy gets no connection"
    assert [line.split()[1] for line in proxy.lines] == ["r.test:443", "r.test:5000", "r.test:5001"]


def test_a_proxy_that_refuses_is_no_reason_to_speak_http() -> None:
    with Forwarding({}, USER) as proxy, through(proxy) as transport:
        session: Session[ScopeSet] = Session(transport, Authenticator(), reaches=everywhere(plain=Plain.FALLBACK))
        with pytest.raises(ProxyRefused):
            session.base_url("r.test")
    assert proxy.lines == ["CONNECT r.test:443 HTTP/1.1"]


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1/",
        "https://169.254.169.254/",
        "http://localhost:5000/",
        "https://[::1]/",
        "https://intranet.test/",
        "https://vault/",
        "http://metadata.google.internal/",
    ],
)
def test_public_only_holds_behind_a_proxy(url: str) -> None:
    with (
        Forwarding({}) as proxy,
        through(proxy) as transport,
        pytest.raises(Unreachable, match="not public, and was named by who may be a stranger"),
    ):
        transport(Request("GET", url, public_only=True))
    assert proxy.connections == 0


def test_public_only_admits_what_the_proxy_alone_knows() -> None:
    with (
        Server(once) as server,
        Forwarding({"r.test": server.port}) as proxy,
        through(proxy) as transport,
        transport(Request("GET", "http://r.test/", public_only=True)) as response,
    ):
        assert response.status == 200


def test_public_only_does_not_use_an_idle_tunnel_to_a_private_host(host_tls: ssl.SSLContext, ca_file: str) -> None:
    with (
        Server(tls=host_tls) as server,
        Forwarding({f"{NOBODY}:443": server.port}) as proxy,
        through(proxy, ca_file) as transport,
    ):
        with transport(Request("GET", f"https://{NOBODY}/")) as response:
            response.excerpt(100)
            assert response.peer == NOBODY
        with pytest.raises(Unreachable, match="not public"):
            transport(Request("GET", f"https://{NOBODY}/", public_only=True))
    assert len(proxy.seen) == 1


def test_no_proxy_where_none_is_meant(server_tls: ssl.SSLContext, ca_file: str) -> None:
    with Server(tls=server_tls) as server, Forwarding({}) as proxy:
        elsewhere = Proxy.parse(proxy.url(""), "the test")

        def choose(origin: Origin) -> Proxy | None:
            return elsewhere if origin.host == "r.test" else None

        usual = everywhere(trust=Trust(ca_file=ca_file))
        with (
            closing(HttpTransport(lambda origin: everywhere(proxy=choose(origin))(origin))) as transport,
            pytest.raises(Unanswered, match="answered 502"),
        ):
            get(transport, "https://r.test/")
        with closing(HttpTransport(usual)) as transport:
            assert get(transport, server.url())[0] == 200
    assert len(proxy.seen) == 1
