"""Manifests: bytes and types as pushed, what is refused, tags and digests, deletion."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique.http.message import Body
from pratique.server.api.call import MOST_FIELDS
from pratique.server.api.manifests import MOST_BYTES
from pratique.server.app import RegistryApp
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.values import replace

from ..asking import CONFIG, LAYER, ROOT, Asking, describe, image

MANIFESTS = "/v2/foo/bar/manifests/"


def test_a_manifest_by_tag_and_by_digest(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    for reference in ("v1", str(digest)):
        answer = ask("GET", MANIFESTS + reference)
        assert (answer.status, answer.content) == (200, image())
        assert answer.field("Docker-Content-Digest") == str(digest)
        assert answer.field("Content-Type") == media.OCI_MANIFEST
        head = ask("HEAD", MANIFESTS + reference)
        assert (head.content, list(head.headers)) == (b"", list(answer.headers))


def test_the_answer_to_a_push(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    answer = ask.push_manifest("foo/bar", "v2", image())
    assert (answer.status, answer.field("Location")) == (201, ROOT + MANIFESTS + "v2")
    assert answer.field("Docker-Content-Digest") == str(digest)
    assert "OCI-Subject" not in answer.headers


def test_a_manifest_of_an_unknown_type_is_listed_by_its_subject_at_once(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    document = {"subject": describe(image(), media.OCI_MANIFEST), "artifactType": "application/x"}
    raw = json.dumps(document).encode()
    answer = ask("PUT", MANIFESTS + "note", raw, Content_Type="application/vnd.example+json")
    assert (answer.status, answer.field("OCI-Subject")) == (201, str(digest))
    [listed] = ask("GET", f"/v2/foo/bar/referrers/{digest}").json["manifests"]
    assert listed == {
        "mediaType": "application/vnd.example+json",
        "digest": str(Digest.of(raw)),
        "size": len(raw),
        "artifactType": "application/x",
    }


def test_a_subject_that_is_not_there_is_acknowledged(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    subject = describe(b"not there", media.OCI_MANIFEST)
    answer = ask.push_manifest("foo/bar", "signature", image(subject=subject))
    assert (answer.status, answer.field("OCI-Subject")) == (201, subject["digest"])


def test_several_tags_with_one_push(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    answer = ask.push_manifest("foo/bar", f"{digest}?tag=a&tag=b", image())
    assert answer.headers.all("OCI-Tag") == ("a", "b")
    assert ask("GET", "/v2/foo/bar/tags/list").json["tags"] == ["a", "b", "v1"]
    assert ask.push_manifest("foo/bar", f"{digest}?tag=../x", image()).code == "MANIFEST_INVALID"


def test_the_type_of_a_manifest_that_does_not_say_it(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    silent = json.loads(image())
    del silent["mediaType"]
    raw = json.dumps(silent).encode()
    ask("PUT", MANIFESTS + "docker", raw, Content_Type=media.DOCKER_MANIFEST)
    assert ask("GET", MANIFESTS + "docker").field("Content-Type") == media.DOCKER_MANIFEST
    ask("PUT", MANIFESTS + "docker", raw, Content_Type=media.OCI_MANIFEST)
    assert ask("GET", MANIFESTS + "docker").field("Content-Type") == media.OCI_MANIFEST


def test_parameters_of_the_type_are_ignored(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    answer = ask("PUT", MANIFESTS + "v2", image(), Content_Type=media.OCI_MANIFEST + "; charset=utf-8")
    assert answer.status == 201
    assert ask("GET", MANIFESTS + "v2").field("Content-Type") == media.OCI_MANIFEST


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b"not JSON", media.OCI_MANIFEST),
        (b"", media.OCI_MANIFEST),
        (b"[]", media.OCI_MANIFEST),
        (b"{}", ""),
        (image(config={"digest": "sha256:abc", "size": 1}), media.OCI_MANIFEST),
        (image(manifests=[]), media.OCI_MANIFEST),
        (image(), media.OCI_INDEX),
        (b'{"schemaVersion": 1, "name": "x"}', media.DOCKER_SCHEMA_1),
        (b"<script>", "text/html"),
        (b"<svg/>", "image/svg+xml"),
        (b"not JSON", "application/vnd.example+json"),
        (b'{"a": 1}', "application/x\r\nEvil: 1+json"),
    ],
)
def test_what_is_no_manifest(ask: Asking, raw: bytes, content_type: str) -> None:
    ask.push_image("foo/bar", "v1")
    answer = ask("PUT", MANIFESTS + "v2", raw, Content_Type=content_type)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")


def test_the_largest_manifest(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    rest = MOST_BYTES - len(image(annotations={"a": ""}))
    assert ask.push_manifest("foo/bar", "large", image(annotations={"a": "x" * rest})).status == 201
    answer = ask.push_manifest("foo/bar", "larger", image(annotations={"a": "x" * (rest + 1)}))
    assert (answer.status, answer.code) == (413, "MANIFEST_INVALID")


def test_a_manifest_that_does_not_say_how_large_it_is(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    for content, status in ((image(), 201), (b" " * (MOST_BYTES + 1), 413)):
        body = replace(Body.of(content), size=None)
        assert ask("PUT", MANIFESTS + "v2", body, Content_Type=media.OCI_MANIFEST).status == status


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * MOST_BYTES,
        b'{"a":' * (MOST_BYTES // 5),
        b'{"a":[' * 100_000 + b"]}" * 100_000,
        image()[:-1] + b',"layers":[]}',
        image()[:-1] + b',"a":NaN}',
        image()[:-1] + b',"a":-Infinity}',
        image()[:-1] + b',"a":' + b"9" * 5000 + b"}",
        image()[:-1] + b',"a":"\xff"}',
        image()[:-1],
        image() + b"{}",
        b"\xef\xbb\xbf" + image(),
        image().decode().encode("utf-16"),
        b"\x1f\x8b" + image(),
        image(layers={}),
        image(layers=[1]),
        image(layers=[None]),
        image(layers=[describe(LAYER, media.OCI_LAYER) | {"size": -1}]),
        image(layers=[describe(LAYER, media.OCI_LAYER) | {"size": 1e99}]),
        image(layers=[describe(LAYER, media.OCI_LAYER) | {"digest": "sha256:" + "A" * 64}]),
        image(layers=[describe(LAYER, media.OCI_LAYER) | {"digest": "../../../etc/passwd"}]),
        image(config=[]),
        image(subject="sha256:abc"),
        image(subject={"digest": "latest"}),
        image(annotations={"a": 1}),
        image(mediaType=1),
        image(mediaType=media.OCI_MANIFEST + "\r\nEvil: 1"),
        image(artifactType="a\nb"),
    ],
    ids=lambda raw: repr(raw[-30:]),
)
def test_hostile_manifests(ask: Asking, raw: bytes) -> None:
    ask.push_image("foo/bar", "v1")
    answer = ask.push_manifest("foo/bar", "v2", raw)
    assert (answer.status, answer.code) == (400, "MANIFEST_INVALID")
    assert ask("GET", "/v2/foo/bar/tags/list").json["tags"] == ["v1"]


@pytest.mark.parametrize(
    ("raw", "content_type"),
    [
        (b'{"anything": ["at", {"all": null}]}', "application/vnd.example.thing.v1+json"),
        (b'{"schemaVersion": 2, "layers": "not ours to read"}', "application/vnd.example.thing.v1+json"),
        (image(custom={"field": [1, 2.5, None]}), media.OCI_MANIFEST),
        (image(layers=[]), media.OCI_MANIFEST),
        (b'{"schemaVersion":2,"manifests":[]}', media.OCI_INDEX),
        (b' \n{"schemaVersion":2,"manifests":[]}\n ', media.DOCKER_LIST),
    ],
)
def test_manifests_of_every_kind_come_back_as_they_were(ask: Asking, raw: bytes, content_type: str) -> None:
    ask.push_image("foo/bar", "v1")
    for algorithm in ("sha256", "sha512"):
        digest = Digest.of(raw, algorithm)
        assert ask("PUT", f"{MANIFESTS}{digest}?tag={algorithm}", raw, Content_Type=content_type).status == 201
        for reference in (str(digest), algorithm):
            answer = ask("GET", MANIFESTS + reference)
            assert (answer.content, answer.field("Content-Type")) == (raw, content_type)
            assert answer.field("Docker-Content-Digest") == str(digest)


# --- Conditions


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_manifest_that_the_reader_has(ask: Asking, method: str) -> None:
    digest = ask.push_image("foo/bar", "v1")
    for reference in ("v1", str(digest)):
        answer = ask(method, MANIFESTS + reference, If_None_Match=f'"{digest}"')
        assert (answer.status, answer.content, answer.field("ETag")) == (304, b"", f'"{digest}"')
        assert answer.field("Docker-Content-Digest") == str(digest)
    other = ask.push_image("foo/bar", "v1", annotations={"a": "b"})
    assert ask(method, MANIFESTS + "v1", If_None_Match=f'"{digest}"').field("ETag") == f'"{other}"'


def test_a_tag_that_changes_only_from_what_the_writer_saw(ask: Asking) -> None:
    """Two writers of one list: the later one hears that it has to read again."""
    seen = ask.push_image("foo/bar", "list")
    first, second = image(annotations={"writer": "first"}), image(annotations={"writer": "second"})
    target = MANIFESTS + "list"
    assert ask("PUT", target, first, Content_Type=media.OCI_MANIFEST, If_Match=f'"{seen}"').status == 201
    answer = ask("PUT", target, second, Content_Type=media.OCI_MANIFEST, If_Match=f'"{seen}"')
    assert (answer.status, answer.code) == (412, "UNSUPPORTED")
    assert ask("GET", target).content == first
    assert ask("DELETE", target, If_Match=f'"{seen}"').status == 412
    assert ask("DELETE", target, If_Match=f'"{Digest.of(first)}"').status == 202


def test_a_tag_that_is_pushed_only_where_there_is_none(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    for status in (201, 412):
        answer = ask("PUT", MANIFESTS + "v2", image(), Content_Type=media.OCI_MANIFEST, If_None_Match="*")
        assert answer.status == status


# --- What a manifest needs


@pytest.mark.parametrize("missing", [CONFIG, LAYER])
def test_what_a_manifest_needs_must_be_there(ask: Asking, missing: bytes) -> None:
    for content in {CONFIG, LAYER} - {missing}:
        ask.push_blob("foo/bar", content)
    ask.push_blob("elsewhere", missing)
    answer = ask.push_manifest("foo/bar", "v1", image())
    assert (answer.status, answer.code) == (404, "MANIFEST_BLOB_UNKNOWN")
    assert answer.json["errors"][0]["detail"] == str(Digest.of(missing))
    assert ask("GET", MANIFESTS + "v1").code == "MANIFEST_UNKNOWN"


def test_a_layer_that_lives_elsewhere_need_not_be_there(ask: Asking) -> None:
    ask.push_blob("foo/bar", CONFIG)
    layer = describe(b"foreign", media.OCI_LAYER) | {"urls": ["https://elsewhere.test/layer"]}
    assert ask.push_manifest("foo/bar", "v1", image(layers=[layer])).status == 201


def test_an_index_needs_its_manifests(ask: Asking) -> None:
    index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [describe(image(), media.OCI_MANIFEST)]}
    raw = json.dumps(index).encode()
    assert ask("PUT", MANIFESTS + "i", raw, Content_Type=media.OCI_INDEX).code == "MANIFEST_BLOB_UNKNOWN"
    ask.push_image("foo/bar", "v1")
    assert ask("PUT", MANIFESTS + "i", raw, Content_Type=media.OCI_INDEX).status == 201
    assert ask("GET", MANIFESTS + "i").field("Content-Type") == media.OCI_INDEX


def test_sparse_manifests_by_policy(tmp_path: Path) -> None:
    index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [describe(image(), media.OCI_MANIFEST)]}
    storage = Storage(tmp_path)
    for sparse, status in ((False, 404), (True, 201)):
        ask = Asking(tmp_path)
        ask.app = RegistryApp(storage, sparse=sparse)
        assert ask.push_manifest("foo/bar", "image", image()).status == status
        answer = ask("PUT", MANIFESTS + "index", json.dumps(index).encode(), Content_Type=media.OCI_INDEX)
        assert answer.status == status


def test_an_index_of_indexes(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    below = describe(image(), media.OCI_MANIFEST)
    for depth in range(5):
        raw = json.dumps({"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [below]}).encode()
        assert ask("PUT", f"{MANIFESTS}depth-{depth}", raw, Content_Type=media.OCI_INDEX).status == 201
        below = describe(raw, media.OCI_INDEX)


def test_a_push_under_another_manifests_digest(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    assert ask.push_manifest("foo/bar", str(Digest.of(b"other")), image()).code == "DIGEST_INVALID"


@pytest.mark.parametrize("digest", ["sha256:abc", "md5:" + "0" * 32, "sha256:"])
def test_what_is_no_digest(ask: Asking, digest: str) -> None:
    assert ask.push_manifest("foo/bar", digest, image()).code == "DIGEST_INVALID"
    for method in ("GET", "DELETE"):
        answer = ask(method, MANIFESTS + digest)
        assert (answer.status, answer.code) == (400, "DIGEST_INVALID")


def test_more_tags_than_one_request_may_have(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    for count, status in ((MOST_FIELDS, 201), (MOST_FIELDS + 1, 414)):
        query = "&".join(f"tag=t{number}" for number in range(count))
        assert ask.push_manifest("foo/bar", f"{digest}?{query}", image()).status == status


def test_a_push_by_sha512(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    digest = Digest.of(image(), "sha512")
    answer = ask.push_manifest("foo/bar", str(digest), image())
    assert answer.field("Docker-Content-Digest") == str(digest)
    assert ask("GET", MANIFESTS + str(digest)).content == image()


@pytest.mark.parametrize("tag", [".", "..", "-x", "a" * 129, "%2e%2e", "a%00", "a%20b"])
def test_what_is_no_tag(ask: Asking, tag: str) -> None:
    ask.push_image("foo/bar", "v1")
    assert ask.push_manifest("foo/bar", tag, image()).code == "MANIFEST_INVALID"
    for method in ("GET", "DELETE"):
        answer = ask(method, MANIFESTS + tag)
        assert (answer.status, answer.code) == (404, "MANIFEST_UNKNOWN")


def test_a_tag_is_deleted_as_a_tag(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    ask.push_manifest("foo/bar", "v2", image())
    assert ask("DELETE", MANIFESTS + "v1").status == 202
    assert ask("GET", MANIFESTS + "v1").code == "MANIFEST_UNKNOWN"
    assert ask("GET", MANIFESTS + "v2").status == 200
    assert ask("GET", MANIFESTS + str(digest)).status == 200
    assert ask("DELETE", MANIFESTS + "v1").code == "MANIFEST_UNKNOWN"


def test_a_deleted_manifest_takes_its_tags_along(ask: Asking) -> None:
    digest = ask.push_image("foo/bar", "v1")
    other = ask.push_image("foo/bar", "kept", annotations={"a": "b"})
    ask.push_manifest("foo/bar", "v2", image())
    assert ask("DELETE", MANIFESTS + str(digest)).status == 202
    assert ask("GET", "/v2/foo/bar/tags/list").json["tags"] == ["kept"]
    assert ask("GET", MANIFESTS + str(digest)).code == "MANIFEST_UNKNOWN"
    assert ask("DELETE", MANIFESTS + str(digest)).code == "MANIFEST_UNKNOWN"
    assert ask("GET", MANIFESTS + str(other)).status == 200


def test_a_tag_that_moved_survives_its_old_manifest(ask: Asking) -> None:
    old = ask.push_image("foo/bar", "latest")
    ask.push_image("foo/bar", "latest", annotations={"a": "b"})
    assert ask("DELETE", MANIFESTS + str(old)).status == 202
    assert ask("GET", MANIFESTS + "latest").status == 200
