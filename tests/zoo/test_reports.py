"""The two reports that this project was started for, in every form (docs: "The two reports, as traced")."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from io import BytesIO

import pytest

from pratique.auth.scopes import repository_scopes
from pratique.errors import Denied, Unauthorized
from pratique.http.message import Request, Response
from pratique.server.faults.manners.ping import OpenPing
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.registry import Repository

from .animal import (
    DIGEST,
    MANIFEST,
    REGISTRY,
    Animal,
    Client,
    Seen,
    Stored,
    basic,
    challenge,
    error,
    given,
    manifest,
    ok,
    tags,
)

PASSWORD = basic("username", "password")
BLOB = Descriptor("application/octet-stream", Digest.of(b"blob"), 4)


class MultiTenant(Animal):
    """Report 1: `/v2/` is open, `foo` wants Basic, `bar` is for everybody (containers/container-libs#192, 2020)."""

    manner = OpenPing

    def answer(self, seen: Seen) -> Response:
        if seen.path.startswith("/v2/foo/") and seen.authorization != PASSWORD:
            return challenge(401, 'Basic realm="tenant foo"')
        return self.content(seen)

    def content(self, seen: Seen) -> Response:
        if seen.method == "POST":
            return Response.of(202, b"", ("Location", f"{seen.path}1"))
        if seen.method in ("PUT", "PATCH"):
            return Response.of(201)
        if seen.method == "DELETE":
            return Response.of(202)
        if seen.path.endswith("/tags/list"):
            return tags("1", "2")
        if "/referrers/" in seen.path:
            index = json.dumps({"schemaVersion": 2, "manifests": []}).encode()
            return ok(index, ("Content-Type", "application/vnd.oci.image.index.v1+json"))
        if "/blobs/" in seen.path:
            return ok(b"blob")
        return manifest(seen)


def read_blob(repository: Repository) -> object:
    with repository.open(BLOB) as stream:
        return stream.read()


def push_blob(repository: Repository) -> None:
    repository.push(BLOB, lambda: closing(BytesIO(b"blob")))


def push_manifest(repository: Repository) -> None:
    descriptor = Descriptor("application/vnd.oci.image.manifest.v1+json", DIGEST, len(MANIFEST))
    repository.push(descriptor, lambda: closing(BytesIO(MANIFEST)), tags=["1"])


OPERATIONS: dict[str, Callable[[Repository], object]] = {
    "list tags": lambda repository: list(repository.tags()),
    "resolve": lambda repository: repository.resolve("1"),
    "read a manifest": lambda repository: repository.manifest("1"),
    "read a blob": read_blob,
    "ask for a blob": lambda repository: repository.exists(BLOB),
    "list referrers": lambda repository: list(repository.referrers(DIGEST)),
    "push a blob": push_blob,
    "push a manifest": push_manifest,
    "delete a tag": lambda repository: repository.delete("1"),
    "delete a blob": lambda repository: repository.delete_blob(BLOB.digest),
}

operations = pytest.mark.parametrize("operate", OPERATIONS.values(), ids=OPERATIONS.keys())


@operations
@pytest.mark.parametrize("stored", [False, True])
def test_report_1_the_refused_request_is_sent_again_with_credentials(
    operate: Callable[[Repository], object], stored: bool
) -> None:
    animal = MultiTenant()
    client = Client(animal, Stored("username", "password") if stored else given("username", "password"))
    operate(client.repository("bar"))
    operate(client.repository("foo"))
    operate(client.repository("bar"))
    assert not any(seen.authorization for seen in animal.seen if seen.path.startswith("/v2/bar/"))
    first, second, *others = [seen for seen in animal.seen if seen.path.startswith("/v2/foo/")]
    assert (first.method, first.url, first.authorization) == (second.method, second.url, None)
    assert {seen.authorization for seen in (second, *others)} == {PASSWORD}
    assert first.content == second.content
    assert not any(seen.path == "/v2/" for seen in animal.seen)


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "GET", "DELETE"])
def test_report_1_uploads_alike(method: str) -> None:
    animal = MultiTenant()
    client = Client(animal, given("username", "password"))
    scopes = repository_scopes("foo", "pull", "push")
    content = None if method in ("GET", "DELETE") else b"content"
    client.send(method, "/v2/foo/blobs/uploads/1", scopes, content)
    assert [seen.authorization for seen in animal.seen] == [None, PASSWORD]
    assert animal.seen[1].content == (content or b"")


