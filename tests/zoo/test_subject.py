"""The manners of registries that are given a manifest with a subject (distribution specification, §Manifests with Subject)."""

from __future__ import annotations

import json

import pytest

from pratique.errors import Denied, Unreachable
from pratique.http.message import Response
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.manifest import Manifest
from pratique.stores.referrers import tag_of

from .animal import DIGEST, Animal, Client, Seen, error, ok
from .storing import recipe

EMPTY = {"mediaType": media.OCI_EMPTY, "digest": str(Digest.of(b"{}")), "size": 2}
TAG = tag_of(DIGEST)


def referrer(name: str) -> bytes:
    return json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": media.OCI_MANIFEST,
            "artifactType": "application/x.signature",
            "config": EMPTY,
            "layers": [EMPTY],
            "subject": {"mediaType": media.OCI_MANIFEST, "digest": str(DIGEST), "size": 3},
            "annotations": {"name": name},
        }
    ).encode()


FIRST, SECOND = referrer("first"), referrer("second")


class Tags(Animal):
    """A registry without the referrers API that stores manifests; `etags` says whether it has conditional requests."""

    def __init__(self, *, etags: bool = False, **fields: str) -> None:
        super().__init__()
        self.etags = etags
        self.fields = tuple((name.replace("_", "-"), value) for name, value in fields.items())
        self.stored: dict[str, bytes] = {}

    def answer(self, seen: Seen) -> Response:
        name = seen.path.rpartition("/")[2]
        if seen.method == "PUT":
            return self.put(seen, name)
        if "/referrers/" in seen.path:
            return self.referrers()
        return self.get(name)

    def referrers(self) -> Response:
        return Response.of(404, error("UNSUPPORTED"))

    def get(self, name: str) -> Response:
        raw = self.stored.get(name)
        if raw is None:
            return Response.of(404, error("MANIFEST_UNKNOWN"))
        media_type = json.loads(raw)["mediaType"]
        etag = (("ETag", f'"{Digest.of(raw)}"'),) if self.etags else ()
        return ok(raw, ("Content-Type", media_type), *etag)

    def put(self, seen: Seen, name: str) -> Response:
        condition = seen.headers.get("If-Match")
        if self.etags and condition and condition != f'"{Digest.of(self.stored.get(name, b""))}"':
            return Response.of(412)
        self.stored[name] = seen.content
        self.meanwhile()
        return Response.of(201, b"", *self.fields)

    def meanwhile(self) -> None:
        """What others do after a manifest was put."""

    @property
    def listed(self) -> list[str]:
        """The names that the index under the tag lists."""
        return [entry["annotations"]["name"] for entry in json.loads(self.stored[TAG])["manifests"]]


def push(client: Client, raw: bytes) -> None:
    target = client.repository()
    target.push(Descriptor(media.OCI_MANIFEST, Digest.of(raw), len(raw)), recipe(raw))


@pytest.mark.parametrize("etags", [False, True])
def test_what_refers_is_listed_under_the_tag(etags: bool) -> None:
    animal = Tags(etags=etags)
    client = Client(animal)
    for raw in (FIRST, SECOND, FIRST):
        push(client, raw)
    assert animal.listed == ["first", "second"]
    index = Manifest.parse(animal.stored[TAG])
    assert index.media_type == media.OCI_INDEX
    assert index.manifests[0] == Descriptor(
        media.OCI_MANIFEST,
        Digest.of(FIRST),
        len(FIRST),
        artifact_type="application/x.signature",
        annotations={"name": "first"},
    )
    found = list(client.repository().referrers(DIGEST))
    assert [entry.annotations["name"] for entry in found] == ["first", "second"]
    conditions = [seen.headers.get("If-Match") for seen in animal.seen if seen.method == "PUT" and TAG in seen.path]
    assert [condition is not None for condition in conditions] == [False, etags]


def test_a_manifest_without_subject_is_put_and_nothing_else() -> None:
    animal = Tags()
    raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_MANIFEST, "config": EMPTY, "layers": []}).encode()
    push(Client(animal), raw)
    assert len(animal.seen) == 1


def test_a_registry_that_lists_it_itself_is_believed() -> None:
    animal = Tags(OCI_Subject=str(DIGEST))
    push(Client(animal), FIRST)
    assert len(animal.seen) == 1


