"""Surgery takes memory for what it works on at the moment, and not for what there is of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.compare.content import make_files, tar_of
from benchmarks.compare.measure import Starter, starting
from pratique.testing import registry

MIB = 1 << 20
SMALL, LARGE = 32, 96  # MiB of files
ALLOWANCE = 24.0  # MB that the large one may take more: what the allocator keeps differs from run to run

PRATIQUE = str(Path(sys.executable).with_name("pratique"))


@pytest.fixture(scope="module")
def starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    folder = tmp_path_factory.mktemp("starter")
    with starting(folder, folder / "no-authority") as found:
        yield found


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tars `32.tar` and `96.tar` of so many MiB, and layouts `32` and `96` of an image of two layers, tagged 1."""
    folder = tmp_path_factory.mktemp("images")
    for size in (SMALL, LARGE):
        (folder / f"{size}.tar").write_bytes(tar_of(size * MIB, "added"))
        make_files(folder / str(size), "1", 2, size * MIB)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ("append", "--quiet", "--to", "{target}", "{image}", "{tar}"),
        ("append", "--quiet", "--compression", "zstd", "--to", "{target}", "{image}", "{tar}"),
        ("flatten", "--quiet", "--to", "{target}", "{image}"),
        ("recompress", "--quiet", "--compression", "zstd", "--to", "{target}", "{image}"),
        ("layer", "edit", "--quiet", "--strip", "*/1*", "--to", "{target}", "{image}"),
        ("export", "{image}"),
        ("validate", "{image}"),
    ],
    ids=lambda words: "-".join(word for word in words if word.isalpha()),
)
def test_three_times_as_much_takes_no_more_memory(starter: Starter, images: Path, words: tuple[str, ...]) -> None:
    peaks = []
    with registry() as harbour:
        for size in (SMALL, LARGE):
            names = {
                "target": f"{harbour.address}/app:{size}",
                "image": f"oci:{images}/{size}:1",
                "tar": f"{images}/{size}.tar",
            }
            peaks.append(starter.run([PRATIQUE, *(word.format(**names) for word in words)]).memory)
    assert peaks[1] < peaks[0] + ALLOWANCE, peaks
