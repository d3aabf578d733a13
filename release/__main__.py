"""`python -m release FOLDER`: everything that a release consists of, from the checkout that this is in.

The same commit gives the same bytes, with the same Python and what is locked: SOURCE_DATE_EPOCH is the time of the commit
where it is not set (https://reproducible-builds.org/specs/source-date-epoch/).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

from . import archive, bill
from .dependencies import needed, of_wheel

ROOT: Final = Path(__file__).parents[1]
MADE: Final = ("pratique-*.whl", "pratique-*.tar.gz", "pratique-*.cdx.json", "pratique.pyz")


def main() -> None:
    """Make the files anew and print their paths."""
    folder = Path(sys.argv[1])
    epoch = int(os.environ.setdefault("SOURCE_DATE_EPOCH", str(committed())))
    for file in made(folder):
        file.unlink()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder.absolute())]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(done.stdout)
    [wheel] = folder.glob("*.whl")
    project = of_wheel(wheel)
    graph = needed(project)
    archive.write(folder / "pratique.pyz", wheel, graph, epoch)
    bill.write(folder / f"pratique-{project.version}.cdx.json", project, graph, made(folder), epoch)
    print(*made(folder), sep="\n")


def committed() -> int:
    """When the last commit was made, in seconds since 1970; 0 where git does not know."""
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    return int(done.stdout.strip() or 0)


def made(folder: Path) -> list[Path]:
    """What a build has left in a folder."""
    return sorted(file for pattern in MADE for file in folder.glob(pattern))


main()
