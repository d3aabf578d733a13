"""The most telling animals over real sockets and TLS: what holds in the zoo holds on the wire."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from io import BytesIO
from threading import Lock

import pytest

from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import Credential, Given
from pratique.auth.scopes import ScopeSet
from pratique.errors import Misbehaved, Unauthorized, Unreachable
from pratique.http.message import Request, Response
from pratique.http.reach import everywhere
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.http.transport import HttpTransport, Timeouts
from pratique.http.trust import Trust
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.registry import Repository
from tests.zoo.animal import DIGEST, Animal, Seen, basic, challenge, error, manifest, ok, tags, token

from .served import served

CONTENT = b"a layer" * 500_000
LAYER = Descriptor("application/octet-stream", Digest.of(CONTENT), len(CONTENT))
SCOPE = "repository:foo:pull"


class Placed(Animal):
    """An animal that is told where its hosts are; it may be asked by several threads."""

    def __init__(self) -> None:
        super().__init__()
        self.where: Mapping[str, str] = {}
        self._lock = Lock()

    def __call__(self, request: Request) -> Response:
        with self._lock:
            return super().__call__(request)

    def named(self, seen: Seen) -> str:
        """The name of the host that was asked."""
        return next(name for name, origin in self.where.items() if seen.url.startswith(f"{origin}/"))

    @property
    def told(self) -> list[str]:
        """What was seen, with the hosts by name."""
        return [
            f"{seen.method} {self.named(seen)}{seen.path} {(seen.authorization or '-').split(' ')[0]}"
            for seen in self.seen
        ]


@contextmanager
def visiting(animal: Placed, ca_file: str, **hosts: ssl.SSLContext | None) -> Iterator[Repository]:
    """The repository `foo` of the animal's host `registry`, with a credential for that."""
    with ExitStack() as stack:
        transport = HttpTransport(everywhere(trust=Trust(ca_file=ca_file)), Timeouts(connect=10, read=20))
        animal.where = stack.enter_context(served(animal, **hosts))
        stack.callback(transport.close)
        name = animal.where["registry"].partition("://")[2]
        credentials = Given(Credential.parse("foo:bar", "--creds"), frozenset({name}))
        session: Session[ScopeSet] = Session(transport, Authenticator(credentials), patience=Patience(retries=0))
        yield Repository(session, name, "foo")


class OpenPingBasicRepository(Placed):
    """`ping-200-repo-401-basic` (containers/image#2754, 2025)."""

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return ok()
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="app"')
        return tags("latest") if seen.path.endswith("/tags/list") else manifest(seen)


@pytest.mark.parametrize("tls", [True, False], ids=["https", "http"])
def test_credentials_follow_the_challenge_of_the_repository(
    tls: bool, ca_file: str, server_tls: ssl.SSLContext
) -> None:
    animal = OpenPingBasicRepository()
    with visiting(animal, ca_file, registry=server_tls if tls else None) as repository:
        assert list(repository.tags()) == ["latest"]
        assert repository.resolve("latest").digest == DIGEST
        assert repository.manifest("latest").digest == DIGEST
    assert animal.told == [
        "GET registry/v2/foo/tags/list -",
        "GET registry/v2/foo/tags/list Basic",
        "HEAD registry/v2/foo/manifests/latest Basic",
        "GET registry/v2/foo/manifests/latest Basic",
    ]


class Keppel(Placed):
    """`insufficient-scope-403`: a token for what was asked, 403 names what is wanted (go-containerregistry#724, 2020)."""

    def answer(self, seen: Seen) -> Response:
        if self.named(seen) == "service":
            return (
                token("-".join(seen.query["scope"]).replace(":", ".").replace(",", "."))
                if seen.authorization
                else error_401()
            )
        wanted = "repository:foo:delete" if seen.method == "DELETE" else SCOPE
        line = f'Bearer realm="{self.where["service"]}/auth",service="registry.example",scope="{wanted}"'
        if seen.authorization is None and seen.method != "DELETE":
            return challenge(401, line)
        if wanted.replace(":", ".") not in (seen.authorization or ""):
            return challenge(403, f'{line},error="insufficient_scope"', code="DENIED")
        return Response.of(202) if seen.method == "DELETE" else manifest(seen)


def error_401() -> Response:
    return Response.of(401, error("UNAUTHORIZED"))


def test_a_403_that_names_a_scope_is_a_challenge(ca_file: str, server_tls: ssl.SSLContext) -> None:
    animal = Keppel()
    with visiting(animal, ca_file, registry=server_tls, service=server_tls) as repository:
        assert repository.resolve("qux").digest == DIGEST
        repository.delete("qux")
    assert [line for line in animal.told if line.startswith("DELETE")][
        -1
    ] == "DELETE registry/v2/foo/manifests/qux Bearer"
    assert [seen.authorization for seen in animal.seen if animal.named(seen) == "service"] == [basic("foo", "bar")] * 2
    assert not any("registry" in line and "Basic" in line for line in animal.told)


