"""What the other type checker makes of programs that use the library; mypy reads them with everything else."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """What basedpyright says, by the settings in `pyproject.toml`."""
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run([*command, HERE / "right.py", HERE / "wrong.py"], cwd=ROOT, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_both_programs_are_read(report: dict[str, Any]) -> None:
    assert report["summary"]["filesAnalyzed"] == 2
    assert "pyright: ignore" in (HERE / "wrong.py").read_text("utf-8")


@pytest.mark.parametrize("name", ["right.py", "wrong.py"])
def test_there_is_nothing_to_say(report: dict[str, Any], name: str) -> None:
    """An error of `wrong.py` that is no longer one is said as well: what ignores it is of no use."""
    said = [each for each in report["generalDiagnostics"] if Path(each["file"]).name == name]
    assert [f"{each['range']['start']['line'] + 1}: {each['message']}" for each in said] == []
