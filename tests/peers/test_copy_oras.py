"""Copying, judged by PyPI's `oras`: it pulls into layouts and pushes out of them, whatever their depth, over http.

It pulls no Docker manifests. With a token service it cannot push by itself: the token that it got to look for a blob is the
one that it goes on with, unless it meets a 403, and so the specification's 401 is the end. It is given a token from us.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import oras.client  # type: ignore[import-untyped]
import oras.layout  # type: ignore[import-untyped]
import oras.oci  # type: ignore[import-untyped]
import pytest

from pratique.image.sample import Sample
from pratique.spec.digest import Digest
from tests.commands import Run

from .cargo import (
    CONTENTS,
    IMAGE,
    NAME,
    PASSWORD,
    REGISTRIES,
    USER,
    Place,
    assert_holds,
    digest,
    parts,
    write_layout,
)

every_registry = pytest.mark.parametrize("place", REGISTRIES, indirect=True)
every_content = pytest.mark.parametrize("sample", CONTENTS.values(), ids=list(CONTENTS))
pytestmark = pytest.mark.tells_secrets("oras is given tokens that `auth token` prints")


@contextmanager
def client(place: Place, token: str = "") -> Iterator[Any]:
    """An oras that knows the password, and leaves no connection open."""
    found = oras.client.OrasClient(insecure=True, auth_backend="basic" if place.kind == "htpasswd" else "token")
    found.auth.set_basic_auth(USER, PASSWORD)
    if token:
        found.auth.set_token_auth(token)
    with found.session:
        yield found


def token_to_push(run: Run, place: Place) -> str:
    """What our token service gives for it; nothing where a registry has none."""
    if place.kind == "htpasswd":
        return ""
    given = run("auth", "token", f"--creds={place.creds}", "--for", "push", place.where)
    assert given.code == 0, given.err
    return given.out.strip()


def attach(run: Run, place: Place, file: Path) -> Digest:
    """Push an artifact with a subject by oras; the value is its digest."""
    root = IMAGE.root.descriptor
    with client(place, token_to_push(run, place)) as provider:
        pushed = provider.push(
            place.ours,
            files=[f"{file}:text/plain"],
            disable_path_validation=True,
            subject=oras.oci.Subject(mediaType=root.media_type, digest=str(root.digest), size=root.size),
            quiet=True,
        )
    return Digest.of(pushed.request.body)


@every_registry
@every_content
def test_oras_pulls_what_we_wrote(run: Run, place: Place, sample: Sample, tmp_path: Path) -> None:
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", sample), place.ours)
    assert written.code == 0, written.err
    with client(place) as provider:
        assert NAME in provider.get_tags(place.where)
        oras.layout.NewLayoutFromRegistry(str(tmp_path / "read"), provider, place.ours, NAME)
    assert_holds(tmp_path / "read", *parts(sample))
    again = run("copy", "--dry-run", f"oci:{tmp_path / 'read'}:{NAME}", write_layout(tmp_path / "same", sample))
    assert "is there already" in again.out, again.err


@every_registry
@every_content
def test_we_read_what_oras_pushed(run: Run, place: Place, sample: Sample, tmp_path: Path) -> None:
    """Out of a layout of ours, which it looks through first."""
    write_layout(tmp_path / "source", sample)
    with client(place, token_to_push(run, place)) as provider:
        layout = oras.layout.NewLayout(str(tmp_path / "source"))
        layout.push_to_registry(provider, place.ours, NAME)
    read = run("copy", *place.options("src"), place.ours, f"oci:{tmp_path / 'read'}:back")
    assert read.out.strip().endswith(digest(sample)), read.err
    assert_holds(tmp_path / "read", *parts(sample))


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "dir"])
@every_content
def test_oras_accepts_the_layout_that_came_through_every_store(
    run: Run, kind: str, sample: Sample, tmp_path: Path
) -> None:
    place = Place(kind, str(tmp_path / "place"))
    for words in (
        (write_layout(tmp_path / "source", sample), place.ours),
        (place.ours, f"oci:{tmp_path / 'layout'}:{NAME}"),
    ):
        copied = run("copy", *words)
        assert copied.code == 0, copied.err
    found = oras.layout.NewLayout(str(tmp_path / "layout")).get_ordered_blobs(NAME)
    assert set(found) == {str(part.descriptor.digest) for part in parts(sample)}


@every_registry
def test_an_artifact_of_oras_keeps_its_subject(run: Run, place: Place, tmp_path: Path) -> None:
    (tmp_path / "note").write_text("attached")
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", IMAGE), place.ours)
    assert written.code == 0, written.err
    note = place.called("note")
    artifact = attach(run, note, tmp_path / "note")
    read = run("copy", *place.options("src"), note.ours, f"oci:{tmp_path / 'read'}:note")
    assert read.out.strip().endswith(str(artifact)), read.err
    manifest = json.loads((tmp_path / "read" / "blobs" / "sha256" / artifact.encoded).read_bytes())
    assert manifest["subject"]["digest"] == digest(IMAGE)
    with client(place) as provider:
        [file] = provider.pull(note.ours, outdir=str(tmp_path / "pulled"))
    assert Path(file).read_text() == "attached"


@pytest.mark.parametrize("place", ["ours"], indirect=True)
def test_our_registry_lists_what_oras_attached(run: Run, place: Place, tmp_path: Path) -> None:
    """docker-registry has no referrers, and oras writes no list of them under a tag; so only ours knows of it."""
    (tmp_path / "note").write_text("attached")
    written = run("copy", *place.options("dest"), write_layout(tmp_path / "source", IMAGE), place.ours)
    assert written.code == 0, written.err
    artifact = attach(run, place.called("note"), tmp_path / "note")
    copied = run("copy", "--json", "--referrers", *place.options("src"), place.ours, f"oci:{tmp_path / 'read'}:{NAME}")
    assert copied.code == 0, copied.err
    assert [companion["digest"] for companion in copied.json["companions"]] == [str(artifact)]