def test_a_registry_that_says_so_and_has_no_api_is_not() -> None:
    """`oci-subject-lies`: `OCI-Subject`, and no API (sigstore/sigstore-js#1183)."""
    animal = Tags(OCI_Subject=str(DIGEST))
    target = Client(animal).repository()
    assert list(target.referrers(DIGEST)) == []
    target.push(Descriptor(media.OCI_MANIFEST, Digest.of(FIRST), len(FIRST)), recipe(FIRST))
    assert animal.listed == ["first"]


class KeepsTheTagItself(Tags):
    """`oci-subject-lies`: the registry writes the index itself (sigstore/cosign#4641)."""

    def meanwhile(self) -> None:
        entry = Manifest.parse(FIRST).descriptor.to_json()
        index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [entry]}
        self.stored[TAG] = json.dumps(index).encode()


def test_what_the_registry_listed_is_not_listed_twice() -> None:
    animal = KeepsTheTagItself()
    push(Client(animal), FIRST)
    assert animal.listed == ["first"]
    assert [seen.method for seen in animal.seen] == ["PUT", "GET"]


class Race(Tags):
    """Somebody else lists something at the same time, once a request."""

    def __init__(self, times: int, *, etags: bool) -> None:
        super().__init__(etags=etags)
        self.times = times

    def get(self, name: str) -> Response:
        answer = super().get(name)
        if name == TAG and self.times:
            self.times -= 1
            raw = referrer(f"other {self.times}")
            entry = Manifest.parse(raw).descriptor.to_json()
            before = json.loads(self.stored[TAG])["manifests"] if TAG in self.stored else []
            index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [*before, entry]}
            self.stored[TAG] = json.dumps(index).encode()
        return answer


def test_a_race_is_won_in_the_end_and_nobody_is_overwritten() -> None:
    animal = Race(2, etags=True)
    animal.stored[TAG] = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": []}).encode()
    push(Client(animal), FIRST)
    assert animal.listed == ["other 1", "other 0", "first"]


def test_without_conditions_what_was_overwritten_is_put_again() -> None:
    class OverwritesUs(Tags):
        times = 1

        def meanwhile(self) -> None:
            if TAG in self.stored and self.times:
                self.times -= 1
                del self.stored[TAG]

    animal = OverwritesUs()
    push(Client(animal), FIRST)
    assert animal.listed == ["first"]


def test_a_race_without_end_is_told_of() -> None:
    animal = Race(100, etags=True)
    animal.stored[TAG] = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": []}).encode()
    with pytest.raises(Unreachable, match="others change the list"):
        push(Client(animal), FIRST)
    assert len(animal.seen) < 50


def test_a_condition_that_never_holds_is_left_out() -> None:
    class Compresses(Tags):
        """A proxy changes the ETag on the way."""

        def get(self, name: str) -> Response:
            answer = super().get(name)
            if "ETag" in answer.headers:
                answer.headers = answer.headers.having("ETag", '"other"')
            return answer

    animal = Compresses(etags=True)
    client = Client(animal)
    push(client, FIRST)
    push(client, SECOND)
    assert animal.listed == ["first", "second"]


def test_a_weak_etag_is_no_condition() -> None:
    class Weak(Tags):
        def get(self, name: str) -> Response:
            answer = super().get(name)
            answer.headers = answer.headers.having("ETag", 'W/"1"')
            return answer

    animal = Weak()
    client = Client(animal)
    push(client, FIRST)
    push(client, SECOND)
    assert animal.listed == ["first", "second"]
    assert all("If-Match" not in seen.headers for seen in animal.seen)


def test_a_list_that_may_not_be_read_is_not_overwritten() -> None:
    class Secret(Tags):
        def get(self, name: str) -> Response:
            return Response.of(403, error("DENIED"))

    animal = Secret()
    with pytest.raises(Denied):
        push(Client(animal), FIRST)
    assert TAG not in animal.stored


def test_what_else_is_in_the_list_stays() -> None:
    animal = Tags()
    entry = Manifest.parse(SECOND).descriptor.to_json() | {"unknown": 1}
    index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "annotations": {"a": "b"}, "manifests": [entry]}
    animal.stored[TAG] = json.dumps(index).encode()
    push(Client(animal), FIRST)
    written = json.loads(animal.stored[TAG])
    assert written["annotations"] == {"a": "b"}
    assert written["manifests"][0] == entry
    assert animal.listed == ["second", "first"]


def test_the_subject_under_the_tag_is_no_list() -> None:
    """`referrers-tag-resolves-to-subject`: the dash is taken for a colon (oras-project/oras-go#1396)."""
    animal = Tags()
    animal.stored[TAG] = FIRST
    push(Client(animal), SECOND)
    assert animal.listed == ["second"]
