"""An image of three layers of files, changed: its file system as a tar, one layer of all, one more on top, other compression.

From registry to registry, and within one layout, which is all that umoci knows.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from ..content import FILES
from ..measure import Failed
from ..programs import Layout, Place, Remote
from ..registries import DOCKER, NONE, OURS
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload

LIMITS = {"": (Limit("wall", 0.5, BEST), Limit("cpu", 0.5, BEST), MEMORY)}
NAME = f"{COPIED}/files"


@dataclass(frozen=True, slots=True)
class Ground:
    """Where images are changed: the image, where what becomes of it goes, and what is done before."""

    kinds: tuple[str, ...]
    source: Callable[[Site], Place]
    target: Callable[[Site], Place]
    beside: Callable[[Site], Place]  # where most people put what is appended to: near the source
    before: Callable[[Site], None]

    def rows(self, where: str = "") -> tuple[Workload, ...]:
        """The four changes."""
        kinds, before = self.kinds, self.before
        there, near = check(self.target), check(self.beside)
        return (
            Workload(
                f"export{where}",
                lambda program, site: program.export(self.source(site), site.bundle),
                LIMITS,
                before=before,
                kinds=kinds,
                most_rounds=3,
            ),
            Workload(
                f"flatten{where}",
                lambda program, site: program.flatten(self.source(site), self.target(site), site.bundle),
                LIMITS,
                before=before,
                check=there,
                kinds=kinds,
                most_rounds=2,
            ),
            Workload(
                f"append{where}",
                lambda program, site: program.append(self.source(site), self.beside(site), site.stock.added),
                LIMITS,
                before=before,
                check=near,
                kinds=kinds,
            ),
            Workload(
                f"recompress{where}",
                lambda program, site: program.recompress(self.source(site), self.target(site)),
                LIMITS,
                before=before,
                check=there,
                kinds=kinds,
            ),
        )


def check(place: Callable[[Site], Place]) -> Callable[[Site], None]:
    """Raises Failed where nothing came to a place."""

    def look(site: Site) -> None:
        found = place(site)
        is_there = found.tag in tags(found) if isinstance(found, Layout) else digest(site, found)
        if not is_there:
            raise Failed(f"nothing is at {found}")

    return look


def digest(site: Site, place: Place) -> str:
    """What is in a registry, as its storage has it."""
    assert isinstance(place, Remote)
    server = site.second if place.at == site.target else site.first
    return server.digest(place.repository, place.tag)


def tags(layout: Layout) -> list[str]:
    """The names in a layout."""
    entries = json.loads((layout.folder / "index.json").read_text())["manifests"]
    return [each.get("annotations", {}).get("org.opencontainers.image.ref.name", "") for each in entries]


def lay(site: Site) -> None:
    """Make the layout: its blobs are those of another, and nobody changes blobs."""
    site.clean()
    shutil.copytree(site.stock.files.folder, site.layout.folder, copy_function=os.link)
    for name in ("index.json", "oci-layout"):
        (site.layout.folder / name).unlink()
        shutil.copy(site.stock.files.folder / name, site.layout.folder)


def changed(site: Site) -> Layout:
    """What becomes of the image in the layout."""
    return Layout(site.layout.folder, "changed")


REGISTRIES = Ground(
    kinds=(DOCKER, OURS),
    source=lambda site: Remote(site.source, FILES, "1"),
    target=lambda site: Remote(site.target, NAME, "1"),
    beside=lambda site: Remote(site.source, NAME, "1"),
    before=Site.clean,
)
LAYOUT = Ground(kinds=(NONE,), source=lambda site: site.layout, target=changed, beside=changed, before=lay)

WORKLOADS = (*REGISTRIES.rows(), *LAYOUT.rows(", layout"))
