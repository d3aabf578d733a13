"""Paths, methods, names, and what happens when something goes wrong inside."""

from __future__ import annotations

import logging

import pytest

from pratique.server.storage.repositories import Storage
from pratique.spec.digest import Digest

from .asking import ROOT, Asking


def test_the_version_check(ask: Asking) -> None:
    answer = ask("GET", "/v2/")
    assert (answer.status, answer.content) == (200, b"{}\n")
    assert answer.field("Docker-Distribution-API-Version") == "registry/2.0"


@pytest.mark.parametrize("path", ["/", "/v1/", "/v2", "/v2/foo", "/v2/foo/tags", "/token", "/v2//", "//v2/"])
def test_a_path_that_is_no_end_point(ask: Asking, path: str) -> None:
    answer = ask("GET", path)
    assert (answer.status, answer.field("Content-Type")) == (404, "application/json")
    assert answer.code == "UNSUPPORTED"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/v2/", "GET, HEAD"),
        ("PUT", "/v2/foo/tags/list", "GET, HEAD"),
        ("GET", "/v2/foo/blobs/uploads/", "POST"),
        ("POST", "/v2/foo/manifests/v1", "GET, HEAD, PUT, DELETE"),
        ("DELETE", "/v2/_catalog", "GET, HEAD"),
        ("BREW", "/v2/foo/referrers/x", "GET, HEAD"),
    ],
)
def test_a_method_that_an_end_point_has_not(ask: Asking, method: str, path: str, allow: str) -> None:
    answer = ask(method, path)
    assert (answer.status, answer.field("Allow"), answer.code) == (405, allow, "UNSUPPORTED")


HOSTILE = [
    "../../etc",
    "foo/../bar",
    "Foo",
    "foo//bar",
    "_uploads",
    "foo/_layers",
    ".",
    "a" * 256,
    "foo%00",
    "f o",
    "ä",
]


@pytest.mark.parametrize("name", [*HOSTILE, "%2e%2e/%2e%2e/etc", "..%2f..%2fetc", "foo%5c..%5cbar"])
@pytest.mark.parametrize("rest", ["tags/list", "manifests/latest", "referrers/sha256:00"])
def test_a_name_that_is_none(ask: Asking, name: str, rest: str) -> None:
    answer = ask("GET", f"/v2/{name.replace(' ', '%20').replace('ä', '%C3%A4')}/{rest}")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")


def test_hostile_names_leave_nothing_behind(ask: Asking) -> None:
    for name in HOSTILE[:7]:
        ask("POST", f"/v2/{name}/blobs/uploads/", b"")
    assert list(ask.storage.folder.rglob("*")) == []


@pytest.mark.parametrize(
    "path", ["/v2/foo%2Fbar/tags/list", "/v2/foo%2fmanifests/latest", "/v2/foo/manifests/a%2Fb", "/v2%2F"]
)
def test_an_encoded_slash_is_no_slash(ask: Asking, path: str) -> None:
    """A proxy before the registry may read it as another path, and let it pass."""
    ask.push_image("foo/bar", "latest")
    answer = ask("GET", path)
    assert (answer.status, answer.code) == (400, "NAME_INVALID")


@pytest.mark.parametrize("name", ["%ff", "foo%c3", "foo%ed%a0%80", "foo%zz", "foo%"])
def test_a_name_that_is_no_text(ask: Asking, name: str) -> None:
    answer = ask("GET", f"/v2/{name}/tags/list")
    assert (answer.status, answer.code) == (400, "NAME_INVALID")


def test_the_longest_name(ask: Asking) -> None:
    name = "/".join(["a" * 50] * 5)
    assert len(name) == 254
    ask.push_image(name, "v1")
    ask.push_image(name + "b", "v1")
    assert ask("GET", f"/v2/{name}b/tags/list").json["tags"] == ["v1"]
    assert ask("GET", f"/v2/{name}bc/tags/list").code == "NAME_INVALID"


def test_errors_of_head_have_no_content(ask: Asking) -> None:
    for path in ("/v2/foo/manifests/v1", f"/v2/foo/blobs/{Digest.of(b'x')}", "/v2/Foo/tags/list", "/v2/foo/tags/list"):
        answer = ask("HEAD", path)
        assert (answer.status // 100, answer.content) == (4, b"")
        assert answer.status == ask("GET", path).status


def test_a_query_without_end(ask: Asking) -> None:
    assert ask("GET", "/v2/foo/tags/list?" + "&".join(["n=1"] * 101)).status == 414


def test_a_url_that_is_none(ask: Asking) -> None:
    assert ask("GET", "http://registry.test:99999/v2/").status == 400


def test_an_accident_is_answered_and_logged(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OSError(5, "the disk is broken")

    monkeypatch.setattr(Storage, "tags", fail)
    answer = ask("GET", "/v2/foo/tags/list", Authorization="Bearer s3cr3t")
    assert (answer.status, answer.code) == (500, "UNKNOWN")
    assert b"broken" not in answer.content
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message == f"GET {ROOT}/v2/foo/tags/list failed: [Errno 5] the disk is broken"
    assert (record.exc_info, "s3cr3t" in caplog.text) == (None, False)


def test_a_mistake_of_ours_is_logged_with_its_place(
    ask: Asking, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(Storage, "tags", fail)
    answer = ask("GET", "/v2/foo/tags/list", Authorization="Bearer s3cr3t")
    assert (answer.status, answer.code, b"mistake" in answer.content) == (500, "UNKNOWN", False)
    assert "Traceback" in caplog.text
    assert "s3cr3t" not in caplog.text
