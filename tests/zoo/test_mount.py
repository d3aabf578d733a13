"""The manners of mounting: a blob that is in the registry already need not be sent, and if it must be, once is enough."""

from __future__ import annotations

from functools import partial

import pytest

from pratique.auth.scopes import ScopeSet
from pratique.errors import Error, Refused
from pratique.http.message import Response
from pratique.http.session import Session
from pratique.image.sample import image
from pratique.server.faults.manners import uploads
from pratique.server.faults.manners.scopes import MountWantsBoth
from pratique.spec.platform import Platform
from pratique.stores.registry import Repository
from pratique.testing.scripted import Wrap
from pratique.transfer.copy import copy as transfer

from .animal import Client, Seen, basic, bearer, challenge, error, given, manifest, token, wanted
from .storing import Storing, blob_of, content_of, cut, recipe

CONTENT = content_of(1000)
BLOB = blob_of(CONTENT)


def copy(client: Client, source: str = "b", target: str = "a", content: bytes = CONTENT) -> bool:
    """Take a blob from one repository into another, the way a copy does; whether it was mounted."""
    there, here = client.repository(source), client.repository(target)
    return _into(here, there, content)


def _into(here: Repository, there: Repository, content: bytes = CONTENT) -> bool:
    blob = blob_of(content)
    mounted = here.mounts_from(there) and here.mount(blob, there)
    if not mounted:
        here.push(blob, recipe(content))
    return mounted


class Mounting(Storing):
    """Mounts as the specification has it."""

    def __init__(self, manner: Wrap | None = None) -> None:
        super().__init__(manner)
        self.blobs["b", str(BLOB.digest)] = CONTENT

    def begin(self, seen: Seen, repository: str) -> Response:
        mount, source = seen.query.get("mount"), seen.query.get("from")
        if mount is None or source is None:
            return super().begin(seen, repository)
        return self.mount(seen, repository, mount[0], source[0])

    def mount(self, seen: Seen, repository: str, digest: str, source: str) -> Response:
        content = self.blobs.get((source, digest))
        if content is None:
            return super().begin(seen, repository)
        self.blobs[repository, digest] = content
        return Response.of(
            201, b"", ("Docker-Content-Digest", digest), ("Location", f"/v2/{repository}/blobs/{digest}")
        )


def test_a_mounted_blob_is_not_sent() -> None:
    animal = Mounting()
    assert copy(Client(animal))
    assert animal.arrived == 0
    [post] = animal.seen
    assert post.url == f"https://r.test/v2/a/blobs/uploads/?mount={BLOB.digest}&from=b"


class WantsBoth(Mounting):
    """`mount-two-scopes`: one token has to push to the target and pull from the source (oras-project/rust-oci-client#235).

    `names` says whether the challenge tells so, as distribution's does; Docker Hub's does not.
    """

    def __init__(self, *, names: bool) -> None:
        super().__init__(partial(MountWantsBoth, names=names))

    def serve(self, seen: Seen) -> Response:
        needed = "repository:a:pull,push"
        return super().serve(seen) if self.permits(seen, needed) else challenge(401, bearer(needed))


@pytest.mark.parametrize("names", [True, False])
def test_both_scopes_are_in_one_token_the_target_first(names: bool) -> None:
    animal = WantsBoth(names=names)
    assert copy(Client(animal, given()))
    assert animal.asked == [["repository:a:pull,push", "repository:b:pull"]]
    assert "scope=repository:a:pull,push&scope=repository:b:pull" in animal.at("auth.test")[0].url
    assert len(animal.seen) == 3


def test_a_copy_within_a_registry_needs_few_requests() -> None:
    animal = WantsBoth(names=True)
    other = content_of(500, seed=8)
    animal.blobs["b", str(blob_of(other).digest)] = other
    client = Client(animal, given())
    source, target = client.repository("b"), client.repository("a")
    assert _into(target, source)
    assert _into(target, source, other)
    assert len(animal.seen) == 4  # a challenge, a token, and the two mounts


class Promotes(WantsBoth):
    """An image in `b`, and a copy of it to `a`; `b` is read with a token that was asked for with that scope."""

    image = image(Platform("linux", "amd64"), {"file": CONTENT})

    def __init__(self) -> None:
        super().__init__(names=True)
        self.blobs.update({("b", str(part.descriptor.digest)): part.raw for part in self.image.below})

    def serve(self, seen: Seen) -> Response:
        if not seen.path.startswith("/v2/b/"):
            return super().serve(seen)
        if not self.permits(seen, "repository:b:pull"):
            return challenge(
                401, bearer("repository:b:pull", problem="insufficient_scope" if seen.authorization else None)
            )
        return manifest(seen, self.image.root.raw) if "/manifests/" in seen.path else Storing.serve(self, seen)

    def copied(self, *, session: Session[ScopeSet] | None = None) -> Client:
        """A client that has copied the image; its source is read in another `session`, if that is given."""
        client = Client(self, given())
        source = Repository(session or client.session, "r.test", "b")
        transfer(source, "1", Repository(client.session, "r.test", "a", beside=source), ["1"])
        assert self.manifests["a", "1"] == self.image.root.raw
        assert {digest for name, digest in self.blobs if name == "a"} == {
            str(part.descriptor.digest) for part in self.image.below
        }
        return client


