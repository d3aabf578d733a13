"""Tags, repositories and referrers."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest

from pratique.spec import media
from pratique.spec.digest import Digest

from ..asking import ROOT, Answer, Asking, describe, image

LIST = "/v2/foo/bar/tags/list"


@pytest.fixture
def tags(ask: Asking) -> list[str]:
    """Push some tags; the value has them in the order in which they are listed."""
    ask.push_image("foo/bar", "v1")
    for tag in ("b", "a", "C", "10"):
        ask.push_manifest("foo/bar", tag, image())
    return ["10", "C", "a", "b", "v1"]


def test_tags_are_sorted(ask: Asking, tags: list[str]) -> None:
    answer = ask("GET", LIST)
    assert answer.json == {"name": "foo/bar", "tags": tags}
    assert answer.field("Content-Type") == "application/json"


def test_pages(ask: Asking, tags: list[str]) -> None:
    pages = follow(ask, f"{LIST}?n=2")
    assert [page.json["tags"] for page in pages] == [tags[:2], tags[2:4], tags[4:]]
    assert all(page.field("Link").startswith(f"<{ROOT}{LIST}?") for page in pages[:-1])


def test_parts(ask: Asking, tags: list[str]) -> None:
    assert ask("GET", f"{LIST}?last=C").json["tags"] == ["a", "b", "v1"]
    assert ask("GET", f"{LIST}?last=B").json["tags"] == tags[1:]  # need not be there
    whole = ask("GET", f"{LIST}?n=5")
    assert (whole.json["tags"], "Link" in whole.headers) == (tags, False)
    none = ask("GET", f"{LIST}?n=0")
    assert (none.json["tags"], "Link" in none.headers) == ([], False)


@pytest.mark.parametrize("n", ["-1", "x", "1.5", "+1", "%D9%A1"])
def test_a_number_that_is_none(ask: Asking, tags: list[str], n: str) -> None:
    answer = ask("GET", f"{LIST}?n={n}")
    assert (answer.status, answer.code) == (400, "UNSUPPORTED")


@pytest.mark.parametrize("n", ["", "6", "0006", "999999999", "99999999999", "9" * 5000])
def test_a_number_beyond_what_there_is(ask: Asking, tags: list[str], n: str) -> None:
    answer = ask("GET", f"{LIST}?n={n}")
    assert (answer.json["tags"], "Link" in answer.headers) == (tags, False)


@pytest.mark.parametrize("last", ["", "%00", "%C3%A4", "zzz", "..", "a&last=b"])
def test_any_text_can_be_the_last(ask: Asking, tags: list[str], last: str) -> None:
    expected = {"": tags, "%00": tags, "..": tags, "a&last=b": ["b", "v1"]}
    assert ask("GET", f"{LIST}?last={last}").json["tags"] == expected.get(last, [])


def test_head_says_what_a_list_would(ask: Asking, tags: list[str]) -> None:
    for target in (LIST, f"{LIST}?n=2", "/v2/_catalog", f"/v2/foo/bar/referrers/{Digest.of(b'x')}"):
        get, head = ask("GET", target), ask("HEAD", target)
        assert (head.status, list(head.headers), head.content) == (200, list(get.headers), b"")


def test_an_unknown_repository_has_no_list(ask: Asking) -> None:
    answer = ask("GET", LIST)
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_a_repository_without_tags_has_an_empty_list(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    ask("DELETE", "/v2/foo/bar/manifests/v1")
    assert ask("GET", LIST).json["tags"] == []


def test_the_catalogue(ask: Asking) -> None:
    for name in ("foo/bar", "foo", "a/b/c", "foo/bar/baz"):
        ask.push_image(name, "v1")
    ask("POST", "/v2/only/begun/blobs/uploads/", b"")
    assert ask("GET", "/v2/_catalog").json == {"repositories": ["a/b/c", "foo", "foo/bar", "foo/bar/baz"]}
    page = ask("GET", "/v2/_catalog?n=1&last=a/b/c")
    assert page.json["repositories"] == ["foo"]
    assert page.field("Link") == f'<{ROOT}/v2/_catalog?n=1&last=foo>; rel="next"'


def test_an_empty_catalogue(ask: Asking) -> None:
    assert ask("GET", "/v2/_catalog").json == {"repositories": []}


# --- Referrers


def test_referrers(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    subject = describe(image(), media.OCI_MANIFEST)
    sbom = image(subject=subject, artifactType="application/x.sbom", annotations={"a": "b"})
    plain = image(subject=subject)
    for manifest in (sbom, plain):
        ask.push_manifest("foo/bar", str(Digest.of(manifest)), manifest)
    answer = ask("GET", f"/v2/foo/bar/referrers/{subject['digest']}")
    assert answer.field("Content-Type") == media.OCI_INDEX
    assert answer.json["mediaType"] == media.OCI_INDEX
    expected = [
        describe(sbom, media.OCI_MANIFEST) | {"artifactType": "application/x.sbom", "annotations": {"a": "b"}},
        describe(plain, media.OCI_MANIFEST) | {"artifactType": media.OCI_CONFIG},
    ]
    assert answer.json["manifests"] == sorted(expected, key=lambda each: str(each["digest"]))
    filtered = ask("GET", f"/v2/foo/bar/referrers/{subject['digest']}?artifactType=application/x.sbom")
    assert filtered.field("OCI-Filters-Applied") == "artifactType"
    assert filtered.json["manifests"] == expected[:1]


def test_a_deleted_referrer_is_gone(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    subject = describe(image(), media.OCI_MANIFEST)
    digest = ask.push_image("foo/bar", "signature", subject=subject)
    ask("DELETE", f"/v2/foo/bar/manifests/{digest}")
    assert ask("GET", f"/v2/foo/bar/referrers/{subject['digest']}").json["manifests"] == []


def test_nothing_refers_to_what_is_not_there(ask: Asking) -> None:
    answer = ask("GET", f"/v2/never/heard/of/referrers/{Digest.of(b'x')}")
    assert (answer.status, answer.json["manifests"]) == (200, [])


def annotated(count: int, size: int, **extra: Any) -> list[bytes]:
    """Manifests about nothing that is there, with annotations of some size."""
    subject = describe(b"not there", media.OCI_MANIFEST)
    return [
        image(subject=subject, annotations={"number": str(number), "text": "x" * size}, **extra)
        for number in range(count)
    ]


def follow(ask: Asking, target: str) -> list[Answer]:
    """Every page of a list."""
    pages = [ask("GET", target)]
    while link := pages[-1].headers.get("Link"):
        assert len(pages) < 10
        found = re.fullmatch('<(.+)>; rel="next"', link)
        assert found
        pages.append(ask("GET", found[1]))
    return pages


def test_many_referrers_come_in_pages(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    manifests = annotated(5, 700_000)
    for manifest in (*manifests, *annotated(1, 0, artifactType="application/x.sbom")):
        ask.push_manifest("foo/bar", str(Digest.of(manifest)), manifest)
    target = f"/v2/foo/bar/referrers/{Digest.of(b'not there')}"
    pages = follow(ask, f"{target}?artifactType={quote(media.OCI_CONFIG, safe='')}")
    assert [len(page.json["manifests"]) for page in pages] == [2, 2, 1]
    assert all(len(page.content) < 4 << 20 and page.json["mediaType"] == media.OCI_INDEX for page in pages)
    assert all(page.field("OCI-Filters-Applied") == "artifactType" for page in pages)
    found = [entry["digest"] for page in pages for entry in page.json["manifests"]]
    assert found == sorted(str(Digest.of(manifest)) for manifest in manifests)
    everything = [entry["digest"] for page in follow(ask, target) for entry in page.json["manifests"]]
    assert len(set(everything)) == len(everything) == 6


@pytest.mark.parametrize(
    "text", ["application/x.sbom%2Bjson", "application/x.sbom+json", "application%2Fx.sbom%2Bjson"]
)
def test_a_type_with_a_plus(ask: Asking, text: str) -> None:
    ask.push_image("foo/bar", "v1")
    [manifest] = annotated(1, 0, artifactType="application/x.sbom+json")
    ask.push_manifest("foo/bar", "sbom", manifest)
    answer = ask("GET", f"/v2/foo/bar/referrers/{Digest.of(b'not there')}?artifactType={text}")
    assert [entry["digest"] for entry in answer.json["manifests"]] == [str(Digest.of(manifest))]


def test_a_referrer_that_is_larger_than_a_page(ask: Asking) -> None:
    ask.push_image("foo/bar", "v1")
    for manifest in annotated(2, 3_000_000):
        ask.push_manifest("foo/bar", str(Digest.of(manifest)), manifest)
    pages = follow(ask, f"/v2/foo/bar/referrers/{Digest.of(b'not there')}")
    assert [len(page.json["manifests"]) for page in pages] == [1, 1]


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
def test_an_index_refers_as_well(ask: Asking, algorithm: str) -> None:
    subject = describe(b"not there", media.OCI_MANIFEST) | {"digest": str(Digest.of(b"not there", algorithm))}
    index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": [], "subject": subject}
    raw = json.dumps(index).encode()
    digest = Digest.of(raw, algorithm)
    answer = ask("PUT", f"/v2/foo/bar/manifests/{digest}", raw, Content_Type=media.OCI_INDEX)
    assert answer.field("OCI-Subject") == subject["digest"]
    [entry] = ask("GET", f"/v2/foo/bar/referrers/{subject['digest']}").json["manifests"]
    assert entry == describe(raw, media.OCI_INDEX) | {"digest": str(digest)}  # and no artifactType


def test_referrers_of_what_is_no_digest(ask: Asking) -> None:
    assert ask("GET", "/v2/foo/bar/referrers/latest").code == "DIGEST_INVALID"
