"""Referrers: at once, after restarts, with several processes, and in folders that others wrote."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest

from ..asking import Asking, describe, image

EMPTY = b"{}"


def signature(subject: bytes, text: str, **extra: object) -> bytes:
    """An artifact that refers to a manifest; `text` tells it from others."""
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": "application/vnd.test.signature",
        "config": describe(EMPTY, "application/vnd.oci.empty.v1+json"),
        "layers": [],
        "subject": describe(subject, media.OCI_MANIFEST),
        "annotations": {"text": text},
    }
    return json.dumps(document | extra).encode()


@pytest.fixture
def subject(ask: Asking) -> bytes:
    ask.push_image("foo", "v1")
    ask.push_blob("foo", EMPTY)
    return image()


def push(ask: Asking, manifest: bytes) -> Digest:
    digest = Digest.of(manifest)
    assert ask.push_manifest("foo", str(digest), manifest).status == 201
    return digest


def found(storage: Storage, subject: bytes) -> list[Digest]:
    return [descriptor.digest for descriptor in storage.referrers("foo", Digest.of(subject))]


def age(ask: Asking, moments: Iterator[int] = count(1_000_000)) -> None:  # noqa: B008
    """Let the folders of manifests look as if they had last been changed long ago, each time at another time."""
    moment = next(moments)
    for algorithm in (ask.storage.repository("foo") / "_manifests" / "revisions").iterdir():
        os.utime(algorithm, (moment, moment))


def test_they_come_by_digest(ask: Asking, subject: bytes) -> None:
    digests = [push(ask, signature(subject, str(number))) for number in range(5)]
    assert found(ask.storage, subject) == sorted(digests)
    assert found(ask.storage, b"another") == []
    assert found(Storage(ask.storage.folder), subject) == sorted(digests)  # after a restart


@pytest.mark.parametrize("is_settled", [True, False])
def test_several_processes(ask: Asking, subject: bytes, is_settled: bool) -> None:
    other = Storage(ask.storage.folder)
    expected: set[Digest] = set()
    for number in range(4):
        expected.add(push(ask, signature(subject, str(number))))
        if is_settled:
            age(ask)
        assert found(other, subject) == sorted(expected)
    for digest in sorted(expected):
        ask.storage.delete_manifest("foo", digest)
        expected.remove(digest)
        assert found(other, subject) == sorted(expected)


def test_one_that_is_pushed_again(ask: Asking, subject: bytes) -> None:
    manifest = signature(subject, "a")
    digest = push(ask, manifest)
    age(ask)
    assert found(ask.storage, subject) == [digest]
    other = Storage(ask.storage.folder)
    other.delete_manifest("foo", digest)
    age(ask)
    assert found(ask.storage, subject) == []
    later = Storage(ask.storage.folder)  # it has never seen the manifest
    assert found(later, subject) == []
    push(ask, manifest)  # the folder of manifests does not change: the manifest's own folder was still there
    assert found(ask.storage, subject) == found(later, subject) == [digest]


def test_manifests_are_read_once(ask: Asking, subject: bytes) -> None:
    digest = push(ask, signature(subject, "a"))
    age(ask)
    assert found(ask.storage, subject) == [digest]
    ask.storage.blob_path(digest).unlink()
    ask.storage.blob_path(Digest.of(subject)).unlink()
    assert found(ask.storage, subject) == [digest]
    more = push(ask, signature(b"something else", "b"))
    assert found(ask.storage, subject) == [digest]  # only what is new was read
    assert found(ask.storage, b"something else") == [more]


def test_a_folder_that_was_written_elsewhere(ask: Asking, subject: bytes, tmp_path: Path) -> None:
    digest = push(ask, signature(subject, "a"))
    copy = tmp_path / "copy"
    shutil.copytree(ask.storage.folder / "docker", copy / "docker")
    assert found(Storage(copy), subject) == [digest]


def test_a_field_that_is_written_with_escapes(ask: Asking, subject: bytes) -> None:
    digest = push(ask, signature(subject, "a").replace(b'"subject"', b'"\\u0073ubject"'))
    assert found(ask.storage, subject) == [digest]


def test_the_type_is_the_one_of_the_last_push(ask: Asking, subject: bytes) -> None:
    silent = json.loads(signature(subject, "a"))
    del silent["mediaType"]
    raw = json.dumps(silent).encode()
    for media_type in (media.OCI_MANIFEST, media.DOCKER_MANIFEST, media.OCI_MANIFEST):
        pushed = ask("PUT", f"/v2/foo/manifests/{Digest.of(raw)}", raw, Content_Type=media_type)
        assert pushed.status == 201
        age(ask)
        [descriptor] = ask.storage.referrers("foo", Digest.of(subject))
        assert descriptor.media_type == media_type


def test_a_damaged_one_is_left_out_until_it_is_pushed_again(ask: Asking, subject: bytes) -> None:
    manifest = signature(subject, "a")
    digest = push(ask, manifest)
    ask.storage.blob_path(digest).write_bytes(b"damaged")
    age(ask)
    assert found(ask.storage, subject) == []
    push(ask, manifest)
    assert found(ask.storage, subject) == [digest]
