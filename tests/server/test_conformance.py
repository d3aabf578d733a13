"""The distribution specification, end-point by end-point, over real sockets.

The groups are those of the official conformance suite. docs/registry.md has a table of what each test proves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import ALGORITHMS, Digest
from tests.unit.server.asking import Answer

from .artifacts import KINDS, LAYERS, NOT_PUSHED, Artifact, Document, Maker
from .asking import Asking, asking

REPOSITORY = "conformance/first"
OTHER = "conformance/second"
UPLOADS = f"/v2/{REPOSITORY}/blobs/uploads/"
CONTENT = bytes(range(256)) * 2
CHUNK = 200
MOST_PAGES = 20  # of any list here


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Asking]:
    """Ask an open registry with nothing in it."""
    with Listener(RegistryApp(Storage(tmp_path)).handle) as listener, asking(listener.address) as client:
        yield client


@pytest.fixture
def ask_sparse(tmp_path: Path) -> Iterator[Asking]:
    """Ask a registry that takes manifests without what they need."""
    with Listener(RegistryApp(Storage(tmp_path), sparse=True).handle) as listener, asking(listener.address) as client:
        yield client


@pytest.fixture(params=ALGORITHMS)
def algorithm(request: pytest.FixtureRequest) -> str:
    """Each of the registered algorithms."""
    return str(request.param)


def manifest(reference: str | Digest) -> str:
    return f"/v2/{REPOSITORY}/manifests/{reference}"


def blob(digest: Digest) -> str:
    return f"/v2/{REPOSITORY}/blobs/{digest}"


def put(ask: Asking, reference: str | Digest, document: Document) -> Answer:
    return ask("PUT", manifest(reference), document.raw, Content_Type=document.media_type)


def push(ask: Asking, artifact: Artifact, make: Maker, tag: str) -> Digest:
    """Push an artifact: everything by digest, and its root under a tag as well."""
    for content in artifact.blobs:
        ask.push_blob(REPOSITORY, content, make.algorithm)
    for document in artifact.manifests:
        query = f"?tag={tag}" if document is artifact.root else ""
        assert put(ask, f"{make.digest(document.raw)}{query}", document).status == 201
    return make.digest(artifact.root.raw)


# --- What there is before anything is pushed


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_registry_says_that_it_is_one(ask: Asking, method: str) -> None:
    assert ask(method, "/v2/").status == 200


def test_nothing_is_there_yet(ask: Asking, algorithm: str) -> None:
    digest = Digest.of(CONTENT, algorithm)
    tags = ask("GET", f"/v2/{REPOSITORY}/tags/list")
    assert (tags.status, tags.code) == (404, "NAME_UNKNOWN")
    referrers = ask("GET", f"/v2/{REPOSITORY}/referrers/{digest}")
    assert (referrers.status, referrers.json["manifests"]) == (200, [])
    for method in ("GET", "HEAD", "DELETE"):
        for target in (blob(digest), manifest(digest), manifest("latest")):
            assert ask(method, target).status == 404


# --- Blobs


def begin(ask: Asking, algorithm: str) -> str:
    answer = ask("POST", f"{UPLOADS}?digest-algorithm={algorithm}", b"", Content_Length="0")
    assert answer.status == 202
    return answer.location


def chunk(ask: Asking, method: str, location: str, start: int, end: int) -> Answer:
    part = CONTENT[start:end]
    return ask(method, location, part, Content_Range=f"{start}-{start + len(part) - 1}")


def post_only(ask: Asking, digest: Digest) -> Answer:
    return ask("POST", f"{UPLOADS}?digest={digest}", CONTENT, Content_Type="application/octet-stream")


def post_then_put(ask: Asking, digest: Digest) -> Answer:
    return ask("PUT", f"{begin(ask, digest.algorithm)}?digest={digest}", CONTENT)


def stream(ask: Asking, digest: Digest) -> Answer:
    """In one PATCH that says neither how long nor where it is."""
    pieces = (CONTENT[start : start + 100] for start in range(0, len(CONTENT), 100))
    answer = ask("PATCH", begin(ask, digest.algorithm), pieces)
    assert (answer.status, answer.field("Range")) == (202, "0-511")
    return ask("PUT", f"{answer.location}?digest={digest}", b"")


def one_chunk(ask: Asking, digest: Digest) -> Answer:
    answer = chunk(ask, "PATCH", begin(ask, digest.algorithm), 0, len(CONTENT))
    return ask("PUT", f"{answer.location}?digest={digest}", b"")


def chunks(ask: Asking, digest: Digest) -> Answer:
    location = begin(ask, digest.algorithm)
    for start in range(0, len(CONTENT), CHUNK):
        answer = chunk(ask, "PATCH", location, start, start + CHUNK)
        assert (answer.status, answer.field("Range")) == (202, f"0-{min(start + CHUNK, len(CONTENT)) - 1}")
        location = answer.location
    return ask("PUT", f"{location}?digest={digest}", b"")


def chunks_and_put(ask: Asking, digest: Digest) -> Answer:
    answer = chunk(ask, "PATCH", begin(ask, digest.algorithm), 0, CHUNK)
    return chunk(ask, "PUT", f"{answer.location}?digest={digest}", CHUNK, len(CONTENT))


def chunks_after_a_refusal(ask: Asking, digest: Digest) -> Answer:
    """A chunk out of order, the way back to where the upload stands, and the rest."""
    location = chunk(ask, "PATCH", begin(ask, digest.algorithm), 0, CHUNK).location
    for method, target in (("PATCH", location), ("PUT", f"{location}?digest={digest}")):
        refused = chunk(ask, method, target, 2 * CHUNK, len(CONTENT))
        assert (refused.status, refused.field("Range")) == (416, f"0-{CHUNK - 1}")
    status = ask("GET", location)
    assert (status.status, status.field("Range"), status.content) == (204, f"0-{CHUNK - 1}", b"")
    return chunk(ask, "PUT", f"{status.location}?digest={digest}", CHUNK, len(CONTENT))


def mount(ask: Asking, digest: Digest) -> Answer:
    ask.push_blob(OTHER, CONTENT, digest.algorithm)
    return ask("POST", f"{UPLOADS}?mount={digest}&from={OTHER}", b"")


def mount_from_anywhere(ask: Asking, digest: Digest) -> Answer:
    ask.push_blob(OTHER, CONTENT, digest.algorithm)
    return ask("POST", f"{UPLOADS}?mount={digest}", b"")


WAYS = (
    post_only, post_then_put, stream, one_chunk, chunks, chunks_and_put, chunks_after_a_refusal, mount, mount_from_anywhere,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_blob_arrives(ask: Asking, algorithm: str, way: Callable[[Asking, Digest], Answer]) -> None:
    digest = Digest.of(CONTENT, algorithm)
    answer = way(ask, digest)
    assert (answer.status, answer.location) == (201, blob(digest))
    assert answer.field("Docker-Content-Digest") == str(digest)
    for method, content in (("HEAD", b""), ("GET", CONTENT)):
        answer = ask(method, blob(digest))
        assert (answer.status, answer.content) == (200, content)
        assert answer.field("Content-Length") == str(len(CONTENT))
        assert answer.field("Docker-Content-Digest") == str(digest)
    assert ask("DELETE", blob(digest)).status == 202
    assert [ask(method, blob(digest)).status for method in ("GET", "HEAD", "DELETE")] == [404, 404, 404]


@pytest.mark.parametrize("way", [post_only, post_then_put, stream, one_chunk], ids=lambda way: way.__name__)
def test_a_blob_that_is_not_what_its_digest_says(
    ask: Asking, algorithm: str, way: Callable[[Asking, Digest], Answer]
) -> None:
    digest = Digest.of(NOT_PUSHED, algorithm)
    answer = way(ask, digest)
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
    assert ask("GET", blob(digest)).status == 404


@pytest.mark.parametrize("digest", ["sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "latest"])
def test_a_digest_that_is_invalid_or_of_an_unsupported_algorithm(ask: Asking, digest: str) -> None:
    location = begin(ask, "sha256")
    for method, target in (("POST", f"{UPLOADS}?digest={digest}"), ("PUT", f"{location}?digest={digest}")):
        answer = ask(method, target, CONTENT)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


@pytest.mark.parametrize("query", [f"&from={OTHER}", ""])
def test_a_mount_of_what_is_not_there_begins_an_upload(ask: Asking, algorithm: str, query: str) -> None:
    digest = Digest.of(CONTENT, algorithm)
    answer = ask("POST", f"{UPLOADS}?mount={digest}{query}", b"")
    assert answer.status == 202
    assert ask("PUT", f"{answer.location}?digest={digest}", CONTENT).status == 201


def test_an_upload_is_cancelled(ask: Asking, algorithm: str) -> None:
    location = chunk(ask, "PATCH", begin(ask, algorithm), 0, CHUNK).location
    assert ask("DELETE", location, Content_Length="0").status == 204
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        answer = ask(method, f"{location}?digest={Digest.of(CONTENT)}", b"x")
        assert (answer.status, answer.code) == (404, "BLOB_UPLOAD_UNKNOWN")


def test_an_upload_has_no_least_size_of_chunks(ask: Asking) -> None:
    assert "OCI-Chunk-Min-Length" not in ask("POST", UPLOADS, b"").headers


def test_parts_of_a_blob(ask: Asking, algorithm: str) -> None:
    digest = ask.push_blob(REPOSITORY, CONTENT, algorithm)
    for wanted, first, last in (("100-199", 100, 199), ("500-", 500, 511), ("-12", 500, 511), ("500-9999", 500, 511)):
        answer = ask("GET", blob(digest), Range=f"bytes={wanted}")
        assert (answer.status, answer.content) == (206, CONTENT[first : last + 1])
        assert answer.field("Content-Range") == f"bytes {first}-{last}/512"
    for wanted in ("199-100", "512-", "600-700"):
        answer = ask("GET", blob(digest), Range=f"bytes={wanted}")
        assert (answer.status, answer.field("Content-Range")) == (416, "bytes */512")
    several = ask("GET", blob(digest), Range="bytes=0-9,-10")
    assert (several.status, several.field("Content-Type").partition(";")[0]) == (206, "multipart/byteranges")
    assert CONTENT[:10] in several.content
    assert CONTENT[-10:] in several.content
    for method in ("GET", "HEAD"):
        assert ask(method, blob(digest), If_None_Match=f'"{digest}"').status == 304
    assert ask("GET", blob(digest)).content == CONTENT  # the connection is where it should be


# --- Manifests


def check_pull(ask: Asking, document: Document, digest: Digest, reference: str | Digest) -> None:
    for method, content in (("HEAD", b""), ("GET", document.raw)):
        answer = ask(method, manifest(reference))
        assert (answer.status, answer.content) == (200, content)
        assert answer.field("Content-Type") == document.media_type
        assert answer.field("Content-Length") == str(len(document.raw))
        assert answer.field("Docker-Content-Digest") == str(digest)
        assert ask(method, manifest(reference), If_None_Match=answer.field("ETag")).status == 304


def referrers(ask: Asking, document: Document, query: str = "") -> Answer:
    """What refers to what a document refers to."""
    answer = ask("GET", f"/v2/{REPOSITORY}/referrers/{document.json['subject']['digest']}{query}")
    assert (answer.status, answer.field("Content-Type")) == (200, media.OCI_INDEX)
    return answer


def check_referrers(ask: Asking, document: Document, digest: Digest) -> None:
    stated = document.json
    kind = stated.get("artifactType") or stated.get("config", {}).get("mediaType")
    expected = {"mediaType": document.media_type, "digest": str(digest), "size": len(document.raw)}
    expected |= {"artifactType": kind} if kind else {}
    expected |= {"annotations": stated["annotations"]} if "annotations" in stated else {}
    assert referrers(ask, document).json["manifests"] == [expected]
    for wanted, found in ((kind, [expected]), ("application/of.nobody", [])):
        filtered = referrers(ask, document, f"?artifactType={wanted}") if wanted else None
        if filtered:
            assert filtered.field("OCI-Filters-Applied") == "artifactType"
            assert filtered.json["manifests"] == found


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_manifest_from_push_to_delete(
    ask: Asking, ask_sparse: Asking, algorithm: str, kind: Callable[[Maker], Artifact]
) -> None:
    make = Maker(algorithm)
    artifact = kind(make)
    client = ask_sparse if artifact.sparse else ask
    root, digest = artifact.root, push(client, artifact, make, "tag")
    for reference in (digest, "tag"):
        check_pull(client, root, digest, reference)
    assert client("GET", f"/v2/{REPOSITORY}/tags/list").json == {"name": REPOSITORY, "tags": ["tag"]}
    if "subject" in root.json:
        check_referrers(client, root, digest)
    assert client("DELETE", manifest("tag")).status == 202
    assert client("GET", manifest("tag")).code == "MANIFEST_UNKNOWN"
    assert put(client, digest, root).status == 201
    assert client("DELETE", manifest(digest)).status == 202
    assert client("GET", manifest(digest)).code == "MANIFEST_UNKNOWN"
    if "subject" in root.json:
        assert referrers(client, root).json["manifests"] == []
    for content in artifact.blobs:
        assert client("DELETE", blob(make.digest(content))).status in {202, 404}  # it may be there twice
        assert client("GET", blob(make.digest(content))).code == "BLOB_UNKNOWN"


@pytest.mark.parametrize(
    "kind", [kind for kind in KINDS if kind(Maker("sha256")).sparse], ids=lambda kind: kind.__name__
)
def test_what_a_manifest_needs_has_to_be_there(ask: Asking, kind: Callable[[Maker], Artifact]) -> None:
    make = Maker("sha256")
    artifact = kind(make)
    for content in artifact.blobs:
        ask.push_blob(REPOSITORY, content)
    for document in artifact.manifests[:-1]:
        put(ask, make.digest(document.raw), document)
    answer = put(ask, "tag", artifact.root)
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")


def test_a_manifest_by_tag(ask: Asking) -> None:
    make = Maker("sha256")
    for content in (make.config(), *LAYERS):
        ask.push_blob(REPOSITORY, content)
    document = make.image(*LAYERS, subject=make.missing())
    answer = put(ask, "tag", document)
    assert (answer.status, answer.location) == (201, manifest("tag"))
    assert answer.field("Docker-Content-Digest") == str(make.digest(document.raw))
    assert answer.field("OCI-Subject") == str(make.digest(NOT_PUSHED))
    check_pull(ask, document, make.digest(document.raw), "tag")
    moved = make.image(*LAYERS[:1])
    put(ask, "tag", moved)
    check_pull(ask, moved, make.digest(moved.raw), "tag")


def test_a_manifest_with_tags_as_parameters(ask: Asking, algorithm: str) -> None:
    make = Maker(algorithm)
    document, tags = make.index(), [f"tag-{number}" for number in range(10)]
    digest = make.digest(document.raw)
    query = "&".join(f"tag={tag}" for tag in tags)
    answer = ask("PUT", f"{manifest(digest)}?{query}", document.raw, Content_Type=document.media_type)
    assert (answer.status, answer.headers.all("OCI-Tag")) == (201, tuple(tags))
    for tag in tags:
        check_pull(ask, document, digest, tag)
    assert ask("DELETE", manifest(digest)).status == 202
    assert ask("GET", f"/v2/{REPOSITORY}/tags/list").json["tags"] == []


def test_a_manifest_that_is_not_what_its_digest_says(ask: Asking, algorithm: str) -> None:
    make = Maker(algorithm)
    for reference in (make.digest(NOT_PUSHED), f"{algorithm}:abc", "sha256:" + "z" * 64):
        answer = put(ask, str(reference), make.index())
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
        assert ask("GET", manifest(str(reference))).status in {400, 404}


def test_a_manifest_one_byte_too_large(ask: Asking) -> None:
    make = Maker("sha256")
    ask.push_blob(REPOSITORY, make.config())
    largest = next(kind for kind in KINDS if kind.__name__ == "large")(make).root
    answer = put(ask, "tag", Document(largest.raw + b" ", largest.media_type))
    assert (answer.status, answer.code) == (413, "MANIFEST_INVALID")
    assert put(ask, "tag", largest).status == 201


# --- Lists


@pytest.fixture
def tags(ask: Asking) -> list[str]:
    """Tags in the order in which they are listed: by bytes, not by letters."""
    names = ["0.1", "0.10", "0.9", "A", "Z", "_x", "a", "a-b", "a.b", "a_b", "z"]
    document = Maker("sha256").index()
    for tag in reversed(names):
        put(ask, tag, document)
    return names


def test_tags_in_pages(ask: Asking, tags: list[str]) -> None:
    target = f"/v2/{REPOSITORY}/tags/list"
    assert ask("GET", target).json == {"name": REPOSITORY, "tags": tags}
    for n in range(1, len(tags) + 2):
        assert _follow(ask, f"{target}?n={n}", "tags", n) == tags
    for number, tag in enumerate(tags):
        assert ask("GET", f"{target}?last={tag}").json["tags"] == tags[number + 1 :]
        assert ask("GET", f"{target}?n=2&last={tag}").json["tags"] == tags[number + 1 : number + 3]
    none = ask("GET", f"{target}?n=0")
    assert (none.json["tags"], none.headers.get("Link")) == ([], None)


def test_repositories_in_pages(ask: Asking) -> None:
    names = ["a", "a-b", "a/b", "a/b/c", "b"]
    for name in names:
        ask.push_blob(name, CONTENT)
    for n in range(1, len(names) + 2):
        assert _follow(ask, f"/v2/_catalog?n={n}", "repositories", n) == names


def _follow(ask: Asking, target: str, key: str, n: int) -> list[str]:
    """Everything in the pages of a list; each but the last is full."""
    found: list[str] = []
    for _ in range(MOST_PAGES):
        answer = ask("GET", target)
        found += answer.json[key]
        link = re.fullmatch('<http://[^/]+(/.+)>; rel="next"', answer.headers.get("Link") or "")
        if not link:
            return found
        assert len(answer.json[key]) == n
        target = link[1]
    raise AssertionError("the list does not end")


def test_referrers_in_pages(ask: Asking) -> None:
    make = Maker("sha256")
    documents = [make.index(subject=make.missing(), annotations={"a": str(n) * 800_000}) for n in range(4)]
    for document in documents:
        put(ask, make.digest(document.raw), document)
    first = referrers(ask, documents[0])
    query = first.field("Link").partition("?")[2].partition(">")[0]
    second = referrers(ask, documents[0], f"?{query}")
    assert "Link" not in second.headers
    found = [entry["digest"] for page in (first, second) for entry in page.json["manifests"]]
    assert found == sorted(str(make.digest(document.raw)) for document in documents)


@pytest.mark.parametrize("digest", ["latest", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e"])
def test_referrers_of_what_is_no_digest(ask: Asking, digest: str) -> None:
    answer = ask("GET", f"/v2/{REPOSITORY}/referrers/{digest}")
    assert (answer.status, answer.code) == (400, "DIGEST_INVALID")