def test_a_copy_within_a_registry_asks_for_one_token() -> None:
    animal = Promotes()
    animal.copied()
    assert animal.asked == [["repository:a:pull,push", "repository:b:pull"]]
    assert animal.arrived == 0
    assert len([seen for seen in animal.seen if seen.authorization is None]) == 2  # one of each repository


def test_what_somebody_else_reads_is_nothing_to_ask_for_before_it_is_mounted() -> None:
    animal = Promotes()
    other = Client(animal, given("else", "else"))
    animal.copied(session=other.session)
    assert animal.asked[0] == ["repository:a:pull,push"]
    assert animal.asked[1] == ["repository:b:pull"]


class RefusesTwo(Promotes):
    """The token service refuses whoever asks for more than one repository, instead of granting less."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def issue(self, seen: Seen) -> Response:
        return Response.of(self._status, error("DENIED")) if len(wanted(seen)) > 1 else super().issue(seen)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_token_for_both_that_is_refused_is_in_nobodys_way(status: int) -> None:
    animal = RefusesTwo(status)
    client = animal.copied()
    assert client.warnings == []
    assert animal.arrived == sum(part.descriptor.size for part in animal.image.below)
    assert animal.asked[0] == ["repository:a:pull,push", "repository:b:pull"]
    assert [scopes for scopes in animal.asked if len(scopes) == 1] == [
        ["repository:a:pull,push"],
        ["repository:b:pull"],
    ]


@pytest.mark.parametrize("status", [401, 403])
def test_a_wrong_password_is_still_told_of_as_such(status: int) -> None:
    class Strict(RefusesTwo):
        def issue(self, seen: Seen) -> Response:
            return Response.of(self._status, error("DENIED", "wrong password"))

    animal = Strict(status)
    with pytest.raises(Refused, match="wrong password") as caught:
        animal.copied()
    assert caught.value.credential == "password of 'foo' from --creds"
    assert len(animal.asked) == 2


class HearsOne(Promotes):
    """The token service hears one of several scopes, the first or the last, and the registry says no with some `status`."""

    def __init__(self, place: int, status: int) -> None:
        super().__init__()
        self._place = place
        self._status = status

    def issue(self, seen: Seen) -> Response:
        text = f"T{len(self.issued)}"
        self.issued[text] = ScopeSet.parse(wanted(seen)[self._place]).permissions
        return token(text)

    def serve(self, seen: Seen) -> Response:
        answer = super().serve(seen)
        answer.status = self._status if answer.status == 401 and seen.authorization else answer.status
        return answer


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("place", [0, -1])
def test_a_service_that_hears_one_scope_only_is_asked_for_each(place: int, status: int) -> None:
    animal = HearsOne(place, status)
    animal.copied()
    asked = [seen.status for seen in animal.seen if seen.method == "HEAD" and seen.path == "/v2/a/manifests/1"]
    assert asked == ([401, 404] if place == 0 else [401, status, 404])


def test_a_token_for_both_that_was_refused_is_not_shown_again() -> None:
    animal = HearsOne(-1, 401)
    client, root = Client(animal, given()), animal.image.root
    target = Repository(client.session, "r.test", "a", beside=client.repository("b"))
    assert target.find("1") is None
    target.push(root.descriptor, recipe(root.raw), tags=["1"])
    assert [seen.status for seen in animal.at("r.test")] == [401, 401, 404, 201]


def test_the_same_repository_is_nothing_to_mount_from() -> None:
    animal = Mounting()
    client = Client(animal)
    repository = client.repository("b")
    assert not repository.mounts_from(client.repository("b"))
    assert not repository.mount(BLOB, client.repository("b"))
    assert animal.seen == []


def test_another_registry_is_nothing_to_mount_from() -> None:
    animal = Mounting()
    client, other = Client(animal), Client(animal, registry="other.test")
    target = client.repository("a")
    assert not target.mounts_from(other.repository("b"))
    assert not target.mounts_from(Repository(client.session, "other.test", "b"))
    assert not target.mount(BLOB, other.repository("b"))
    assert animal.seen == []


class Refuses(Mounting):
    """`mount-denied-fallback`: answers every mount with a status (google/go-containerregistry#1609, goharbor/harbor#22078)."""

    def __init__(self, status: int, *lines: str) -> None:
        super().__init__(partial(uploads.RefusesMounts, status=status, challenges=lines))


def posts(animal: Storing) -> list[bool]:
    """The requests to begin an upload: whether each asked for a mount."""
    return ["mount" in seen.query for seen in animal.seen if seen.method == "POST" and seen.host == "r.test"]


def test_an_upload_that_was_begun_instead_is_used() -> None:
    animal = Refuses(202)
    assert not copy(Client(animal))
    assert posts(animal) == [True]
    assert animal.arrived == 1000
    assert animal.blobs["a", str(BLOB.digest)] == CONTENT


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 415, 500, 501])
def test_whatever_the_refusal_the_blob_is_sent_once(status: int) -> None:
    animal = Refuses(status)
    client = Client(animal)
    source, target = client.repository("b"), client.repository("a")
    assert not _into(target, source)
    assert posts(animal) == [True, False]
    assert animal.arrived == 1000
    # and what was refused is not asked for again
    other = content_of(500, seed=8)
    assert not target.mounts_from(source)
    assert not target.mount(blob_of(other), source)
    assert not _into(target, source, other)
    assert posts(animal) == [True, False, False]