@operations
def test_report_1_a_wrong_password_is_reported(operate: Callable[[Repository], object]) -> None:
    animal = MultiTenant()
    client = Client(animal, given("username", "secret"))
    with pytest.raises(Unauthorized) as caught:
        operate(client.repository("foo"))
    assert 'Basic realm="tenant foo"' in caught.value.challenges
    assert caught.value.credential == "password of 'username' from --creds"
    assert "--creds" in str(caught.value)
    assert "secret" not in f"{caught.value} {caught.value.advice()} {caught.value!r}"
    assert [seen.authorization for seen in animal.seen] == [None, basic("username", "secret")]


@operations
def test_report_1_without_credentials_it_is_told_what_is_missing(operate: Callable[[Repository], object]) -> None:
    client = Client(MultiTenant())
    operate(client.repository("bar"))
    with pytest.raises(Unauthorized, match=r"no credentials were found for r\.test/foo") as caught:
        operate(client.repository("foo"))
    assert "pratique login r.test" in (caught.value.advice() or "")


KEPPEL_REALM = "https://r.test/keppel/v1/auth"


class Keppel(Animal):
    """Report 2: 403 names the scope that the token lacks (google/go-containerregistry#724, 2020)."""

    def __init__(self, *, scope_at_first: bool = True, grants: bool = True, status: int = 403) -> None:
        super().__init__()
        self._scope_at_first = scope_at_first
        self._grants = grants
        self._status = status
        self._issued: dict[str, set[str]] = {}

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/keppel/v1/auth":
            return self._issue(seen)
        if seen.path == "/v2/":
            return challenge(401, self._line())
        if seen.authorization is None:
            return challenge(401, self._line(self._needed(seen) if self._scope_at_first else None))
        if self._needed(seen) in self._held(seen):
            return Response.of(202) if seen.method == "DELETE" else tags("qux")
        line = self._line(self._needed(seen)) + ',error="insufficient_scope"'
        return challenge(self._status, line, code="DENIED", message=f"token does not cover scope {self._needed(seen)}")

    def _issue(self, seen: Seen) -> Response:
        if seen.authorization != PASSWORD:
            return challenge(401)
        text = f"T{len(self._issued) + 1}"
        self._issued[text] = {
            f"{scope.rpartition(':')[0]}:{action}"
            for scope in seen.query.get("scope", [])
            for action in scope.rpartition(":")[2].split(",")
        }
        fields = {"token": text, "expires_in": 3600, "issued_at": "2020-05-29T14:00:00Z"}
        return ok(json.dumps(fields).encode())

    def _held(self, seen: Seen) -> set[str]:
        return self._issued.get((seen.authorization or "").removeprefix("Bearer "), set()) if self._grants else set()

    @staticmethod
    def _needed(seen: Seen) -> str:
        return f"repository:foo/bar:{'delete' if seen.method == 'DELETE' else 'pull'}"

    @staticmethod
    def _line(scope: str | None = None) -> str:
        line = f'Bearer realm="{KEPPEL_REALM}",service="r.test"'
        return f'{line},scope="{scope}"' if scope else line

    @property
    def asked(self) -> list[list[str]]:
        return [seen.query.get("scope", []) for seen in self.seen if seen.path == "/keppel/v1/auth"]

    @property
    def deletes(self) -> list[str | None]:
        return [seen.authorization for seen in self.seen if seen.method == "DELETE"]


@pytest.mark.parametrize("scope_at_first", [True, False])
def test_report_2_variant_a_the_first_answer_is_a_challenge(scope_at_first: bool) -> None:
    animal = Keppel(scope_at_first=scope_at_first)
    Client(animal, given("username", "password")).repository("foo/bar").delete("qux")
    assert animal.lines == [
        "DELETE r.test/v2/foo/bar/manifests/qux -",
        "GET r.test/keppel/v1/auth Basic",
        "DELETE r.test/v2/foo/bar/manifests/qux Bearer",
    ]
    assert animal.seen[1].query == {"scope": ["repository:foo/bar:delete"], "service": ["r.test"]}


