"""Every manner that has a name, before the embedded registry: our client pushes, reads, lists and deletes through it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

import pratique.testing
from pratique.auth.credentials import Credential, Kind
from pratique.auth.scopes import ScopeSet
from pratique.auth.secret import Secret
from pratique.errors import Error
from pratique.http.message import Body, Headers, Request
from pratique.http.session import Session
from pratique.server.faults.manners.base import Known, known
from pratique.stores.reading import opened
from pratique.stores.registry import Registry, Repository
from pratique.stores.uploading import UploadOptions
from pratique.testing.embedded import IN_PROCESS
from tests.registries import push, sample
from tests.stores.contract import SIGNATURE, referrer

from .animal import basic
from .storing import blob_of, content_of

CREDENTIAL = "alice:secret"
THERE = "hello"  # what is in the registry before
NEW = sample("ahoy")
MIB = 1 << 20
CONTENT = content_of(6 * MIB)
BLOB = blob_of(CONTENT)


Client = Session[ScopeSet]


def app(client: Client, name: str = "a/app", chunk: int | None = None) -> Repository:
    return Repository(client, IN_PROCESS, name, uploads=UploadOptions(chunk))


def ping(client: Client) -> None:
    with client.send(Request("GET", f"{client.base_url(IN_PROCESS)}/v2/")) as response:
        assert response.status == 200


def list_repositories(client: Client) -> None:
    assert "a/app" in list(Registry(client, IN_PROCESS).repositories())


def read(client: Client) -> None:
    """Read an image to its last byte."""
    repository = app(client)
    repository.resolve("1")
    repository.manifest("1")
    for part in sample(THERE).below:
        with opened(repository, part.descriptor) as stream:
            assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == part.raw


def miss(client: Client) -> None:
    app(client, "a/missing").resolve("1")


def list_tags(client: Client) -> None:
    assert {"1", "old"} <= set(app(client).tags())
    assert {"1", "old"} <= set(app(client).tags(limit=5000))


def write(client: Client) -> None:
    push(app(client), NEW, "new")
    assert app(client).resolve("new").digest == NEW.root.descriptor.digest


def write_in_chunks(client: Client) -> None:
    """Push a blob that is longer than any registry's smallest and largest chunk."""
    app(client, chunk=5 * MIB).push(BLOB, Body.of(CONTENT).open)
    assert app(client).blob(BLOB.digest).size == BLOB.size


def write_early(client: Client) -> None:
    """Push a blob that is sent before it is said what it is."""
    repository = app(client)
    early = repository.advance(Body.of(CONTENT).open)
    if early:
        early.finish(BLOB)
    repository.push(BLOB, Body.of(CONTENT).open)
    assert repository.blob(BLOB.digest).size == BLOB.size
    if early:
        early.drop()


def mount(client: Client) -> None:
    """Take what is in another repository, or push it."""
    part = sample(THERE).below[0]
    if not app(client, "a/third").mount(part.descriptor, app(client, "a/other")):
        app(client, "a/third").push(part.descriptor, Body.of(part.raw).open)


def refer(client: Client) -> None:
    """Push what refers to an image, and find it."""
    subject = sample(THERE).root
    signature = referrer(subject.descriptor, SIGNATURE)
    push(app(client), signature)
    for kind in ("", SIGNATURE):
        found = [found.digest for found in app(client).referrers(subject.descriptor.digest, kind)]
        assert found == [signature.root.descriptor.digest]


def delete(client: Client) -> None:
    app(client).delete("old")
    assert "old" not in list(app(client).tags())


OPERATIONS: Mapping[str, Callable[[Client], None]] = {
    "ping": ping,
    "list repositories": list_repositories,
    "read": read,
    "miss": miss,
    "list": list_tags,
    "write": write,
    "write in chunks": write_in_chunks,
    "write early": write_early,
    "mount": mount,
    "refer": refer,
    "delete": delete,
}

WORKS = "works"
LOST = "lost"  # nobody is told, and what was expected is not there
CLOSED = {"read, anonymous": "Unauthorized", "read, wrong password": "Unauthorized"}
WRITING = ("write", "write in chunks", "write early", "mount", "refer")


def each(error: str, *names: str) -> dict[str, str]:
    """The same for several operations, by default for all of them."""
    return dict.fromkeys(names or (*OPERATIONS, *CLOSED), error)