def test_a_refusal_is_of_one_repository() -> None:
    class RefusesOne(Mounting):
        def mount(self, seen: Seen, repository: str, digest: str, source: str) -> Response:
            refused = source == "c"
            return challenge(403) if refused else super().mount(seen, repository, digest, source)

    animal = RefusesOne()
    client = Client(animal)
    target = client.repository("a")
    assert not target.mount(BLOB, client.repository("c"))
    assert target.mount(BLOB, client.repository("b"))


@pytest.mark.parametrize("status", [401, 403])
def test_a_source_that_may_not_be_read_is_not_in_the_way(status: int) -> None:
    class SourceIsSecret(Mounting):
        """The token service gives no token for the source, or a token that does not suffice."""

        def issue(self, seen: Seen) -> Response:
            if status == 403 and any("repository:b" in scope for scope in seen.query["scope"]):
                return challenge(403, code="DENIED")
            return super().issue(seen)

        def serve(self, seen: Seen) -> Response:
            if seen.authorization is None:
                return challenge(401, bearer("repository:a:pull,push"))
            if seen.query.get("from"):
                return challenge(401, bearer("repository:b:pull", problem="insufficient_scope"))
            return super().serve(seen)

    animal = SourceIsSecret()
    client = Client(animal, given())
    assert not copy(client)
    assert animal.arrived == 1000
    assert animal.blobs["a", str(BLOB.digest)] == CONTENT
    put = next(seen for seen in animal.seen if seen.method == "PUT")
    assert animal.permits(put, "repository:a:pull,push")


def test_a_mount_that_closes_the_connection_is_not_in_the_way() -> None:
    class Resets(Mounting):
        def mount(self, seen: Seen, repository: str, digest: str, source: str) -> Response:
            raise cut()

    animal = Resets()
    assert not copy(Client(animal))
    assert posts(animal) == [True, False]


@pytest.mark.parametrize("said", [str(blob_of(b"other").digest), str(BLOB.digest), "nonsense"])
def test_what_was_mounted_is_what_was_wanted(said: str) -> None:
    class SaysOther(Mounting):
        def mount(self, seen: Seen, repository: str, digest: str, source: str) -> Response:
            answer = super().mount(seen, repository, digest, source)
            answer.headers = answer.headers.having("Docker-Content-Digest", said)
            return answer

    animal = SaysOther()
    assert copy(Client(animal)) == (said != str(blob_of(b"other").digest))
    assert animal.blobs["a", str(BLOB.digest)] == CONTENT


@pytest.mark.parametrize("loses", ["the session", "the connection"])
def test_an_upload_that_was_begun_instead_is_an_upload_like_any_other(loses: str) -> None:
    class Loses(Refuses):
        def upload(self, seen: Seen, repository: str, session: str) -> Response:
            if session == "1" and seen.content and loses == "the session":
                return Response.of(404, error("BLOB_UPLOAD_UNKNOWN"))
            if not self.arrived:
                self.take(session, seen.content[:400])
                raise cut()
            return super().upload(seen, repository, session)

    animal = Loses(202)
    assert not copy(Client(animal))
    assert animal.blobs["a", str(BLOB.digest)] == CONTENT
    assert posts(animal) == ([True, False] if loses == "the session" else [True])


class TwoTenants(Mounting):
    """`token-cache-key`: each repository has its own account; a token for both is refused (oras-project/oras#1892)."""

    def serve(self, seen: Seen) -> Response:
        tenant = "a" if seen.path.startswith("/v2/a/") else "b"
        if seen.query.get("from") or seen.authorization != basic(tenant, tenant):
            return challenge(401, f'Basic realm="{tenant}"')
        return super().serve(seen)


def test_a_mount_across_accounts_falls_back() -> None:
    animal = TwoTenants()
    assert not copy(Client(animal, given("a", "a")))
    assert animal.blobs["a", str(BLOB.digest)] == CONTENT


def test_an_error_of_the_upload_is_not_hidden_by_the_mount() -> None:
    class Full(Refuses):
        def upload(self, seen: Seen, repository: str, session: str) -> Response:
            return Response.of(507, error("DENIED", "no room"))

    with pytest.raises(Error, match="no room"):
        copy(Client(Full(403)))
