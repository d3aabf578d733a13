"""export, ls-files, cat, diff, check-base and validate: commands that look into images."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from pratique.image.sample import Content
from pratique.spec import media
from pratique.spec.digest import Digest
from tests.commands import Run
from tests.registries import sample
from tests.unit.image.layers.tars import file, folder, layer, link, symlink

from .images import PLATFORM
from .test_hostile_layers import layout as written
from .test_hostile_layers import packed

BASE = layer(
    folder("etc"), file("etc/a", b"old\n"), file("etc/b", b"b\n", mode=0o600), link("etc/c", "etc/b"), file("gone")
)
MIDDLE = layer(file("etc/a", b"newer\n"), symlink("a", "/etc/a"), file("run", bytes(range(256)), mode=0o755))
TOP = layer(file("etc/.wh.b"), file(".wh.gone"), file("etc/d", b"d\n"))
CHANGED = layer(folder("etc"), file("etc/a", b"old\n", mode=0o755, uid=7), symlink("etc/b", "a"), file("etc/e"))


@pytest.fixture
def images(tmp_path: Path) -> str:
    """A layout of images: `base`, what is made of it as `app`, and another as `other`."""
    images = {"base": [BASE], "app": [BASE, MIDDLE, TOP], "other": [CHANGED]}
    return written(tmp_path / "layout", {name: [packed(raw) for raw in layers] for name, layers in images.items()})


@pytest.fixture
def indexes(run: Run, images: str, tmp_path: Path) -> str:
    """Two indexes, `1` and `2`."""
    place, (base, app) = f"oci:{tmp_path}/indexes", (f"{images}:base", f"{images}:app")
    for name, listed in (("1", {"amd64": base, "arm64": app}), ("2", {"amd64": app, "arm64": app, "s390x": base})):
        words = [f"linux/{name}={image}" for name, image in listed.items()]
        assert run("index", "create", "--quiet", f"{place}:{name}", *words).code == 0
    return place


def requested(debug: str) -> list[str]:
    """The blobs that were got, as a command says with --debug."""
    return [line.partition("/blobs/")[2][:71] for line in debug.splitlines() if " GET " in line and "/blobs/" in line]


def layers_of(run: Run, place: str) -> list[str]:
    return [entry["digest"] for entry in json.loads(run("manifest", "get", place).out)["layers"]]


# --- export


def test_an_export_is_for_other_programs(images: str, tmp_path: Path) -> None:
    export = [sys.executable, "-m", "pratique", "export", f"{images}:app"]
    done = subprocess.run(export, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        assert {each.name: each.linkname or each.size for each in archive} == {
            "etc": 0, "etc/c": 2, "etc/a": 6, "a": "/etc/a", "run": 256, "etc/d": 2
        }  # fmt: skip
    with Path("/dev/full").open("wb") as full:
        failed = subprocess.run(export, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (failed.returncode, b"No space left" in failed.stderr, failed.stderr.count(b"\n")) == (2, True, 1)
    with subprocess.Popen(export, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        assert (process.stderr.read(), process.wait()) == (b"", 141)


def test_a_tar_is_not_for_a_terminal(run: Run, layout: str) -> None:
    assert run("export", "--json", "--platform", "linux/amd64", f"{layout}:1.0").code == 2


# --- ls-files


def test_files_are_listed(run: Run, layout: str, layer: Path) -> None:
    assert run("append", f"{layout}:1.0", str(layer), "--tag", "1.1").code == 0
    words = ("--platform", "linux/amd64", f"{layout}:1.1")
    assert run("ls-files", *words, "etc/b").out == "etc/b\n"
    assert run("ls-files", *words, "et").out == ""
    assert run("ls-files", "--long", *words, "/etc/a/").out == "-rw-r--r-- 0/0 4 1970-01-01 00:00 etc/a\n"
    (listed,) = run("ls-files", "--json", "--digests", *words, "etc/a").json
    assert listed["digest"] == str(Content.of(b"aaa\n", "").descriptor.digest)
    assert (listed["kind"], listed["size"], listed["mode"], listed["owner"]) == ("file", 4, "0644", [0, 0])


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["a", "etc/", "etc/a", "etc/c", "etc/d", "run"]),
        (["etc"], ["etc/", "etc/a", "etc/c", "etc/d"]),
        (["/etc/a/", "run"], ["etc/a", "run"]),
        (["**/a"], ["a", "etc/a"]),
        (["*/?"], ["etc/a", "etc/c", "etc/d"]),
        (["/"], ["a", "etc/", "etc/a", "etc/c", "etc/d", "run"]),
    ],
)
def test_files_at_paths(run: Run, images: str, words: list[str], expected: list[str]) -> None:
    assert run("ls-files", f"{images}:app", *words).out.split() == expected
    assert run("ls-files", f"{images}:app", "--platform", "linux/amd64", *words).out.split() == expected


def test_where_there_is_nothing_that_is_said(run: Run, images: str) -> None:
    told = run("ls-files", f"{images}:app", "etc", "gone")
    assert (told.code, told.out, "'gone'" in told.err) == (3, "", True)


def test_files_with_what_is_known_of_them(run: Run, images: str) -> None:
    base, middle = (Digest.of(packed(raw)[1]) for raw in (BASE, MIDDLE))
    listed = run("ls-files", f"{images}:app", "--long", "etc/c", "a", "--layers").out.splitlines()
    assert listed == [
        f"lrw-r--r-- 0/0 0 1970-01-01 00:00 {middle} a -> /etc/a",
        f"-rw------- 0/0 2 1970-01-01 00:00 {base} etc/c",  # whose other name is gone
    ]
    (shown,) = run("ls-files", "--json", f"{images}:app", "etc/c").json
    assert (shown["kind"], shown["layer"]) == ("file", str(base))


@pytest.mark.parametrize("errors", ["strict", "surrogateescape"])  # as Python has it in other languages, and in none
def test_names_that_are_no_text_are_shown_and_found_again(tmp_path: Path, errors: str) -> None:
    name = b"caf\xe9"
    place = written(tmp_path / "names", {"it": [packed(layer(file(os.fsdecode(name), b"x"), file("\x1b[31m")))]})

    def ran(*words: str) -> bytes:
        environment = {**os.environ, "PYTHONIOENCODING": f"utf-8:{errors}"}
        return subprocess.run(
            [sys.executable, "-m", "pratique", *words], env=environment, capture_output=True, check=True
        ).stdout

    assert ran("ls-files", f"{place}:it") == b"\\x1b[31m\ncaf\\xe9\n"
    listed = json.loads(ran("ls-files", "--json", f"{place}:it"))
    assert os.fsencode(listed[1]["path"]) == name
    assert ran("cat", f"{place}:it", listed[1]["path"]) == b"x"


# --- cat


def test_a_file_of_an_image(run: Run, registry: str, layout: str, tmp_path: Path) -> None:
    assert run("cat", "--platform", "linux/arm64", f"{registry}/bar:1.0", "/hello").out == "#!/bin/sh\necho hello\n"
    told = run("cat", f"{layout}:1.0", "hello")
    assert (told.code, "linux/amd64, linux/arm64" in told.err) == (3, True)
    assert run("cat", "--platform", "linux/arm64", f"{layout}:1.0", "none").code == 3
    assert run("cat", "--json", "--platform", "linux/arm64", f"{layout}:1.0", "hello").code == 2
    output = tmp_path / "out"
    assert run("cat", "--platform", "linux/arm64", "-o", str(output), f"{layout}:1.0", "hello").code == 0
    assert output.read_bytes() == b"#!/bin/sh\necho hello\n"


def test_a_pipe_is_written_to_and_not_replaced(run: Run, images: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        assert run("cat", "-o", str(pipe), f"{images}:app", "etc/d").code == 0
        assert (os.read(reading, 100), pipe.is_fifo()) == (b"d\n", True)
    finally:
        os.close(reading)


def test_only_the_layers_from_the_file_upwards_are_pulled_and_each_once(run: Run, registry: str, images: str) -> None:
    place = f"{registry}/bar:app"
    assert run("copy", "--dest-creds", "captain:secret-of-captain", f"{images}:app", place).code == 0
    base, middle, top = layers_of(run, place)
    for path, wanted in (
        ("etc/d", [top]),
        ("run", [top, middle]),
        ("a", [top, middle]),
        ("etc/c", [top, middle, base]),
    ):
        done = run("cat", "--debug", "-o", os.devnull, place, path)
        assert done.code == 0, done.err
        assert [each for each in requested(done.err) if each in (base, middle, top)] == wanted


def test_a_terminal_gets_text_only(images: str) -> None:
    def seen(path: str) -> tuple[int, bytes]:
        ours, theirs = pty.openpty()
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pratique", "cat", f"{images}:app", path],
                stdout=theirs,
                stderr=subprocess.PIPE,
                check=False,
            )
            os.set_blocking(ours, False)
            try:
                return done.returncode, os.read(ours, 1000)
            except BlockingIOError:
                return done.returncode, done.stderr
        finally:
            os.close(ours)
            os.close(theirs)

    assert seen("etc/d") == (0, b"d\r\n")
    code, said = seen("run")
    assert (code, b"no text" in said, b"--output" in said) == (2, True, True)


# --- diff


def test_what_differs(run: Run, based: str) -> None:
    same = run("diff", *PLATFORM, f"{based}:app", f"{based}:app")
    assert (same.code, same.out) == (0, "")
    told = run("diff", *PLATFORM, f"{based}:base-1", f"{based}:base-2")
    assert told.code == 1
    assert told.out.splitlines()[-2:] == ["~ file etc/a (content, 3 bytes)", "+ file etc/b (1 bytes)"]
    found = run("diff", "--json", *PLATFORM, f"{based}:base-2", f"{based}:base-1").json
    assert [(each["path"], each["kind"]) for each in found["files"]] == [("etc/a", "changed"), ("etc/b", "removed")]
    assert {each["place"] for each in found["config"]} == {"/rootfs/diff_ids"}


def shown(raw: bytes) -> str:
    return f"layer {Digest.of(packed(raw)[1])} ({len(packed(raw)[1])} bytes, {media.OCI_LAYER_GZIP})"


# From the base to what was put on it.
APPENDED = [
    f"+ {shown(MIDDLE)}",
    f"+ {shown(TOP)}",
    "+ file a",
    "~ file etc/a (content 4 bytes -> 6 bytes)",
    "- file etc/b (2 bytes)",
    "+ file etc/d (2 bytes)",
    "- file gone (0 bytes)",
    "+ file run (256 bytes)",
]


def test_two_images_for_people(run: Run, images: str) -> None:
    done = run("diff", f"{images}:base", f"{images}:other")
    assert (done.code, done.out.splitlines()) == (
        1,
        [
            f"- {shown(BASE)}",
            f"+ {shown(CHANGED)}",
            "~ file etc/a (mode 0644 -> 0755, owner 0/0 -> 7/0)",
            "~ file etc/b (file -> symlink)",
            "- file etc/c",
            "+ file etc/e (0 bytes)",
            "- file gone (0 bytes)",
        ],
    )
    same = run("diff", f"{images}:base", f"{images}:base")
    assert (same.code, same.out) == (0, "")


def test_only_what_is_new_of_layers_and_lists_is_told(run: Run, images: str) -> None:
    place = f"{images}:app"
    settings = ("--env", "A=1", "--annotation", "x=y", "--tag", "set")
    assert run("mutate", "--quiet", *settings, place).code == 0
    assert run("mutate", "--quiet", "--env", "B=2", "--annotation", "x=z", "--tag", "again", f"{images}:set").code == 0
    assert run("diff", f"{images}:base", place).out.splitlines() == APPENDED
    done = run("diff", f"{images}:set", f"{images}:again")
    assert done.out.splitlines() == [
        '~ manifest /annotations/x: "y" -> "z"',
        '+ config /config/Env: "B=2"',
    ]
    places = [each["place"] for each in run("diff", "--json", f"{images}:set", f"{images}:again").json["manifest"]]
    assert "/config/digest" in places  # programs are told everything


def test_two_indexes_are_compared_platform_by_platform(run: Run, images: str, indexes: str) -> None:
    done = run("diff", f"{indexes}:1", f"{indexes}:2")
    assert (done.code, done.out.splitlines()) == (
        1,
        [
            *(f"linux/amd64: {line}" for line in APPENDED),
            "linux/s390x: + image",
        ],
    )
    told = run("diff", "--json", f"{indexes}:1", f"{indexes}:2").json["images"]
    assert [(each["platform"], len(each["files"])) for each in told] == [("linux/amd64", 6), ("linux/s390x", 0)]
    assert run("diff", f"{indexes}:1", f"{indexes}:1").code == 0
    assert run("diff", "--platform", "linux/arm64", f"{indexes}:1", f"{indexes}:2").out == ""
    for pair in ((f"{indexes}:1", f"{images}:base"), (f"{images}:base", f"{indexes}:1")):
        done = run("diff", *pair)  # with the image for the same platform
        assert (done.code, done.out) == (0, ""), done.err


# --- check-base


def test_a_base_is_named(run: Run, based: str) -> None:
    assert run("check-base", *PLATFORM, "--base", f"{based}:base-1", f"{based}:app").code == 0
    other = run("check-base", *PLATFORM, "--base", f"{based}:base-2", f"{based}:app")
    assert (other.code, "is not on" in other.out) == (1, True)
    assert run("check-base", *PLATFORM, f"{based}:app").code == 2


def test_the_base_of_every_image_of_an_index(run: Run, images: str, indexes: str) -> None:
    base = f"{images}:base"
    done = run("check-base", "--base", base, f"{indexes}:1")
    assert (done.code, [line.split()[:4] for line in done.out.splitlines()]) == (
        0,
        [[f"{indexes}:1", "(linux/amd64)", "is", "on"]] * 2,
    )
    assert [each["current"] for each in run("check-base", "--json", "--base", base, f"{indexes}:1").json["images"]] == [
        True,
        True,
    ]
    one = run("check-base", "--platform", "linux/amd64", "--base", base, f"{indexes}:1")
    assert len(one.out.splitlines()) == 1
    missing = run("check-base", f"{indexes}:1")
    assert (missing.code, "--base" in missing.err) == (2, True)


def test_a_base_that_moved_on_is_told_with_what_it_was(run: Run, images: str) -> None:
    was = run("append", "--quiet", f"{images}:base", "--tag", "next", f"{__file__}:/x").out.strip().rpartition("@")[2]
    rebased = run(
        "rebase", "--quiet", "--old", f"{images}:base", "--new", f"{images}:next", f"{images}:app", "--tag", "app2"
    )
    assert rebased.code == 0, rebased.err
    assert run("check-base", "--base", f"{images}:next", f"{images}:app2").code == 0
    done = run("check-base", "--base", f"{images}:other", f"{images}:app2")
    assert (done.code, "is not on what is now" in done.out) == (1, True)
    assert done.out.rstrip().endswith(f"; its base was {was}")


# --- validate


def test_what_is_damaged_is_found(run: Run, layout: str, tmp_path: Path) -> None:
    damaged = sample().below[0].descriptor
    path = tmp_path / "layout" / "blobs" / "sha256" / damaged.digest.encoded
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    found = run("validate", "--json", f"{layout}:1.0")
    assert found.code == 5
    assert [problem["digest"] for problem in found.json["problems"]] == [str(damaged.digest)]
    assert run("validate", "--fast", f"{layout}:1.0").code == 0  # it is there, in the right size
    path.unlink()
    for words in ((), ("--fast",)):
        told = run("validate", *words, f"{layout}:1.0")
        assert (told.code, str(damaged.digest) in told.out, "1 problem" in told.out) == (3, True, True)


@pytest.mark.parametrize("kind", ["oci", "oci-archive", "docker-archive", "dir"])
def test_every_store_is_validated(run: Run, images: str, tmp_path: Path, kind: str) -> None:
    place = f"{kind}:{tmp_path}/copied"
    name = "" if kind == "dir" else ":app/app:1" if kind == "docker-archive" else ":1"
    assert run("copy", "--quiet", f"{images}:app", place + name).code == 0
    assert run("validate", place).out == f"{place}: valid\n"
    fast = run("validate", "--fast", place)
    assert fast.code == (8 if kind == "docker-archive" else 0)  # which cannot be asked without reading it


def test_all_problems_are_told(run: Run, images: str, indexes: str, tmp_path: Path) -> None:
    blobs = tmp_path / "indexes" / "blobs" / "sha256"
    (blobs / Digest.of(packed(TOP)[1]).encoded).unlink()
    path = blobs / Digest.of(packed(MIDDLE)[1]).encoded
    path.write_bytes(path.read_bytes()[:-1])
    done = run("validate", f"{indexes}:2")
    assert (done.code, done.out.splitlines()[-1]) == (1, f"{indexes}:2: 2 problems")  # of two kinds
    assert run("validate", "--platform", "linux/s390x", f"{indexes}:2").code == 0
    told = run("validate", "--json", "--fast", f"{indexes}:2").json
    assert (told["valid"], len(told["problems"])) == (False, 2)
