"""The manners of registries over plain http, and of those that are not reached over https."""

from __future__ import annotations

from functools import partial

import pytest

from pratique.auth.realms import RealmPolicy
from pratique.config.hosts import Hosts
from pratique.errors import Misbehaved, Unreachable
from pratique.http.message import Request, Response, Unanswered
from pratique.http.origin import Origin
from pratique.http.trust import Trust
from pratique.server.faults.manners.challenges import Realm

from .animal import Animal, Client, Seen, basic, bearer, challenge, given, tags, token


class OnlyPlainHttp(Animal):
    """`http-fallback-policy`: nothing on the https port, a registry on the other (containers/container-libs#209, 2023)."""

    def __call__(self, request: Request) -> Response:
        if request.origin.scheme == "https":
            self.seen.append(Seen(request.method, request.url, request.headers))
            raise Unanswered(f"{request}: no TLS connection", transient=False)
        return super().__call__(request)

    def answer(self, seen: Seen) -> Response:
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        return tags("latest")

    def speaks_tls(self, origin: Origin) -> bool:
        return False

    def cancel(self, reason: str) -> None:
        raise AssertionError

    def close(self) -> None:
        raise AssertionError


@pytest.mark.parametrize("registry", ["r.test", "r.test:5000", "10.0.0.1:5000", "notlocalhost:5000", "127.0.0.1.test"])
def test_a_registry_elsewhere_never_falls_back_to_plain_http(registry: str) -> None:
    animal = OnlyPlainHttp()
    client = Client(animal, given("foo", "bar", registry), registry=registry)
    with pytest.raises(Unreachable, match="no TLS connection"):
        list(client.repository().tags())
    assert [seen.url for seen in animal.seen] == [f"https://{registry}/v2/foo/tags/list"]


@pytest.mark.parametrize("registry", ["localhost:5000", "127.0.0.1:5000", "[::1]:5000"])
def test_a_registry_on_this_machine_is_asked_what_it_speaks(registry: str) -> None:
    animal = OnlyPlainHttp()
    client = Client(animal, given("foo", "bar", registry), registry=registry)
    assert list(client.repository().tags()) == ["latest"]
    assert {seen.url for seen in animal.seen} == {f"http://{registry}/v2/foo/tags/list"}


def test_plain_http_is_spoken_where_it_is_asked_for() -> None:
    animal = OnlyPlainHttp()
    assert list(Client(animal, given(), plain_http=True).repository().tags()) == ["latest"]
    assert {seen.url for seen in animal.seen} == {"http://r.test/v2/foo/tags/list"}


@pytest.mark.parametrize("verify", [True, False])
def test_a_certificate_that_is_not_verified_is_no_leave_to_speak_http(verify: bool) -> None:
    animal = OnlyPlainHttp()
    client = Client(animal, given(), reaches=Hosts(frozenset({"r.test"}), Trust(verify=verify)))
    with pytest.raises(Unreachable, match="no TLS connection"):
        list(client.repository().tags())
    assert [seen.url for seen in animal.seen] == ["https://r.test/v2/foo/tags/list"]


def test_a_host_that_the_user_marked_is_asked_what_it_speaks_and_no_other() -> None:
    animal = OnlyPlainHttp()
    hosts = Hosts(insecure=lambda origin: origin.netloc == "old.test:5000")
    assert list(
        Client(animal, given("foo", "bar", "old.test:5000"), registry="old.test:5000", reaches=hosts)
        .repository()
        .tags()
    )
    assert {seen.url for seen in animal.seen} == {"http://old.test:5000/v2/foo/tags/list"}
    animal.seen.clear()
    for other in ("old.test", "old.test:5001"):
        with pytest.raises(Unreachable, match="no TLS connection"):
            list(Client(animal, given("foo", "bar", other), registry=other, reaches=hosts).repository().tags())
    assert {seen.url.partition(":")[0] for seen in animal.seen} == {"https"}


def test_plain_http_is_for_the_registry_that_the_command_names() -> None:
    animal = OnlyPlainHttp()
    hosts = Hosts(frozenset({"r.test"}), plain_http=True)
    assert list(Client(animal, given(), reaches=hosts).repository().tags()) == ["latest"]
    with pytest.raises(Unreachable, match="no TLS connection"):
        list(Client(animal, given(), registry="mirror.test", reaches=hosts).repository().tags())


class BehindTls(Animal):
    """`token-realm-http-for-https-registry`: TLS ends before the registry, which does not know (tigera/operator#5015, 2025)."""

    manner = partial(Realm, realm="http://{netloc}/v2/token")

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/token":
            return token("T")
        good = seen.authorization == "Bearer T"
        return tags("latest") if good else challenge(401, bearer("repository:foo:pull"))


def test_a_plain_realm_of_an_https_registry_is_refused_and_explained() -> None:
    animal = BehindTls()
    with pytest.raises(Misbehaved, match="http://r.test/v2/token: plain http") as caught:  # noqa: RUF043
        list(Client(animal, given()).repository().tags())
    assert [seen.url for seen in animal.seen] == ["https://r.test/v2/foo/tags/list"]
    assert "configured wrongly" in str(caught.value.advice())
    assert "--realm r.test=URL" in str(caught.value.advice())


def test_a_plain_realm_is_not_even_asked_anonymously() -> None:
    animal = BehindTls()
    with pytest.raises(Misbehaved):
        list(Client(animal).repository().tags())
    assert len(animal.seen) == 1


def test_the_user_may_name_the_realm() -> None:
    animal = BehindTls()
    policy = RealmPolicy(overrides={"r.test": "https://r.test/v2/token"})
    assert list(Client(animal, given(), policy=policy).repository().tags()) == ["latest"]
    assert {seen.url.partition(":")[0] for seen in animal.seen} == {"https"}


def test_over_plain_http_the_same_realm_is_fine() -> None:
    assert list(Client(BehindTls(), given(), plain_http=True).repository().tags()) == ["latest"]
