"""The peak memory of copies of one large layer, from a layout to a registry, between registries and back.

.venv/bin/python -m benchmarks.memory [GIBIBYTES]
"""

from __future__ import annotations

import itertools
import sys
import tempfile
from pathlib import Path

from benchmarks.compare.content import make_image
from benchmarks.compare.measure import starting
from benchmarks.compare.programs import Layout, Place, Remote, installed
from benchmarks.compare.registries import OURS, running
from pratique.server.listen.authority import issue

GIBIBYTES = 5.0


def main(gibibytes: float) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tls = issue(folder, ["127.0.0.1"])
        layout = make_image(folder / "layout", "1", 1, int(gibibytes * (1 << 30)))
        with (
            running(OURS, "http", folder / "first", tls, folder) as first,
            running(OURS, "http", folder / "second", tls, folder) as second,
            starting(folder, tls.authority) as starter,
        ):
            places: list[Place] = [layout, *(Remote(each, "app", "1") for each in (first, second))]
            places.append(Layout(folder / "back", "1"))
            pratique = installed()[0]
            for source, target in itertools.pairwise(places):
                run = starter.run(pratique.copy(source, target) or ())
                what = " -> ".join(type(place).__name__.lower() for place in (source, target))
                print(f"{what:<18} {run.memory:6.1f} MB  {run.wall:6.1f} s  CPU {run.cpu:5.1f} s")


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else GIBIBYTES)
