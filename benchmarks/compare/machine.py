"""The machine that figures are from."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.server import PATH

from .programs import Program, version


def describe(programs: Iterable[Program]) -> dict[str, object]:
    """When, what kind of machine, how busy it was at the beginning, and which programs."""
    versions = {each.name: version(each) for each in programs}
    if path := shutil.which("docker-registry", path=PATH):
        said = subprocess.run([path, "--version"], check=True, capture_output=True, text=True).stdout
        versions["docker-registry"] = said.split()[-1]
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _field("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _field("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "python": sys.version.split()[0],
        "load": os.getloadavg()[0],
        "programs": versions,
    }


def _field(path: str, name: str) -> str:
    """What a line of a file of the kernel says."""
    lines = Path(path).read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "unknown")
