"""The manners of registries that would have a secret go where it does not belong."""

from __future__ import annotations

from contextlib import closing
from io import BytesIO

import pytest

from pratique.auth.credentials import Credential, Given, Kind
from pratique.auth.realms import Reach, RealmPolicy
from pratique.auth.secret import Secret
from pratique.errors import Error, Misbehaved, Refused, Unauthorized
from pratique.http.message import Request, Response
from pratique.server.faults.manners.challenges import Realm
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest

from .animal import Animal, Client, Seen, basic, bearer, challenge, given, manifest, ok, tags, token

CONTENT = b"content"
BLOB = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))
SCOPE = "repository:foo:pull"


class RealmElsewhere(Animal):
    """`realm-on-other-host`: the registry names any token service that it likes (go-containerregistry#2193, 2025)."""

    def __init__(self, realm: str) -> None:
        self.realm = realm
        super().__init__(lambda script: lambda request: Realm(script, realm=self.realm)(request))

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/token":
            return token("T") if seen.authorization == basic("foo", "bar") else challenge(401)
        return tags("latest") if seen.authorization == "Bearer T" else challenge(401, bearer(SCOPE))

    @property
    def elsewhere(self) -> list[str]:
        return [str(seen) for seen in self.seen if seen.host not in ("r.test", "127.0.0.1:5000", "10.0.0.1")]


FORBIDDEN = [
    "http://r.test/token",
    "http://auth.test/token",
    "https://127.0.0.1:1/token",
    "https://localhost/token",
    "https://x.localhost/token",
    "https://[::1]/token",
    "https://[::ffff:127.0.0.1]/token",
    "https://10.0.0.1/token",
    "https://192.168.1.1/token",
    "https://169.254.169.254/token",
    "https://[fe80::1]/token",
    "https://0.0.0.0/token",
    "http://169.254.169.254/latest/meta-data/token",
    "ftp://auth.test/token",
    "/token",
    "",
]


@pytest.mark.parametrize("realm", FORBIDDEN)
def test_a_realm_that_no_secret_may_go_to_sees_no_byte(realm: str) -> None:
    animal = RealmElsewhere(realm)
    with pytest.raises(Misbehaved) as caught:
        list(Client(animal, given()).repository().tags())
    assert realm in str(caught.value)
    assert animal.lines == ["GET r.test/v2/foo/tags/list -"]


@pytest.mark.parametrize(
    ("registry", "realm"),
    [
        ("127.0.0.1:5000", "https://127.0.0.1:5001/token"),
        ("127.0.0.1:5000", "https://auth.test/token"),
        ("10.0.0.1", "https://10.0.0.2/token"),
        ("r.test", "https://auth.test/token"),
        ("r.test", "https://r.test/token"),
        ("r.test", "https://auth.other.test:8443/token"),
    ],
)
def test_a_realm_that_is_no_further_away_than_the_registry_is_asked(registry: str, realm: str) -> None:
    animal = RealmElsewhere(realm)
    client = Client(animal, given("foo", "bar", registry), registry=registry)
    assert list(client.repository().tags()) == ["latest"]


def test_over_plain_http_a_realm_may_be_so_too() -> None:
    animal = RealmElsewhere("http://auth.test/token")
    assert list(Client(animal, given(), plain_http=True).repository().tags()) == ["latest"]


def test_only_the_registrys_own_host_where_that_is_wanted() -> None:
    policy = RealmPolicy(reach=Reach.SAME_HOST)
    assert list(Client(RealmElsewhere("https://r.test:8443/token"), given(), policy=policy).repository().tags())
    for realm in ("https://auth.r.test/token", "https://other.test/token"):
        animal = RealmElsewhere(realm)
        with pytest.raises(Misbehaved, match="another host than the registry"):
            list(Client(animal, given(), policy=policy).repository().tags())
        assert animal.elsewhere == []


class Public(RealmElsewhere):
    """`realm-on-other-host`: a registry of the public network; where a realm's name leads is known when it is connected to."""

    def __init__(self, realm: str) -> None:
        super().__init__(realm)
        self.public_only: list[tuple[str, bool]] = []

    def __call__(self, request: Request) -> Response:
        self.public_only.append((request.origin.host, request.public_only))
        response = super().__call__(request)
        response.peer = "8.8.8.8"
        return response