@pytest.mark.parametrize("status", [403, 401])
def test_report_2_variant_b_a_token_without_the_scope_meets_a_challenge(status: int) -> None:
    animal = Keppel(status=status)
    client = Client(animal, given("username", "password"))
    assert client.send("GET", "/v2/foo/bar/tags/list", repository_scopes("foo/bar", "pull", "push")) == 200
    client.repository("foo/bar").delete("qux")
    assert animal.deletes == ["Bearer T1", "Bearer T2"]
    assert animal.asked == [["repository:foo/bar:pull,push"], ["repository:foo/bar:delete"]]
    client.repository("foo/bar").delete("quux")  # it has learned
    assert animal.deletes[2:] == ["Bearer T2"]


@pytest.mark.parametrize("status", [403, 401])
def test_report_2_variant_b_where_the_operation_asks_for_something_else(status: int) -> None:
    """As the client of the report did: it believed `pull,push` to be enough."""
    animal = Keppel(scope_at_first=False, status=status)
    client = Client(animal, given("username", "password"))
    request = Request("DELETE", f"{REGISTRY}/v2/foo/bar/manifests/qux")
    with client.session.send(request, repository_scopes("foo/bar", "push", "pull")) as response:
        assert response.status == 202
    assert animal.deletes == [None, "Bearer T1", "Bearer T2"]
    assert animal.asked == [["repository:foo/bar:pull,push"], ["repository:foo/bar:pull,push,delete"]]


@pytest.mark.parametrize("status", [403, 401])
@pytest.mark.parametrize("warm", [True, False])
def test_report_2_variant_c_a_token_that_does_not_help_is_the_end(status: int, warm: bool) -> None:
    animal = Keppel(status=status)
    client = Client(animal, given("username", "password"))
    if warm:
        client.send("GET", "/v2/foo/bar/tags/list", repository_scopes("foo/bar", "pull", "push"))
    animal._grants = False
    with pytest.raises(Denied) as caught:
        client.repository("foo/bar").delete("qux")
    assert len(animal.deletes) == 2
    assert animal.asked[-1] == ["repository:foo/bar:delete"]
    assert caught.value.wanted == caught.value.asked == "repository:foo/bar:delete"
    for word in ("does not cover scope", "insufficient_scope", "repository:foo/bar:delete", "--creds"):
        assert word in str(caught.value)
    assert "password" not in str(caught.value).replace("password of", "")


class AnyAction(Keppel):
    """The challenge may name any action."""

    @staticmethod
    def _needed(seen: Seen) -> str:
        return f"repository:foo/bar:{'obliterate' if seen.method == 'DELETE' else 'pull'}"


def test_report_2_any_action_may_be_named() -> None:
    animal = AnyAction(scope_at_first=False)
    Client(animal, given("username", "password")).repository("foo/bar").delete("qux")
    assert animal.asked == [["repository:foo/bar:delete"], ["repository:foo/bar:obliterate"]]
    assert animal.deletes == [None, "Bearer T1", "Bearer T2"]


class WithoutWords(Keppel):
    """The challenge of the 403 without `error`: its scope says enough."""

    def answer(self, seen: Seen) -> Response:
        response = super().answer(seen)
        lines = response.headers.all("WWW-Authenticate")
        if response.status != 403:
            return response
        return Response.of(
            403,
            error("DENIED"),
            *(("WWW-Authenticate", line.replace(',error="insufficient_scope"', "")) for line in lines),
        )


def test_report_2_a_scope_without_an_error_is_a_challenge_too() -> None:
    animal = WithoutWords(scope_at_first=False)
    client = Client(animal, given("username", "password"))
    assert client.send("GET", "/v2/foo/bar/tags/list", repository_scopes("foo/bar", "pull")) == 200
    client.repository("foo/bar").delete("qux")
    assert animal.deletes == ["Bearer T1", "Bearer T2"]
