"""What files, folders and standard input become in an artifact."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path

import pytest

from pratique import InvalidInput, Registries
from pratique.client.artifacts.making import push_artifact
from pratique.client.artifacts.parts import PushedFile, part
from pratique.client.artifacts.pulling import pull_artifact
from pratique.image import artifact
from pratique.testing import Embedded

from .conftest import contents


@pytest.mark.usefixtures("files")
def test_hard_links_are_packed_as_files(harbour: Embedded, registries: Registries) -> None:
    """oras joins the other name of a hard link to the folder of the link, and finds nothing there."""
    docs = registries.repository(f"{harbour.address}/docs")
    done = push_artifact(f"{docs}:1", ["manual"], registries=registries)
    layer = docs.manifest(done.descriptor.digest).layers[0]
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(docs.blob(layer.digest).read()))) as packed:
        kinds = {member.name: member.type for member in packed}
    assert kinds["manual/same"] == kinds["manual/run"] == tarfile.REGTYPE


@pytest.mark.usefixtures("files")
def test_a_file_of_the_type_of_folders_stays_a_file(harbour: Embedded, registries: Registries, tmp_path: Path) -> None:
    place = f"{harbour.address}/docs:1"
    push_artifact(place, ["README:application/vnd.oci.image.layer.v1.tar+gzip"], registries=registries)
    pull_artifact(place, tmp_path / "out", registries=registries)
    assert (tmp_path / "out" / "README").read_bytes() == b"read me\n"


@pytest.mark.usefixtures("files")
def test_what_nobody_would_unpack_is_not_packed(harbour: Embedded, registries: Registries) -> None:
    place = f"{harbour.address}/docs:1"
    wrong = Path("manual/pages/wrong")
    for link in ("/etc", "../../../README", "one/../../.."):
        wrong.symlink_to(link)
        with pytest.raises(InvalidInput, match="leads out of the folder"):
            push_artifact(place, ["manual"], registries=registries)
        wrong.unlink()
    os.mkfifo(wrong)
    with pytest.raises(InvalidInput, match="device, pipe or socket"):
        push_artifact(place, ["manual"], registries=registries)


@pytest.mark.usefixtures("files")
def test_a_link_to_a_folder_is_that_folder_under_another_name(
    harbour: Embedded, registries: Registries, tmp_path: Path
) -> None:
    Path("other").symlink_to("manual")
    push_artifact(f"{harbour.address}/docs:1", ["other"], registries=registries)
    pull_artifact(f"{harbour.address}/docs:1", tmp_path / "out", registries=registries)
    assert contents(tmp_path / "out" / "other") == contents(Path("manual"))


def test_what_can_be_read_but_once_is_kept(harbour: Embedded, registries: Registries) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"from a pipe")
    os.close(writing)
    docs = registries.repository(f"{harbour.address}/docs")
    try:
        file = PushedFile(f"/dev/fd/{reading}", title="pipe.txt")
        done = push_artifact(f"{docs}:1", [file], registries=registries)
    finally:
        os.close(reading)
    layer = docs.manifest(done.descriptor.digest).layers[0]
    assert docs.blob(layer.digest).read() == b"from a pipe"


def test_standard_input_may_be_closed(
    harbour: Embedded, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(InvalidInput, match="standard input is closed"):
        push_artifact(f"{harbour.address}/docs:1", [PushedFile("-", title="x")], registries=registries)


def test_what_there_is_no_room_for_is_not_blamed_on_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    (tmp_path / "folder").mkdir()
    for path, said in (("-", "standard input"), (str(tmp_path / "folder"), str(tmp_path / "folder"))):
        with pytest.raises(InvalidInput, match=f"{said} is kept in .* until it is sent: No space left") as caught:
            part(PushedFile(path, title="x"), Path("/dev/full"))
        assert "TMPDIR" in str(caught.value.advice())


def test_standard_input_needs_a_name(
    harbour: Embedded, registries: Registries, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    with pytest.raises(InvalidInput, match="no name"):
        push_artifact(f"{harbour.address}/docs:1", ["-"], registries=registries)
    done = push_artifact(f"{harbour.address}/docs:1", [PushedFile("-", "a/b", "pipe.txt")], registries=registries)
    layer = registries.repository(f"{harbour.address}/docs").manifest(done.descriptor.digest).layers[0]
    assert (layer.annotations[artifact.TITLE], layer.size, layer.media_type) == ("pipe.txt", 11, "a/b")


@pytest.mark.parametrize(
    ("path", "title"),
    [("a/b", "a/b"), ("./a//b", "a/b"), ("/x/y", "y"), ("../z", "z"), ("a/../../z", "z")],
)
def test_titles_are_paths_that_lead_nowhere_else(path: str, title: str) -> None:
    assert PushedFile.parse(path).name == title


@pytest.mark.parametrize(
    ("word", "path", "media_type"),
    [
        ("a.json", "a.json", ""),
        ("a.json:application/json", "a.json", "application/json"),
        ("a:b:text/plain; charset=utf-8", "a:b", "text/plain; charset=utf-8"),
        ("a:b", "a:b", ""),
        ("-:a/b", "-", "a/b"),
        ("a:b/c:", "a:b/c", ""),
        ("a::", "a:", ""),
    ],
)
def test_a_word_is_a_file_and_perhaps_its_type(word: str, path: str, media_type: str) -> None:
    file = PushedFile.parse(word)
    assert (file.path, file.media_type) == (path, media_type)
