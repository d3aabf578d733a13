"""The same `registries.conf` read by skopeo and by us: the same registries are asked, and the same bytes come of it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pytest

from pratique.http.message import Request, Response
from pratique.server.access.rules import Access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from tests.commands import Run
from tests.registries import push, repository, sample

from .conftest import find_program, furnish

# What is where, by registry, repository and tag: the greeting of the image there.
CARGO: Final = {
    "a": {"app": "from a", "ns/app": "from a, in ns", "ns/deep/app": "from a, deeper"},
    "b": {"app": "from b", "mirrored/app": "from b, mirrored"},
    "c": {"app": "from c", "ns/deep/app": "from c, deeper"},
    "d": {},
}
BY_DIGEST: Final = str(sample("from a").root.descriptor.digest)

# Files by name; {a} to {d} are registries, and all that is http must be insecure for skopeo.
FILES: Final = {
    "no rule": '[[registry]]\nlocation = "{a}"\ninsecure = true',
    "a mirror": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{b}"
insecure = true
""",
    "a mirror that lacks it": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{d}"
insecure = true
[[registry.mirror]]
location = "{c}"
insecure = true
""",
    "a mirror below a path": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{b}/mirrored"
insecure = true
""",
    "mirrors for digests only": """
[[registry]]
location = "{a}"
insecure = true
mirror-by-digest-only = true
[[registry.mirror]]
location = "{b}"
insecure = true
""",
    "a mirror for digests, one for tags": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{b}"
insecure = true
pull-from-mirror = "digest-only"
[[registry.mirror]]
location = "{c}"
insecure = true
pull-from-mirror = "tag-only"
""",
    "another location": '[[registry]]\nprefix = "{a}"\nlocation = "{b}/mirrored"\ninsecure = true',
    "the longest prefix": """
[[registry]]
location = "{a}"
insecure = true
[[registry]]
prefix = "{a}/ns"
location = "{d}"
insecure = true
[[registry]]
prefix = "{a}/ns/deep"
location = "{c}/ns/deep"
insecure = true
""",
    "a prefix that ends within a name": """
[[registry]]
location = "{a}"
insecure = true
[[registry]]
prefix = "{a}/n"
location = "{d}"
insecure = true
""",
    "a mirror that has mirrors": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{d}"
insecure = true
[[registry]]
location = "{d}"
insecure = true
[[registry.mirror]]
location = "{b}"
insecure = true
""",
    "blocked": '[[registry]]\nlocation = "{a}"\ninsecure = true\nblocked = true',
    "blocked below a path": """
[[registry]]
location = "{a}"
insecure = true
[[registry]]
location = "{a}/ns"
insecure = true
blocked = true
""",
    "version 1": "[registries.insecure]\nregistries = ['{a}']",
    "version 1, blocked": "[registries.insecure]\nregistries = ['{a}']\n[registries.block]\nregistries = ['{a}']",
    "a wildcard that is somebody else's": """
[[registry]]
location = "{a}"
insecure = true
[[registry]]
prefix = "*.example.com"
blocked = true
""",
    "not TOML": "[[registry]",
    "a URL": '[[registry]]\nlocation = "http://{a}"\ninsecure = true',
    "a mirror without location": '[[registry]]\nlocation = "{a}"\ninsecure = true\n[[registry.mirror]]\ninsecure = true',
    "contradictory": """
[[registry]]
location = "{a}"
insecure = true
[[registry]]
prefix = "example.com"
location = "{a}"
insecure = false
""",
    "an unknown way to pull": """
[[registry]]
location = "{a}"
insecure = true
[[registry.mirror]]
location = "{b}"
insecure = true
pull-from-mirror = "sometimes"
""",
}
NAMES: Final = ("app:1.0", "ns/app:1.0", "ns/deep/app:1.0", f"app@{BY_DIGEST}")


@dataclass
class Fleet:
    """Registries by letter, and which of them were asked for manifests, in order."""

    addresses: dict[str, str] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def recording(self, letter: str, handle: Callable[[Request], Response]) -> Callable[[Request], Response]:
        def record(request: Request) -> Response:
            response = handle(request)
            if "/manifests/" in request.path:
                self.asked.append(f"{letter} {'has it' if response.status == 200 else response.status}")
            return response

        return record

    def took(self) -> list[str]:
        """Who was asked since the last time, each once in a row."""
        found = [entry for number, entry in enumerate(self.asked) if self.asked[number - 1 : number] != [entry]]
        self.asked.clear()
        return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    fleet = Fleet()
    with ExitStack() as stack:
        for letter, cargo in CARGO.items():
            app = RegistryApp(Storage(tmp_path_factory.mktemp("registry")), Access())
            address = stack.enter_context(Listener(fleet.recording(letter, app.handle))).address
            fleet.addresses[letter] = address
            for name, greeting in cargo.items():
                with repository(address, name) as target:
                    push(target, sample(greeting), "1.0")
        fleet.asked.clear()
        yield fleet


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_skopeo_reads_the_same_from_the_same_place(
    fleet: Fleet, run: Run, clean_environment: Path, tmp_path: Path, text: str
) -> None:
    skopeo = find_program("skopeo")
    environment = furnish(clean_environment)
    (clean_environment / ".config/containers/registries.conf").write_text(text.format(**fleet.addresses))
    for name in NAMES:
        reference = f"{fleet.addresses['a']}/{name}"
        theirs = subprocess.run(
            [skopeo, "inspect", "--raw", f"docker://{reference}"],
            capture_output=True,
            text=True,
            env=environment,
            check=False,
        )
        their_way = fleet.took()
        ours = run("manifest", "get", "--retries", "0", reference)
        our_way = fleet.took()
        assert (ours.code == 0) == (theirs.returncode == 0), f"{name}: {ours.err}{theirs.stderr}"
        assert our_way == their_way, name
        if ours.code == 0:
            assert ours.out == theirs.stdout, name


def test_skopeo_reads_what_is_dropped_in_as_we_do(fleet: Fleet, run: Run, clean_environment: Path) -> None:
    skopeo = find_program("skopeo")
    environment = furnish(clean_environment)
    main = clean_environment / ".config/containers/registries.conf"
    main.write_text(FILES["blocked"].format(**fleet.addresses))
    folder = main.with_name("registries.conf.d")
    folder.mkdir()
    (folder / "20.conf").write_text(FILES["a mirror"].format(**fleet.addresses))
    (folder / "10.conf").write_text(FILES["another location"].format(**fleet.addresses))
    (folder / "30.txt").write_text(FILES["blocked"].format(**fleet.addresses))
    reference = f"{fleet.addresses['a']}/app:1.0"
    subprocess.run(
        [skopeo, "inspect", "--raw", f"docker://{reference}"], capture_output=True, env=environment, check=True
    )
    assert fleet.took() == ["b has it"]
    assert run("manifest", "get", reference).code == 0
    assert fleet.took() == ["b has it"]
