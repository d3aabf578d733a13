"""The peak memory of copies of one large layer, from a layout to a registry, between registries and back; and of surgery.

.venv/bin/python -m benchmarks.memory [GIBIBYTES]

Surgery is done twice, with 300 and with 600 MB of files in three layers: from a layout into a registry.
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.compare.content import make_files, make_image, tar_of
from benchmarks.compare.measure import Run, starting
from benchmarks.compare.programs import Layout, Place, Pratique, Remote, Words
from benchmarks.compare.registries import OURS, Server, running
from pratique.server.listen.authority import issue

GIBIBYTES = 5.0
FILES = (300_000_000, 600_000_000)  # bytes

PRATIQUE = Pratique(str(Path(sys.executable).with_name("pratique")))


def main(gibibytes: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = issue(folder, ["127.0.0.1"])
        with (
            running(OURS, "http", folder / "first", tls, folder) as first,
            running(OURS, "http", folder / "second", tls, folder) as second,
            starting(folder, tls.authority) as starter,
        ):

            def measure(words: Words, what: str) -> None:
                show(what, starter.run(words))

            surgery(folder, first, measure)
            copies(folder, gibibytes, (first, second), measure)


def surgery(folder: Path, server: Server, measure: Callable[[Words, str], None]) -> None:
    """Every command that works on layers, with little and with much."""
    for size in FILES:
        source, target = make_files(folder / f"files-{size}", "1", 3, size), Remote(server, "files", "1")
        tar = folder / f"{size}.tar"
        tar.write_bytes(tar_of(size // 3, "added"))
        commands = {
            "export": PRATIQUE.export(source, folder),
            "flatten": PRATIQUE.flatten(source, target, folder),
            "append": PRATIQUE.append(source, target, tar),
            "recompress": PRATIQUE.recompress(source, target),
        }
        for verb, words in commands.items():
            measure(words, f"{verb} {size // 1_000_000} MB")


def copies(
    folder: Path, gibibytes: float, servers: tuple[Server, Server], measure: Callable[[Words, str], None]
) -> None:
    """From a layout to a registry, to another, and back."""
    layout = make_image(folder / "layout", "1", 1, int(gibibytes * (1 << 30)))
    places: list[Place] = [layout, *(Remote(each, "app", "1") for each in servers), Layout(folder / "back", "1")]
    for source, target in itertools.pairwise(places):
        measure(PRATIQUE.copy(source, target), " -> ".join(type(place).__name__.lower() for place in (source, target)))


def show(what: str, run: Run) -> None:
    print(f"{what:<18} {run.memory:6.1f} MB  {run.wall:6.1f} s  CPU {run.cpu:5.1f} s", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else GIBIBYTES)
