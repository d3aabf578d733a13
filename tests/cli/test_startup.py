"""What a command loads before it can begin: start-up is a feature, and a module that creeps in is what spoils it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.registries import push, repository, sample, serving

# What takes long to load and is of no use to a command that asks an http registry for a digest or a list.
HEAVY = {
    "bz2", "concurrent.futures", "cryptography", "email", "encodings.idna", "hashlib", "http", "http.client", "jwt", "logging",
    "lzma", "pratique.http.tunnel", "pratique.server", "random", "rich", "shutil", "signal", "ssl", "subprocess", "tempfile",
    "tomllib", "unicodedata", "urllib.request",
}  # fmt: skip
SCRIPT = (
    "import sys; from pratique.cli.main import main; code = main(sys.argv[1:]); print(*sys.modules); sys.exit(code)"
)


def loaded(*words: str) -> set[str]:
    """The modules that a command had loaded at its end."""
    command = [sys.executable, "-S", "-c", SCRIPT, *words]  # without `site`, which runs what the machine has
    environment = {"PYTHONPATH": ":".join(filter(None, sys.path))}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return set(done.stdout.splitlines()[-1].split())


def test_the_version_is_said_by_next_to_nothing() -> None:
    modules = loaded("--version")
    assert modules & (HEAVY | {"argparse", "dataclasses", "json", "re", "socket", "typing"}) == set()
    assert {name for name in modules if name.startswith("pratique.")} == {
        "pratique.cli", "pratique.cli.main", "pratique.version"
    }  # fmt: skip


@pytest.fixture
def tagged(tmp_path: Path) -> Iterator[str]:
    """A reference of an image in a registry that speaks http."""
    with serving(tmp_path / "registry") as listener:
        with repository(listener.address, "app") as target:
            push(target, sample(), "1.0")
        yield f"{listener.address}/app:1.0"


@pytest.mark.parametrize("options", [[], ["--plain-http"]], ids=["asked what it speaks", "plain"])
def test_a_digest_takes_no_tls_no_hash_and_no_json(tagged: str, options: list[str]) -> None:
    assert loaded("digest", *options, tagged) & (HEAVY | {"json", "datetime"}) == set()


def test_a_list_of_tags_takes_no_tls_and_no_hash(tagged: str) -> None:
    assert loaded("tags", tagged.removesuffix(":1.0")) & HEAVY == set()


def test_what_is_heavy_is_known_by_these_names(tagged: str) -> None:
    """The tests above would pass with names that no module has."""
    assert {"hashlib", "json"} <= loaded("inspect", tagged)
    assert all(find_spec(name) for name in HEAVY)
