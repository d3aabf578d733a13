"""What it costs to start: `--version` and `digest` on this machine, beside `python -c pass` and Debian's skopeo.

The commands take turns, so that whatever else the machine does falls on all of them. Ratios are to `python -c pass`.

    .venv/bin/python benchmarks/startup.py [ROUNDS]
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.registries import push, repository, sample, serving

ROUNDS = 21
# As users have it: Python keeps what it compiles.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
PRATIQUE = str(Path(sys.executable).with_name("pratique"))


def commands(address: str) -> dict[str, list[str]]:
    """What is measured."""
    reference = f"{address}/app:1.0"
    found = {
        "python -c pass": [sys.executable, "-c", "pass"],
        "pratique --version": [PRATIQUE, "--version"],
        "pratique digest": [PRATIQUE, "digest", reference],
        "pratique digest --plain-http": [PRATIQUE, "digest", "--plain-http", reference],
    }
    if shutil.which("skopeo"):
        found["skopeo --version"] = ["skopeo", "--version"]
        found["skopeo inspect --no-tags"] = [
            "skopeo",
            "inspect",
            "--no-tags",
            "--tls-verify=false",
            f"docker://{reference}",
        ]
    return found


def milliseconds(words: list[str]) -> float:
    """How long one run takes."""
    started = time.perf_counter()
    subprocess.run(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=ENVIRONMENT, check=True)
    return (time.perf_counter() - started) * 1000


def main(rounds: int) -> None:
    """Measure and print a table."""
    with tempfile.TemporaryDirectory() as folder, serving(Path(folder)) as listener:
        with repository(listener.address, "app") as target:
            push(target, sample(), "1.0")
        measured = commands(listener.address)
        times = [{name: milliseconds(words) for name, words in measured.items()} for _ in range(rounds + 1)][1:]
    medians = {name: statistics.median(row[name] for row in times) for name in measured}
    for name, median in medians.items():
        print(f"{name:<30} {median:7.1f} ms  {median / medians['python -c pass']:5.2f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