@pytest.mark.parametrize("prefer_post", [False, True])
def test_a_public_registrys_realm_must_be_public_when_it_is_connected_to(prefer_post: bool) -> None:
    animal = Public("https://auth.test/token")
    client = Client(animal, given(), prefer_post=prefer_post)
    list(client.repository().tags())
    assert {(host, only) for host, only in animal.public_only if host == "auth.test"} == {("auth.test", True)}


def test_a_realm_that_the_user_named_may_be_anywhere() -> None:
    animal = Public("https://auth.test/token")
    policy = RealmPolicy(overrides={"r.test": "https://10.0.0.1/token"})
    assert list(Client(animal, given(), policy=policy).repository().tags()) == ["latest"]
    assert animal.at("auth.test") == []
    assert ("10.0.0.1", False) in animal.public_only


class Unrelated(RealmElsewhere):
    """`realm-policy-too-strict`: the token service is another firm's, by its name (Scaleway; apple/container#2268, 2026)."""


def test_an_unrelated_token_service_is_asked() -> None:
    animal = Unrelated("https://api.scaleway.test/token")
    assert list(Client(animal, given()).repository().tags()) == ["latest"]


def test_the_token_service_of_the_login_is_asked_and_no_other() -> None:
    policy = RealmPolicy(pinned={"r.test": "https://api.scaleway.test"})
    animal = Unrelated("https://api.scaleway.test/token")
    client = Client(animal, given(), policy=policy)
    assert list(client.repository("one").tags()) == ["latest"]
    for realm in ("https://other.test/token", "https://api.scaleway.test:8443/token", "https://r.test/token"):
        animal.realm = realm
        seen = len(animal.seen)
        fresh = Client(animal, given(), policy=policy)
        with pytest.raises(Refused, match=r"was https://api\.scaleway\.test at login") as caught:
            list(fresh.repository("two").tags())
        assert [str(each) for each in animal.seen[seen:]] == ["GET https://r.test/v2/two/tags/list -"]
        assert "log in to r.test again" in str(caught.value.advice())


def test_a_pin_is_for_one_registry() -> None:
    policy = RealmPolicy(pinned={"s.test": "https://api.scaleway.test"})
    assert list(Client(Unrelated("https://other.test/token"), given(), policy=policy).repository().tags())


class SendsElsewhere(Animal):
    """`oras-go-2026-advisories` (c): a redirect to another scheme, port or host (oras-go#1288, 2026)."""

    def __init__(self, target: str, line: str) -> None:
        super().__init__()
        self.target, self._line = target, line

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return token("T")
        if seen.url.startswith(self.target):
            return challenge(401, self._line, 'Basic realm="r.test"')
        if seen.authorization is None:
            return challenge(401, self._line)
        return Response.of(307, b"", ("Location", f"{self.target}{seen.path}"))


ATTACKERS = [
    "https://r.test:8443",
    "http://r.test",
    "http://r.test:443",
    "https://evil.test",
    "https://www.r.test",
    "https://r.test.",
]


@pytest.mark.parametrize("target", ATTACKERS)
@pytest.mark.parametrize("line", ['Basic realm="r"', bearer(SCOPE)], ids=["Basic", "Bearer"])
def test_no_secret_follows_a_redirect_to_another_origin(target: str, line: str) -> None:
    animal = SendsElsewhere(target, line)
    client = Client(animal, given())
    with pytest.raises(Error), client.repository().open(BLOB):
        pass
    there = [seen for seen in animal.seen if seen.url.startswith(target + "/")]
    assert there, "the redirect was followed"
    assert all(secretless(seen) for seen in there)
    assert not any(seen.authorization and "Basic" in seen.authorization for seen in there)


def secretless(seen: Seen) -> bool:
    """Whether a request carries nothing that its registry was shown, whatever it may carry of its own."""
    shown = f"{seen.authorization} {seen.url} {seen.content!r} {list(seen.headers)}"
    return basic("foo", "bar") not in shown and "bar" not in shown


class RealmIsTheAttacker(Animal):
    """`oras-go-2026-advisories` (a): the realm is plain http, or an address (GHSA-xf85-363p-868w, 2026)."""

    def answer(self, seen: Seen) -> Response:
        lines = [bearer(SCOPE, realm=realm) for realm in ("http://evil.test/token", "https://169.254.169.254/token")]
        return challenge(401, *lines)


