"""Tags, repositories and referrers."""

from __future__ import annotations

import re

import pytest

from pratique.spec import media
from pratique.spec.digest import Digest

from .asking import ROOT, Asking, describe, image

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
    found: list[str] = []
    target: str | None = f"{LIST}?n=2"
    while target:
        answer = ask("GET", target)
        assert len(answer.json["tags"]) <= 2
        found += answer.json["tags"]
        link = answer.headers.get("Link")
        target = re.fullmatch('<(.+)>; rel="next"', link)[1] if link else None  # type: ignore[index]
        assert target is None or target.startswith(ROOT + LIST)
    assert found == tags


def test_parts(ask: Asking, tags: list[str]) -> None:
    assert ask("GET", f"{LIST}?last=C").json["tags"] == ["a", "b", "v1"]
    assert ask("GET", f"{LIST}?last=B").json["tags"] == tags[1:]  # need not be there
    whole = ask("GET", f"{LIST}?n=5")
    assert (whole.json["tags"], "Link" in whole.headers) == (tags, False)
    none = ask("GET", f"{LIST}?n=0")
    assert (none.json["tags"], "Link" in none.headers) == ([], False)


@pytest.mark.parametrize("n", ["-1", "x", "1.5", "99999999999", "%D9%A1"])
def test_a_number_that_is_none(ask: Asking, tags: list[str], n: str) -> None:
    answer = ask("GET", f"{LIST}?n={n}")
    assert (answer.status, answer.code) == (400, "PAGINATION_NUMBER_INVALID")


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


def test_referrers_of_what_is_no_digest(ask: Asking) -> None:
    assert ask("GET", "/v2/foo/bar/referrers/latest").code == "DIGEST_INVALID"
