"""The public face: its names, each documented, and none loaded before it is used.

A new name stands in `NAMES` below, and three times in `pratique/__init__.py`: for type checkers, in `__all__`, and with its home.
"""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import pratique
import pratique.artifacts
import pratique.surgery

NAMES = [
    "ANONYMOUS", "Blob", "ContentMismatch", "Credential", "Deletion", "Denied", "Descriptor", "Digest", "Error", "Event",
    "Explanation", "Failure", "Image", "Inspection", "InvalidDigest", "InvalidInput", "InvalidReference", "Login", "Machine",
    "Manifest", "Misbehaved", "NotFound", "Platform", "RateLimited", "Reference", "Refused", "Registries", "Repository",
    "Result", "Served", "Spans", "Tls", "Trust", "Unauthorized", "Unreachable", "Unsupported", "__version__", "collect",
    "connect", "copy", "copy_tags", "login", "logout", "open", "serve",
]  # fmt: skip


def test_the_names_are_these_and_sorted() -> None:
    assert pratique.__all__ == NAMES == sorted(NAMES)


def test_what_is_imported_for_type_checkers_is_what_is_there() -> None:
    tree = ast.parse(Path(inspect.getfile(pratique)).read_text("utf-8"))
    guarded = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in guarded.body if isinstance(node, ast.ImportFrom) and node.level]
    homes = {alias.name: node.module for node in imports for alias in node.names}
    assert homes == pratique._HOMES
    assert sorted([*homes, "__version__"]) == NAMES


@pytest.mark.parametrize("name", [name for name in NAMES if name != "__version__"])
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    found = getattr(pratique, name)
    assert name in dir(pratique)
    assert (inspect.getdoc(found) or "").strip()
    if inspect.isclass(found):
        public = [each for key, each in vars(found).items() if not key.startswith("_") and inspect.isfunction(each)]
        assert [each.__qualname__ for each in public if not inspect.getdoc(each)] == []


@pytest.mark.parametrize("module", [pratique.artifacts, pratique.surgery], ids=lambda module: module.__name__)
def test_what_the_further_modules_have_says_what_it_is(module: ModuleType) -> None:
    assert module.__all__ == sorted(module.__all__)
    named = {name: getattr(module, name) for name in module.__all__}
    made = {name: each for name, each in named.items() if inspect.isclass(each) or inspect.isfunction(each)}
    assert [name for name, each in made.items() if not (inspect.getdoc(each) or "").strip()] == []


def test_a_name_that_is_not_there_is_an_ordinary_error() -> None:
    with pytest.raises(AttributeError, match="module 'pratique' has no attribute 'Nonsense'"):
        _ = pratique.Nonsense  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="nonsense"):
        pratique.connect(nonsense=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="nonsense"):
        pratique.copy("oci:a", "oci:b", nonsense=1)  # type: ignore[call-arg]


def test_importing_it_loads_nothing_but_the_version() -> None:
    script = "import sys; before = {*sys.modules}; import pratique; print(*sorted({*sys.modules} - before))"
    command = [sys.executable, "-S", "-c", script]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env={"PYTHONPATH": ":".join(filter(None, sys.path))}
    )
    assert set(done.stdout.split()) <= {"__future__", "pratique", "pratique.version"}