# What becomes of the operations, where they do not work as before a registry without manners.
EXPECTED: Mapping[str, Mapping[str, str]] = {
    "catalog-scope": each("Denied", "list repositories"),
    "challenge-scope-narrower-than-session": each("Unauthorized", "miss"),
    "delete-by-tag-vs-digest": each("Unsupported", "delete"),
    "do-403-quota-at-token": each("Unauthorized", *WRITING),
    "dockerhub-library-namespace": each("Denied", "miss"),
    "ecr-repo-missing-abort": each("NotFound", "mount"),
    "expired-password-403": each("Denied", "read, wrong password"),
    "identity-token-flow": each("Unauthorized"),  # with a password; a test of its own has an identity token
    "insufficient-scope-403": each("Denied", "read, anonymous"),
    "oci-subject-lies": each(LOST, "refer"),
    "oras-go-2026-advisories": each("Denied", "write in chunks"),  # only one PUT is welcome there
    "ping-404-or-redirect": each(LOST, "ping"),
    "realm-unreachable-name": each("Unanswered"),
    "referrers-tag-resolves-to-subject": each("Unreachable", "refer"),
    "star-scope-not-granted": each("Denied", "list repositories"),
    "token-endpoint-4xx-anonymous": each("Unauthorized", "read, anonymous"),
    "token-grants-less-than-asked": each("Denied", "list repositories", *WRITING, "delete"),
    "token-realm-http-for-https-registry": each("Misbehaved"),
    "upload-to-other-origin": each("Denied", "write in chunks"),
}
# Manners that our client does not meet, because it does not send what they are about.
UNMET = {
    "basic-preemptive-leak",
    "oauth2-post-404-405",
    "offline-token-breaks",
    "refresh-token-rotation",
    "stale-public-ecr",
}


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A storage with two tags, to be copied."""
    folder = tmp_path_factory.mktemp("storage")
    with pratique.testing.registry(sockets=False, storage=folder) as registry:
        registry.push(sample(THERE), "a/app:1")
        registry.push(sample("old"), "a/app:old")
        registry.push(sample(THERE), "a/other:1")
    return folder


def outcome(operate: Callable[[Client], None], client: Client) -> str:
    """What became of an operation."""
    try:
        operate(client)
    except Error as error:
        return type(error).__name__
    except AssertionError:
        return LOST
    return WORKS


@pytest.mark.parametrize("row", known().values(), ids=lambda row: row.name)
def test_every_manner_is_met(row: Known, storage: Path, tmp_path: Path) -> None:
    copied = shutil.copytree(storage, tmp_path / "storage")
    faults = [row.name] if row.make else []
    with pratique.testing.registry(sockets=False, storage=copied, access=row.access, faults=faults) as registry:
        with registry.session(CREDENTIAL if row.access else "", sleep=lambda _: None) as client:
            outcomes = {name: outcome(operate, client) for name, operate in OPERATIONS.items()}
        for name, credential in (("anonymous", ""), ("wrong password", "alice:wrong")):
            with registry.session(credential, sleep=lambda _: None) as client:
                outcomes[f"read, {name}"] = outcome(read, client)
        met = registry.faults.count(row.name)
    assert outcomes == each(WORKS) | without_manners(row) | dict(EXPECTED.get(row.name, {}))
    assert (met > 0) == (row.make is not None and row.name not in UNMET)


def without_manners(row: Known) -> dict[str, str]:
    """What becomes of the operations before a registry with nothing but this access file."""
    if not row.access:
        return each("NotFound", "miss")
    told = CLOSED if "anonymous" not in row.access else {}
    if "bearer" in row.access:
        told = told | each("Unauthorized", "read, wrong password")
    return each("NotFound", "miss") | told


def test_an_identity_token_is_enough_where_nothing_else_is() -> None:
    row = known()["identity-token-flow"]
    with pratique.testing.registry(sockets=False, access=row.access, faults=[row.name]) as registry:
        registry.push(sample(THERE), "a/app:1")
        url = f"{registry.url}/token?service=pratique&offline_token=true"
        asked = Request("GET", url, Headers([("Authorization", basic("alice", "secret"))]))
        found = json.loads(registry.transport(asked).read(MIB, "an answer"))
        identity = Credential("", Secret(found["refresh_token"]), Kind.IDENTITY, "the test")
        with registry.session(identity) as client:
            read(client)
            write(client)
        assert [seen.method for seen in registry.requests if seen.path == "/token"] == ["GET", "POST", "POST"]
        assert registry.faults.seen


@pytest.mark.parametrize("name", sorted(UNMET - {"stale-public-ecr", "refresh-token-rotation"}))
def test_what_our_client_does_not_send_is_met_by_others(name: str) -> None:
    row = known()[name]
    basic_alice = Headers([("Authorization", basic("alice", "secret"))])
    others = [
        Request("GET", f"https://{IN_PROCESS}/v2/a/app/tags/list", basic_alice),
        Request(
            "POST", f"https://{IN_PROCESS}/token", body=Body.of(b"grant_type=password&username=alice&password=secret")
        ),
        Request("GET", f"https://{IN_PROCESS}/token?offline_token=true", basic_alice),
    ]
    with pratique.testing.registry(sockets=False, access=row.access, faults=[name]) as registry:
        for request in others:
            registry.transport(request).close()
        assert registry.faults.count(name) == 1
