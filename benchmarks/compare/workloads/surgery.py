"""An image of three layers of files, changed: its file system as a tar, one layer of all, one more on top, other compression.

From registry to registry, and within one layout, which is all that umoci knows.
"""

import json
import os
import shutil

from ..content import FILES
from ..measure import Failed
from ..programs import Layout, Program, Remote, Words
from ..registries import NONE
from ..workload import BEST, COPIED, MEMORY, Limit, Site, Workload

FAST = (Limit("wall", 0.5, BEST), Limit("cpu", 0.5, BEST))


def target(site: Site) -> Remote:
    return Remote(site.target, f"{COPIED}/files", "1")


def beside(site: Site) -> Remote:
    """In another repository of the registry in which the image is: as most people do."""
    return Remote(site.source, f"{COPIED}/files", "1")


def source(site: Site) -> Remote:
    return Remote(site.source, FILES, "1")


def export(program: Program, site: Site) -> Words | None:
    return program.export(source(site), site.bundle)


def flatten(program: Program, site: Site) -> Words | None:
    return program.flatten(source(site), target(site), site.bundle)


def append(program: Program, site: Site) -> Words | None:
    return program.append(source(site), beside(site), site.stock.added)


def recompress(program: Program, site: Site) -> Words | None:
    return program.recompress(source(site), target(site))


def check(site: Site) -> None:
    """Raises Failed where nothing came of it."""
    if not site.second.digest(f"{COPIED}/files", "1"):
        raise Failed("nothing is at the target")


def check_beside(site: Site) -> None:
    if not site.first.digest(f"{COPIED}/files", "1"):
        raise Failed("nothing is beside the source")


def here(site: Site) -> Layout:
    """The image in a layout that may be changed."""
    return site.layout


def changed(site: Site) -> Layout:
    """What becomes of it, in the same layout."""
    return Layout(site.layout.folder, "changed")


def lay(site: Site) -> None:
    """Make the layout: its blobs are those of another, and nobody changes blobs."""
    site.clean()
    shutil.copytree(site.stock.files.folder, site.layout.folder, copy_function=os.link)
    for name in ("index.json", "oci-layout"):
        (site.layout.folder / name).unlink()
        shutil.copy(site.stock.files.folder / name, site.layout.folder)


def check_changed(site: Site) -> None:
    """Raises Failed where nothing came of it."""
    entries = json.loads((site.layout.folder / "index.json").read_text())["manifests"]
    if not [
        each for each in entries if each.get("annotations", {}).get("org.opencontainers.image.ref.name") == "changed"
    ]:
        raise Failed("nothing is in the layout")


def export_here(program: Program, site: Site) -> Words | None:
    return program.export(here(site), site.bundle)


def flatten_here(program: Program, site: Site) -> Words | None:
    return program.flatten(here(site), changed(site), site.bundle)


def append_here(program: Program, site: Site) -> Words | None:
    return program.append(here(site), changed(site), site.stock.added)


def recompress_here(program: Program, site: Site) -> Words | None:
    return program.recompress(here(site), changed(site))


WORKLOADS = (
    Workload("export", export, {"": (*FAST, MEMORY)}),
    Workload("flatten", flatten, {"": (*FAST, MEMORY)}, before=Site.clean, check=check, most_rounds=2),
    Workload("append", append, {"": (*FAST, MEMORY)}, before=Site.clean, check=check_beside),
    Workload("recompress", recompress, {"": (*FAST, MEMORY)}, before=Site.clean, check=check),
    Workload("export, layout", export_here, {"": (*FAST, MEMORY)}, before=lay, kinds=(NONE,), most_rounds=3),
    Workload(
        "flatten, layout",
        flatten_here,
        {"": (*FAST, MEMORY)},
        before=lay,
        check=check_changed,
        kinds=(NONE,),
        most_rounds=2,
    ),
    Workload("append, layout", append_here, {"": (*FAST, MEMORY)}, before=lay, check=check_changed, kinds=(NONE,)),
    Workload(
        "recompress, layout", recompress_here, {"": (*FAST, MEMORY)}, before=lay, check=check_changed, kinds=(NONE,)
    ),
)