def test_no_secret_goes_to_any_of_several_realms() -> None:
    animal = RealmIsTheAttacker()
    with pytest.raises(Misbehaved):
        list(Client(animal, given()).repository().tags())
    assert {seen.host for seen in animal.seen} == {"r.test"}
    assert [seen.authorization for seen in animal.seen] == [None]


class UploadElsewhere(Animal):
    """`oras-go-2026-advisories` (b): the `Location` of an upload is somebody else's (CVE-2026-50151)."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self.target = target

    def answer(self, seen: Seen) -> Response:
        if seen.url.startswith(self.target + "/"):
            return challenge(401, 'Basic realm="r"') if self.target != "https://storage.test" else Response.of(201)
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        return Response.of(202, b"", ("Location", f"{self.target}/upload?sig=1"))


@pytest.mark.parametrize("target", [*ATTACKERS, "https://storage.test"])
def test_no_secret_follows_an_upload(target: str) -> None:
    animal = UploadElsewhere(target)
    client = Client(animal, given())
    if target == "https://storage.test":
        client.repository().push(BLOB, lambda: closing(BytesIO(CONTENT)))
    else:
        with pytest.raises((Misbehaved, Unauthorized)):
            client.repository().push(BLOB, lambda: closing(BytesIO(CONTENT)))
    there = [seen for seen in animal.seen if seen.url.startswith(target + "/")]
    assert [seen.authorization for seen in there if seen.authorization] == []
    assert bool(there) == (not target.startswith("http:"))


class NextPageElsewhere(Animal):
    """The fourth way: a `Link` to another origin; what it names is asked of the registry itself."""

    def answer(self, seen: Seen) -> Response:
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        answered = tags("b" if seen.query else "a")
        if not seen.query:
            answered.headers = answered.headers.having(
                "Link", '<https://evil.test/v2/foo/tags/list?last=a>; rel="next"'
            )
        return answered


def test_no_secret_follows_a_link() -> None:
    animal = NextPageElsewhere()
    assert list(Client(animal, given()).repository().tags()) == ["a", "b"]
    assert animal.at("evil.test") == []


class TalksBack(Animal):
    """Everything that it was told is repeated in its errors."""

    def answer(self, seen: Seen) -> Response:
        if seen.host == "auth.test":
            return token("a-secret-token")
        shown = (seen.authorization or "").encode()
        return (
            Response.of(403, b'{"errors":[{"code":"DENIED","message":"' + shown + b'"}]}')
            if shown
            else challenge(401, bearer(SCOPE))
        )


def test_the_events_and_errors_have_no_secret() -> None:
    client = Client(TalksBack(), given("foo", "hunter2"))
    with pytest.raises(Refused) as caught:
        list(client.repository().tags())
    told = f"{caught.value!r} {caught.value} {caught.value.advice()} {client.events!r}"
    assert not any(secret in told for secret in (basic("foo", "hunter2"), "hunter2", "a-secret-token"))


def test_a_good_registry_is_not_suspected() -> None:
    class Good(Animal):
        """Nothing to see."""

        def answer(self, seen: Seen) -> Response:
            return manifest(seen) if "manifests" in seen.path else ok(CONTENT)

    client = Client(Good(), given())
    with client.repository().open(BLOB) as stream:
        assert stream.read() == CONTENT
    assert client.warnings == []


class MovingRealm(Animal):
    """`realm-on-other-host`: the token service changes while a session goes on (RFC 9700; advisories of 2026)."""

    def __init__(self) -> None:
        super().__init__()
        self.realm = "https://auth.test/token"

    def answer(self, seen: Seen) -> Response:
        if seen.host != "r.test":
            return token("T")
        if seen.authorization == "Bearer T" and "foo" in seen.path:
            return manifest(seen)
        return challenge(401, f'Bearer realm="{self.realm}",service="r.test"')


def test_an_identity_token_stays_with_its_token_service() -> None:
    animal = MovingRealm()
    credential = Credential("", Secret("a-refresh-token"), Kind.IDENTITY, "stored")
    client = Client(animal, Given(credential, frozenset(["r.test"])))
    client.repository("foo").resolve("latest")
    animal.realm = "https://other.test/token"
    with pytest.raises(Refused, match=r"auth\.test before and names https://other\.test now"):
        client.repository("bar").resolve("latest")
    assert animal.at("other.test") == []
