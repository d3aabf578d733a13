"""What a command loads before it can begin: start-up is a feature, and a module that creeps in is what spoils it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.registries import push, repository, sample, serving

# What takes long to load and is of no use to a command that asks an http registry for a digest or a list.
HEAVY = {
    "base64", "bz2", "concurrent.futures", "cryptography", "dataclasses", "email", "encodings.idna", "fnmatch", "hashlib", "http",
    "http.client", "inspect", "ipaddress", "jwt", "logging", "lzma", "pathlib", "random", "rich", "shutil", "signal", "ssl",
    "subprocess", "tempfile", "tomllib", "unicodedata", "urllib.parse", "urllib.request", "uuid",
}  # fmt: skip
# What of ours such a command does not need: there is no refusal, no file of settings, no proxy, no content that moves.
UNUSED = {
    "pratique.auth.challenge", "pratique.auth.conversation", "pratique.auth.credentials", "pratique.auth.events",
    "pratique.auth.home", "pratique.auth.tokens", "pratique.cli.progress", "pratique.client.files",
    "pratique.config.docker", "pratique.config.files",
    "pratique.config.pins", "pratique.config.proxies", "pratique.config.registries", "pratique.config.settings",
    "pratique.http.failure", "pratique.http.records", "pratique.http.tunnel", "pratique.image", "pratique.server",
    "pratique.stores.layout", "pratique.stores.mirrored", "pratique.stores.uploading", "pratique.testing", "pratique.transfer",
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
    assert modules & (HEAVY | UNUSED | {"argparse", "enum", "json", "re", "socket", "threading", "typing"}) == set()
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
    assert loaded("digest", *options, tagged) & (HEAVY | UNUSED | {"json", "datetime"}) == set()


def test_a_list_of_tags_takes_no_tls_and_no_hash(tagged: str) -> None:
    assert loaded("tags", tagged.removesuffix(":1.0")) & (HEAVY | UNUSED | {"datetime"}) == set()


def test_who_looks_into_an_image_needs_hashes_and_no_more(tagged: str) -> None:
    assert loaded("inspect", tagged) & (HEAVY | UNUSED) == {"hashlib"}


def test_a_command_loads_no_other_command(tagged: str) -> None:
    names = {name for name in loaded("digest", tagged) if name.startswith("pratique.cli.commands.")}
    assert names == {"pratique.cli.commands.digest"}


def test_what_is_heavy_is_known_by_these_names(tagged: str) -> None:
    """The tests above would pass with names that no module has."""
    assert {"hashlib", "json"} <= loaded("inspect", tagged)
    assert all(find_spec(name) for name in HEAVY | UNUSED)


def test_expressions_are_compiled_where_they_are_used() -> None:
    """`re.compile` where a module is loaded costs whoever loads it: `pratique.expressions` has them compiled later."""
    source = Path(find_spec("pratique").submodule_search_locations[0])  # type: ignore[union-attr, index]
    eager = re.compile(r"^\w+(: [^=]+)? = .*\bre\.compile\(", re.MULTILINE)
    found = {str(path.relative_to(source)) for path in source.rglob("*.py") if eager.search(path.read_text("utf-8"))}
    assert {name for name in found if not name.startswith(("server/", "image/", "testing/"))} == set()


ENDING = """
import atexit, gc, sys
from pratique.cli.main import main
code = main()
atexit._run_exitfuncs()
print(gc.get_threshold()[0], gc.get_freeze_count())
"""


def test_the_collector_does_not_look_at_what_a_command_loads() -> None:
    """Where the command is the process's own, and not where a program calls it."""
    for words, own in (("", True), ("['--version']", False)):
        script = ENDING.replace("main()", f"main({words})")
        command = [sys.executable, "-c", script, "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        threshold, frozen = map(int, done.stdout.splitlines()[-1].split())
        assert (threshold > 10_000, frozen > 1000) == (own, own)