class StorageElsewhere(Placed):
    """`redirect-strips-authorization`: content at another port of the same host (open-policy-agent/opa#6580, 2024)."""

    def answer(self, seen: Seen) -> Response:
        if self.named(seen) == "storage":
            return Response.of(400) if seen.authorization else ok(CONTENT)
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        return Response.of(307, b"", ("Location", f"{self.where['storage']}/blob?sig=1"))


@pytest.mark.parametrize("tls", [True, False], ids=["to https", "to http"])
def test_no_permission_follows_to_another_port(tls: bool, ca_file: str, server_tls: ssl.SSLContext) -> None:
    animal = StorageElsewhere()
    storage = server_tls if tls else None
    with (
        visiting(animal, ca_file, registry=server_tls, storage=storage) as repository,
        repository.open(LAYER) as stream,
    ):
        assert stream.read() == CONTENT
    path = f"/v2/foo/blobs/{LAYER.digest}"
    assert animal.told == [f"GET registry{path} -", f"GET registry{path} Basic", "GET storage/blob -"]


class PlainRealm(Placed):
    """`token-realm-http-for-https-registry` (tigera/operator#5015, 2025)."""

    def answer(self, seen: Seen) -> Response:
        return challenge(401, f'Bearer realm="{self.where["service"]}/token"')


def test_a_plain_realm_of_an_https_registry_is_not_connected_to(ca_file: str, server_tls: ssl.SSLContext) -> None:
    animal = PlainRealm()
    with (
        visiting(animal, ca_file, registry=server_tls, service=None) as repository,
        pytest.raises(Misbehaved, match="plain http"),
    ):
        list(repository.tags())
    assert animal.told == ["GET registry/v2/foo/tags/list -"]


class TwoLines(Placed):
    """`multi-www-authenticate-headers`: Negotiate on one line, Basic on the next (google/go-containerregistry#1075, 2021)."""

    def answer(self, seen: Seen) -> Response:
        good = seen.authorization == basic("foo", "bar")
        return tags("latest") if good else challenge(401, "Negotiate", 'Basic realm="r"')


def test_every_line_of_challenges_arrives(ca_file: str, server_tls: ssl.SSLContext) -> None:
    with visiting(TwoLines(), ca_file, registry=server_tls) as repository:
        assert list(repository.tags()) == ["latest"]


class WantsToKnowBeforeTheBody(Placed):
    """`ping-401-post-only-auth`: only what writes is challenged, its body and all (containers/container-libs#1009, 2020)."""

    def answer(self, seen: Seen) -> Response:
        if seen.method in ("GET", "HEAD"):
            return Response.of(404)
        if seen.authorization != basic("foo", "bar"):
            return challenge(401, 'Basic realm="r"')
        return Response.of(202, b"", ("Location", "/upload")) if seen.method == "POST" else Response.of(201)


def test_a_body_is_sent_again_with_permission(ca_file: str, server_tls: ssl.SSLContext) -> None:
    animal = WantsToKnowBeforeTheBody()
    with visiting(animal, ca_file, registry=server_tls) as repository:
        repository.push(LAYER, lambda: closing(BytesIO(CONTENT)))
    assert [seen.method for seen in animal.seen if seen.authorization is None][:1] == ["POST"]
    (stored,) = [seen.content for seen in animal.seen if seen.method == "PUT" and seen.authorization]
    assert Digest.of(stored) == LAYER.digest


class Pages(Placed):
    """A list whose links name another host, as behind a proxy, and pages of several sizes."""

    def answer(self, seen: Seen) -> Response:
        start = int(seen.query.get("last", ["0"])[0])
        link = f'<http://internal:5000{seen.path}?last={start + 10}>; rel="next"'
        names = [f"t{number}" for number in range(start, start + 10)]
        return ok(json.dumps({"tags": names}).encode(), *([("Link", link)] if start < 50 else []))


def test_pages_are_read_over_one_origin(ca_file: str, server_tls: ssl.SSLContext) -> None:
    with visiting(Pages(), ca_file, registry=server_tls) as repository:
        assert list(repository.tags()) == [f"t{number}" for number in range(60)]


def test_a_wrong_password_is_reported(ca_file: str, server_tls: ssl.SSLContext) -> None:
    class Refuses(Placed):
        """Knows nobody."""

        def answer(self, seen: Seen) -> Response:
            return challenge(401, 'Basic realm="r"', message="who are you?")

    animal = Refuses()
    with visiting(animal, ca_file, registry=server_tls) as repository, pytest.raises(Unauthorized, match="who are you"):
        list(repository.tags())
    assert [seen.authorization for seen in animal.seen] == [None, basic("foo", "bar")]


def test_a_registry_that_is_not_trusted_sees_no_request(server_tls: ssl.SSLContext) -> None:
    animal = OpenPingBasicRepository()
    with served(animal, registry=server_tls) as where:
        animal.where = where
        transport = HttpTransport()
        name = where["registry"].partition("://")[2]
        session: Session[ScopeSet] = Session(transport, Authenticator(), patience=Patience(retries=0))
        with pytest.raises(Unreachable, match="is not trusted"):
            list(Repository(session, name, "foo").tags())
        transport.close()
    assert animal.seen == []
