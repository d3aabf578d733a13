"""The manners of the referrers API and of the tag schema that stands in for it."""

from __future__ import annotations

import json
from functools import partial

import pytest

from pratique.errors import Unauthorized
from pratique.http.message import Response
from pratique.server.faults.manners import lists
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest

from .animal import DIGEST, MANIFEST, Animal, Client, Seen, Ticketed, bearer, challenge, error, manifest, ok

SIGNATURE = Descriptor(media.OCI_MANIFEST, Digest.of(b"signature"), 9, artifact_type="application/signature")
SBOM = Descriptor(media.OCI_MANIFEST, Digest.of(b"sbom"), 4, artifact_type="application/sbom")
TAG = f"sha256-{DIGEST.encoded}"


def index(*entries: Descriptor) -> bytes:
    found = [
        {"mediaType": e.media_type, "digest": str(e.digest), "size": e.size, "artifactType": e.artifact_type}
        for e in entries
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": found}).encode()


def listed(*entries: Descriptor, **fields: str) -> Response:
    lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return ok(index(*entries), ("Content-Type", media.OCI_INDEX), *lines)


class WithoutApi(Animal):
    """`referrers-404-fallback`: there is no such API; what answers in its place differs (go-containerregistry#1647, 2023)."""

    def __init__(self, answered: Response) -> None:
        body, content_type = answered.excerpt(10_000).decode(), answered.headers.get("Content-Type") or ""
        super().__init__(partial(lists.WithoutReferrers, status=answered.status, body=body, content_type=content_type))

    def answer(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return ok()
        if seen.path.endswith(f"/manifests/{TAG}"):
            return manifest(seen, index(SIGNATURE, SBOM), media.OCI_INDEX)
        return Response.of(404, error("MANIFEST_UNKNOWN"))

    @property
    def asked(self) -> list[str]:
        return [seen.path.split("/")[3] for seen in self.seen if seen.path != "/v2/"]


HTML = Response.of(200, b"<html>", ("Content-Type", "text/html"))
IMAGE = Response.of(200, MANIFEST, ("Content-Type", media.OCI_MANIFEST))
UNTYPED_IMAGE = Response.of(200, MANIFEST, ("Content-Type", "application/json"))


@pytest.mark.parametrize(
    ("answered", "remembered"),
    [
        (Response.of(404, error("MANIFEST_UNKNOWN")), True),
        (Response.of(404, b"404 page not found\n"), True),
        (Response.of(405), True),
        (Response.of(501), True),
        (Response.of(400, error("MANIFEST_INVALID")), False),
        (Response.of(403), False),
        (Response.of(406), False),
        (HTML, False),
        (IMAGE, False),
        (UNTYPED_IMAGE, False),
        (Response.of(200, b"", ("Content-Type", media.OCI_INDEX)), False),
        (Response.of(200, index(SIGNATURE), ("Content-Type", "text/vnd.something")), False),
    ],
    ids=lambda value: str(value) if isinstance(value, bool) else f"{value.status}",
)
def test_the_tag_schema_stands_in(answered: Response, remembered: bool) -> None:
    animal = WithoutApi(answered)
    repository = Client(animal).repository()
    for number in range(2):
        assert list(repository.referrers(DIGEST)) == [SIGNATURE, SBOM], number
    once, again = ["referrers", "manifests"], ["manifests"] if remembered else ["referrers", "manifests"]
    assert animal.asked == once + again


def test_nothing_refers_where_there_is_neither() -> None:
    other = Digest.of(b"something else")
    assert list(Client(WithoutApi(Response.of(404))).repository().referrers(other)) == []


class UnknownSubject(Animal):
    """`referrers-404-fallback`: an unknown subject is 400, a known one has its list (Quay; sigstore/sigstore-js#1187, 2024)."""

    manner = lists.UnknownSubject

    def answer(self, seen: Seen) -> Response:
        if seen.path.endswith(f"/manifests/{DIGEST}"):
            return manifest(seen)
        known = seen.path.endswith(f"/referrers/{DIGEST}")
        return listed(SIGNATURE) if known else Response.of(404, error("MANIFEST_UNKNOWN"))


def test_one_unknown_subject_does_not_make_the_api_unknown() -> None:
    repository = Client(UnknownSubject()).repository()
    assert list(repository.referrers(Digest.of(b"unknown"))) == []
    assert list(repository.referrers(DIGEST)) == [SIGNATURE]


class Guarded(Ticketed):
    """`referrers-404-fallback`: 401 is a question and no answer (NVIDIA/aicr#1957, 2025)."""

    def serve(self, seen: Seen) -> Response:
        if not self.permits(seen, "repository:foo:pull"):
            return challenge(401, bearer("repository:foo:pull"))
        return listed(SIGNATURE) if "/referrers/" in seen.path else Response.of(404)


def test_a_challenge_is_answered_and_not_taken_for_a_missing_api() -> None:
    animal = Guarded()
    assert list(Client(animal).repository().referrers(DIGEST)) == [SIGNATURE]
    assert [line.split(" ")[2] for line in animal.lines if "referrers" in line] == ["-", "Bearer"]
    assert not any("manifests" in line for line in animal.lines)


def test_a_refusal_is_told_and_not_taken_for_an_empty_list() -> None:
    class Closed(Animal):
        """Nobody may."""

        def answer(self, seen: Seen) -> Response:
            return challenge(401, 'Basic realm="r"')

    with pytest.raises(Unauthorized):
        list(Client(Closed()).repository().referrers(DIGEST))


class DashIsColon(Animal):
    """`referrers-tag-resolves-to-subject`: the tag of the schema is taken for the digest (GitLab; oras-go#1396, 2025)."""

    manner = lists.DashIsColon

    def answer(self, seen: Seen) -> Response:
        return manifest(seen) if seen.path.endswith(f"/manifests/{DIGEST}") else Response.of(404)


def test_the_subject_is_not_its_own_referrer() -> None:
    assert list(Client(DashIsColon()).repository().referrers(DIGEST)) == []


class TagIsAnImage(Animal):
    """`referrers-tag-resolves-to-subject`: the tag of the schema names something that is no index."""

    def answer(self, seen: Seen) -> Response:
        raw = MANIFEST + b"\n"
        return Response.of(404) if "/referrers/" in seen.path else manifest(seen, raw)


def test_an_image_lists_no_referrers() -> None:
    assert list(Client(TagIsAnImage()).repository().referrers(DIGEST)) == []


class Filters(Animal):
    """`referrers-filter`: the filter is applied or not, and the list comes in pages (distribution specification, end-12b)."""

    def __init__(self, applies: bool) -> None:
        super().__init__(None if applies else lists.FiltersNothing)

    def answer(self, seen: Seen) -> Response:
        wanted = seen.query.get("artifactType", [""])[0]
        kept = [entry for entry in (SIGNATURE, SBOM) if not wanted or entry.artifact_type == wanted]
        applied = {"OCI_Filters_Applied": "artifactType"} if wanted else {}
        if "page" in seen.query:
            return listed(*kept[1:], SBOM if not wanted else kept[0], **applied)
        return listed(*kept[:1], Link=f'<{seen.url}{"&" if seen.query else "?"}page=2>; rel="next"', **applied)


@pytest.mark.parametrize("applies", [True, False])
def test_the_filter_is_applied_whoever_applies_it(applies: bool) -> None:
    animal = Filters(applies)
    repository = Client(animal).repository()
    assert list(repository.referrers(DIGEST, "application/sbom")) == [SBOM]
    assert animal.seen[0].query["artifactType"] == ["application/sbom"]
    assert list(repository.referrers(DIGEST)) == [SIGNATURE, SBOM], "two pages, each entry once"
    assert len(animal.seen) == 4
