"""The manners of proxies, and what of them never touches a registry's credentials. `tests/wire/test_proxy.py` has the sockets."""

from __future__ import annotations

import pytest

from pratique.errors import Misbehaved, ProxyRefused
from pratique.http.events import Sent
from pratique.http.message import Request, Response

from .animal import Animal, Client, Seen, basic, bearer, challenge, given, tags, token


class BehindAProxyThatAsks(Animal):
    """`proxy-407`: the proxy refuses every CONNECT (RFC 9110 §15.5.8; docker/hub-feedback#826, 2017)."""

    def __call__(self, request: Request) -> Response:
        self.seen.append(Seen(request.method, request.url, request.headers))
        raise ProxyRefused(
            f"{request}: the proxy wants to know who asks", proxy="http://proxy.test", schemes=("Basic",)
        )


def test_a_proxy_that_asks_is_told_nothing_of_the_registrys_credential() -> None:
    animal = BehindAProxyThatAsks()
    client = Client(animal, given("foo", "bar"), eager=True)
    with pytest.raises(ProxyRefused) as caught:
        list(client.repository().tags())
    assert caught.value.exit_code == 6
    assert len(animal.seen) == 1, "neither repeated nor tried as somebody else"
    assert client.slept == []
    assert [type(event) for event in client.events] == [Sent]


class TokensBehindAProxyThatAsks(Animal):
    """The registry is reached, and the proxy on the way to its token service refuses."""

    def __call__(self, request: Request) -> Response:
        if request.path == "/token":
            self.seen.append(Seen(request.method, request.url, request.headers))
            raise ProxyRefused(f"{request}: the proxy wants to know who asks", proxy="http://proxy.test")
        return super().__call__(request)

    def answer(self, seen: Seen) -> Response:
        return challenge(401, bearer("repository:foo:pull"))


def test_a_proxy_before_the_token_service_is_the_reason_that_is_told() -> None:
    animal = TokensBehindAProxyThatAsks()
    with pytest.raises(ProxyRefused, match="the proxy wants to know who asks") as caught:
        list(Client(animal, given("foo", "bar")).repository().tags())
    assert any("names the token service" in note for note in caught.value.__notes__)
    assert len(animal.seen) == 2


class SaysThatItIsAProxy(Animal):
    """A server, and no proxy, that answers 407 with both kinds of challenge."""

    def answer(self, seen: Seen) -> Response:
        if seen.authorization or seen.headers.get("Proxy-Authorization"):
            return tags("latest")
        fields = (("Proxy-Authenticate", 'Basic realm="p"'), ("WWW-Authenticate", 'Basic realm="r"'))
        return Response.of(407, b"", *fields)


def test_a_407_is_no_challenge_of_a_registry() -> None:
    animal = SaysThatItIsAProxy()
    with pytest.raises(Misbehaved, match="407 Proxy Authentication Required"):
        list(Client(animal, given("foo", "bar")).repository().tags())
    assert [seen.authorization for seen in animal.seen] == [None]


class AsksForBoth(Animal):
    """A registry whose answers came through a proxy, which left its own challenge in them (squid, with `login=PASS`)."""

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/token":
            return token("T")
        if seen.authorization in ("Bearer T", basic("foo", "bar")):
            return tags("latest")
        refused = challenge(401, bearer("repository:foo:pull"))
        return Response(401, refused.headers.having("Proxy-Authenticate", 'Basic realm="p"'))


def test_a_proxys_challenge_in_an_answer_is_not_answered() -> None:
    animal = AsksForBoth()
    assert list(Client(animal, given("foo", "bar")).repository().tags()) == ["latest"]
    assert [seen.headers.get("Proxy-Authorization") for seen in animal.seen] == [None, None, None]
