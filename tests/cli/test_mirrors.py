"""`registries.conf` on the command line: registries and mirrors on sockets, and who of them was asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trustme

from pratique.http.message import Request, Response
from pratique.server.access.rules import Access
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from tests.commands import Ran, Run
from tests.registries import push, repository, sample

from .conftest import CREDS

SAMPLE = sample()
DIGEST = str(SAMPLE.root.descriptor.digest)
OLD = str(sample("old").root.descriptor.digest)


@dataclass
class Harbour:
    """An embedded registry that remembers what it was asked."""

    app: RegistryApp
    address: str = ""
    asked: list[str] = field(default_factory=list)
    cut: bool = False  # whether blobs break off in the middle

    def handle(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.path}")
        response = self.app.handle(request)
        if self.cut and request.method == "GET" and "/blobs/" in request.path:
            response.stream = Half(response)
        return response

    def has(self, name: str, greeting: str = "hello") -> None:
        with repository(self.address, name) as target:
            push(target, sample(greeting), "1.0")
        self.asked.clear()


class Half:
    """The first bytes of a body, and then nothing but trouble."""

    def __init__(self, response: Response) -> None:
        self._stream = response.stream
        self._left = 20

    def read(self, size: int = -1, /) -> bytes:
        if not self._left:
            raise OSError("the disk is gone")
        data = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(data)
        return data

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._stream.close()


Starts = Callable[[], Harbour]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starts]:
    """Starts registries that are open to everybody."""
    with ExitStack() as listeners:
        count = iter(range(100))

        def start() -> Harbour:
            harbour = Harbour(RegistryApp(Storage(tmp_path / f"storage-{next(count)}"), Access()))
            harbour.address = listeners.enter_context(Listener(harbour.handle)).address
            return harbour

        yield start


@pytest.fixture
def conf(clean_environment: Path) -> Callable[[str], Path]:
    """Writes the user's registries.conf."""

    def write(text: str) -> Path:
        path = clean_environment / ".config/containers/registries.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def rule(prefix: str, location: str, *mirrors: str) -> str:
    lines = [f'[[registry]]\nprefix = "{prefix}"\nlocation = "{location}"']
    return "\n".join([*lines, *(f'[[registry.mirror]]\nlocation = "{mirror}"' for mirror in mirrors)])


def ok(ran: Ran) -> str:
    assert ran.code == 0, ran.err
    return ran.out


# --- Reading


def test_content_comes_from_the_mirror_under_the_name_that_was_given(
    run: Run, start: Starts, conf: Callable[[str], Path], tmp_path: Path
) -> None:
    mirror, upstream = start(), start()
    mirror.has("hub/library/debian")
    conf(rule("docker.io", f"{upstream.address}/gone", f"{mirror.address}/hub"))
    assert ok(run("digest", "--full-ref", "debian:1.0")) == f"docker.io/library/debian@{DIGEST}\n"
    assert "docker.io/library/debian:1.0" in ok(run("inspect", "debian:1.0"))
    assert (
        json.loads(ok(run("manifest", "head", "--json", "debian:1.0")))["reference"] == "docker.io/library/debian:1.0"
    )
    ok(run("manifest", "get", "--platform", "linux/amd64", "debian:1.0"))
    ok(run("config", "get", "--platform", "linux/amd64", "debian:1.0"))
    blob = next(part.descriptor for part in SAMPLE.below if not part.descriptor.is_manifest)
    ok(run("blob", "get", f"debian@{blob.digest}", "--output", str(tmp_path / "blob")))
    ok(run("blob", "head", f"debian@{blob.digest}"))
    assert upstream.asked == []


def test_a_copy_reads_the_mirror_and_writes_the_registry_that_is_named(
    run: Run, start: Starts, conf: Callable[[str], Path]
) -> None:
    mirror, upstream, target = start(), start(), start()
    mirror.has("app")
    conf(
        rule(upstream.address, upstream.address, mirror.address)
        + "\n"
        + rule(target.address, target.address, mirror.address)
    )
    ok(run("copy", f"{upstream.address}/app:1.0", f"{target.address}/copied:1.0"))
    assert upstream.asked == []
    assert {line.split()[0] for line in mirror.asked} <= {"GET", "HEAD"}
    assert "/copied/" not in " ".join(mirror.asked)
    with repository(target.address, "copied") as there:
        assert str(there.resolve("1.0").digest) == DIGEST


def test_a_mirror_that_lacks_it_or_is_down_is_passed_over(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    empty, upstream = start(), start()
    upstream.has("app")
    conf(rule(upstream.address, upstream.address, "127.0.0.1:1", empty.address))
    ran = run("digest", "--retries", "0", f"{upstream.address}/app:1.0")
    assert ok(ran) == f"{DIGEST}\n"
    assert ran.err == ""
    assert empty.asked


def test_debug_tells_which_endpoint_and_why(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    mirror, upstream = start(), start()
    upstream.has("app")
    path = conf(rule(upstream.address, upstream.address, mirror.address))
    said = run("digest", "--debug", f"{upstream.address}/app:1.0").err
    assert (
        f"route: {upstream.address}/app is read from {mirror.address}/app (mirror), then {upstream.address}/app, "
        f"by the rule '{upstream.address}' of {path}" in said
    )
    assert f"route: {mirror.address}/app is passed over: " in said


def test_the_error_tells_of_every_endpoint(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    mirror, upstream = start(), start()
    conf(rule(upstream.address, upstream.address, mirror.address))
    ran = run("digest", f"{upstream.address}/app:1.0")
    assert ran.code == 3
    assert len(ran.err.splitlines()) == 1
    assert f"(before that {mirror.address}/app: GET " in ran.err
    notes = run("digest", "--json", f"{upstream.address}/app:1.0").error["notes"]
    assert [note.split(": ")[0] for note in notes] == [f"before that {mirror.address}/app"]


def test_a_mirror_that_dies_within_a_blob_is_continued_by_the_next(
    run: Run, start: Starts, conf: Callable[[str], Path], tmp_path: Path
) -> None:
    mirror, upstream = start(), start()
    mirror.has("app")
    upstream.has("app")
    mirror.cut = True
    conf(rule(upstream.address, upstream.address, mirror.address))
    ok(run("copy", "--retries", "0", f"{upstream.address}/app:1.0", f"oci:{tmp_path / 'layout'}:1.0"))
    assert any("/blobs/" in line for line in upstream.asked)
    assert not any("/manifests/" in line for line in upstream.asked)


# --- Digests and tags


@pytest.mark.parametrize(("pulls", "by_tag"), [("digest-only", False), ("tag-only", True)])
def test_a_mirror_for_digests_or_tags_only(
    run: Run, start: Starts, conf: Callable[[str], Path], pulls: str, by_tag: bool
) -> None:
    mirror, upstream = start(), start()
    mirror.has("app")
    upstream.has("app")
    conf(rule(upstream.address, upstream.address, mirror.address) + f'\npull-from-mirror = "{pulls}"')
    ok(run("inspect", f"{upstream.address}/app:1.0"))
    assert (bool(mirror.asked), bool(upstream.asked)) == (by_tag, not by_tag)
    mirror.asked.clear()
    ok(run("inspect", f"{upstream.address}/app@{DIGEST}"))
    assert bool(mirror.asked) is not by_tag


# --- Lists, writing, blocking


def test_tags_are_the_location_s(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    mirror, upstream = start(), start()
    mirror.has("app", "old")
    upstream.has("moved/app")
    conf(rule("r.test", f"{upstream.address}/moved", mirror.address))
    assert ok(run("tags", "r.test/app")) == "1.0\n"
    assert mirror.asked == []
    details = ok(run("tags", "--details", "--json", "r.test/app"))
    assert [tag["digest"] for tag in json.loads(details)["tags"]] == [OLD], "what is behind them is read as ever"


def test_of_many_tags_the_list_is_the_location_s_and_the_content_the_mirror_s(
    run: Run, start: Starts, conf: Callable[[str], Path], tmp_path: Path
) -> None:
    mirror, upstream = start(), start()
    mirror.has("app")
    upstream.has("app")
    with repository(upstream.address, "app") as target:
        push(target, sample("old"), "0.9")
    upstream.asked.clear()
    conf(rule(upstream.address, upstream.address, mirror.address))
    said = run("copy", "--json", "--all-tags", f"{upstream.address}/app", f"oci:{tmp_path / 'layout'}")
    assert {copied["name"]: copied["digest"] for copied in json.loads(ok(said))["copied"]} == {
        "0.9": OLD,
        "1.0": DIGEST,
    }
    assert any(line.endswith("/manifests/0.9") for line in upstream.asked)
    assert not any(line.endswith("/manifests/1.0") for line in upstream.asked)


def test_deleting_and_tagging_see_the_registry_that_is_named(
    run: Run, start: Starts, conf: Callable[[str], Path]
) -> None:
    mirror, upstream, named = start(), start(), start()
    for harbour in (mirror, upstream, named):
        harbour.has("app")
    conf(rule(named.address, upstream.address, mirror.address))
    ok(run("tag", f"{named.address}/app:1.0", "stable"))
    ok(run("delete", f"{named.address}/app:stable"))
    assert named.asked
    assert mirror.asked == upstream.asked == []


@pytest.mark.parametrize(
    "words",
    [
        ("digest", "{}/app:1.0"),
        ("tags", "{}/app"),
        ("delete", "{}/app:1.0"),
        ("tag", "{}/app:1.0", "x"),
        ("copy", "{}/app:1.0", "oci:layout"),
        ("auth", "explain", "--for", "push", "{}/app:1.0"),
        ("repos", "{}"),
    ],
    ids=" ".join,
)
def test_what_is_blocked_is_refused_before_any_request(
    run: Run, start: Starts, conf: Callable[[str], Path], words: tuple[str, ...]
) -> None:
    harbour = start()
    harbour.has("app")
    path = conf(f'[[registry]]\nlocation = "{harbour.address}"\nblocked = true')
    ran = run(*(word.format(harbour.address) for word in words))
    assert ran.code == 4
    assert f"is blocked by the rule '{harbour.address}' of {path}" in ran.out + ran.err
    assert harbour.asked == []


def test_a_copy_within_one_registry_mounts_and_asks_no_mirror(
    run: Run, start: Starts, conf: Callable[[str], Path]
) -> None:
    mirror, upstream = start(), start()
    mirror.has("app")
    upstream.has("app")
    conf(rule(upstream.address, upstream.address, mirror.address))
    said = json.loads(ok(run("copy", "--json", f"{upstream.address}/app:1.0", f"{upstream.address}/copied:1.0")))
    assert (said["blobs"], said["mounted"] > 0) == (0, True)
    assert mirror.asked == []


# --- Which file


def test_a_file_that_is_named_counts_alone(
    run: Run, start: Starts, conf: Callable[[str], Path], tmp_path: Path
) -> None:
    mirror, upstream = start(), start()
    mirror.has("app")
    upstream.has("app")
    conf(f'[[registry]]\nlocation = "{upstream.address}"\nblocked = true')
    named = tmp_path / "named.conf"
    named.write_text(rule(upstream.address, upstream.address, mirror.address))
    ok(run("digest", "--registries-conf", str(named), f"{upstream.address}/app:1.0"))
    assert (bool(mirror.asked), upstream.asked) == (True, [])
    ok(run("digest", "--registries-conf", "none", f"{upstream.address}/app:1.0"))
    assert upstream.asked


def test_the_environment_names_a_file(run: Run, start: Starts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    upstream = start()
    upstream.has("moved/app")
    (tmp_path / "named.conf").write_text(rule("r.test", f"{upstream.address}/moved"))
    monkeypatch.setenv("CONTAINERS_REGISTRIES_CONF", str(tmp_path / "named.conf"))
    assert ok(run("digest", "--full-ref", "r.test/app:1.0")) == f"r.test/app@{DIGEST}\n"


@pytest.mark.parametrize("command", [("digest", "127.0.0.1:1/app"), ("copy", "127.0.0.1:1/app:1", "oci:layout")])
def test_a_file_that_is_not_understood_is_an_error_before_any_request(
    run: Run, conf: Callable[[str], Path], command: tuple[str, ...]
) -> None:
    path = conf('[[registry]]\nlocation = "127.0.0.1:1"\nblocekd = true')
    ran = run(*command)
    assert ran.code == 2
    assert ran.err.startswith(f"pratique: {path}: registry[0].blocekd is not known; hint: known are prefix, ")


def test_without_rules_nothing_of_them_is_loaded() -> None:
    script = "import sys; from pratique.cli.main import main; main(sys.argv[1:]); print(*sys.modules)"
    words = ["digest", "--retries", "0", "--registries-conf", "none", "127.0.0.1:1/a"]
    ran = subprocess.run([sys.executable, "-c", script, *words], capture_output=True, text=True, check=True)
    heavy = {f"pratique.config.{name}" for name in ("registries", "rules", "shortnames", "tables")}
    heavy |= {f"pratique.stores.{name}" for name in ("mirrored", "relay", "turns", "inspection")}
    heavy |= {f"pratique.config.{name}" for name in ("docker", "sources", "entries", "logins", "proxies", "settings")}
    assert not (heavy | {"tomllib"}) & set(ran.stdout.split())


# --- auth explain


def test_explain_goes_the_way_of_a_pull(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    mirror, upstream = start(), start()
    upstream.has("app")
    conf(rule(upstream.address, upstream.address, mirror.address))
    said = json.loads(ok(run("auth", "explain", "--json", f"{upstream.address}/app:1.0")))
    steps = [step for step in said["steps"] if step["step"] in ("routed", "passed_over")]
    assert [step["step"] for step in steps] == ["routed", "passed_over"]
    assert steps[1]["place"] == f"{mirror.address}/app"
    assert upstream.asked
    assert said["permitted"] is True
    mirror.asked.clear()
    ok(run("auth", "explain", "--for", "push", f"{upstream.address}/app:1.0"))
    assert mirror.asked == []


# --- Short names


def test_a_short_name_is_docker_hub_s_unless_asked(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    mirror, other = start(), start()
    mirror.has("library/app")
    other.has("team/app", "old")
    conf(f'[aliases]\napp = "{other.address}/team/app"\n' + rule("docker.io", mirror.address))
    assert ok(run("digest", "app:1.0")) == f"{DIGEST}\n"
    ran = run("digest", "--short-names", "--full-ref", "app:1.0")
    assert ok(ran) == f"{other.address}/team/app@{OLD}\n"
    assert ran.err == f"pratique: app:1.0 is {other.address}/team/app:1.0\n"


def test_registries_are_searched_in_order(run: Run, start: Starts, conf: Callable[[str], Path], tmp_path: Path) -> None:
    first, second, third = start(), start(), start()
    second.has("app")
    third.has("app", "old")
    searched = json.dumps([first.address, second.address, third.address])
    conf(f"unqualified-search-registries = {searched}")
    for command in (("digest", "--full-ref"), ("inspect",), ("manifest", "head"), ("copy", f"oci:{tmp_path / 'a'}")):
        words = [command[0], *command[1:]]
        words.insert(1 if command[0] == "copy" else len(words), "app:1.0")
        assert DIGEST in ok(run(*words, "--short-names"))
    assert first.asked
    assert third.asked == []


def test_the_error_of_a_search_names_all_that_were_tried(run: Run, start: Starts, conf: Callable[[str], Path]) -> None:
    first, second = start(), start()
    conf(f'unqualified-search-registries = ["{first.address}", "{second.address}"]')
    ran = run("digest", "--short-names", "app:1.0")
    assert ran.code == 3
    assert f"{first.address}/app:1.0: GET " in ran.err
    assert f"{second.address}/app:1.0: GET " in ran.err


def test_a_short_name_that_nothing_explains_is_refused(run: Run, conf: Callable[[str], Path]) -> None:
    conf("")
    ran = run("digest", "--short-names", "app:1.0")
    assert ran.code == 2
    assert "'app:1.0' is a short name without an alias" in ran.err


# --- Credential helpers


def helper(folder: Path, name: str, answer: str) -> None:
    """A program that speaks the protocol of credential helpers, and notes what it was asked."""
    program = folder / f"docker-credential-{name}"
    program.write_text(f"#!/bin/sh\ncat >> {folder}/{name}.asked\n{answer}\n")
    program.chmod(0o755)


@pytest.mark.parametrize("order", [["absent", "empty", "full", "containers-auth.json"], ["full"]])
def test_helpers_are_asked_in_the_order_of_the_file(
    run: Run,
    served: Callable[..., str],
    conf: Callable[[str], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    order: list[str],
) -> None:
    registry = served()
    user, password = CREDS.split(":")
    helper(tmp_path, "empty", "echo credentials not found in native keychain; exit 1")
    helper(tmp_path, "full", f'echo \'{{"ServerURL":"x","Username":"{user}","Secret":"{password}"}}\'')
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    path = conf(f"credential-helpers = {json.dumps(order)}")
    ran = run("auth", "explain", f"{registry}/foo:1.0")
    assert "permitted" in ok(ran)
    assert f"{path} (credential-helpers, full)" in ran.out
    assert (tmp_path / "full.asked").read_text().startswith(registry)
    assert (tmp_path / "empty.asked").exists() is (len(order) > 1)


def test_without_the_files_among_the_helpers_no_file_is_read(
    run: Run, served: Callable[..., str], conf: Callable[[str], Path], clean_environment: Path, tmp_path: Path
) -> None:
    registry = served()
    ok(run("login", registry, "-u", CREDS.split(":")[0], "--password-stdin", stdin=CREDS.split(":")[1]))
    conf('credential-helpers = ["containers-auth.json"]')
    ok(run("digest", f"{registry}/foo:1.0"))
    conf('credential-helpers = ["absent"]')
    assert run("digest", f"{registry}/foo:1.0").code == 4


# --- insecure: TLS that nobody vouches for


@pytest.fixture
def unknown(tmp_path: Path) -> Iterator[Harbour]:
    """A registry behind TLS, whose authority nobody knows."""
    harbour = Harbour(RegistryApp(Storage(tmp_path / "unknown"), Access()))
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    with Listener(harbour.handle) as plain:
        harbour.address = plain.address
        harbour.has("app")
    with Listener(harbour.handle, certificate=certificate, key=key) as listener:
        harbour.address = listener.address
        yield harbour


def test_a_mirror_that_is_not_trusted_is_passed_over_unless_it_is_marked(
    run: Run, start: Starts, conf: Callable[[str], Path], unknown: Harbour
) -> None:
    upstream = start()
    upstream.has("app")
    marked = rule(upstream.address, upstream.address, unknown.address)
    for text, asked in ((marked, False), (marked + "\ninsecure = true", True)):
        conf(text)
        ok(run("digest", "--retries", "0", f"{upstream.address}/app:1.0"))
        assert bool(unknown.asked) is asked
        assert bool(upstream.asked) is not asked
        upstream.asked.clear()


def test_insecure_holds_for_what_is_marked_and_nothing_else(
    run: Run, start: Starts, conf: Callable[[str], Path], unknown: Harbour
) -> None:
    other = start()
    for text, code in (
        (f'[[registry]]\nlocation = "{other.address}"\ninsecure = true', 6),
        (f'[[registry]]\nlocation = "{unknown.address}/elsewhere"\ninsecure = true', 6),
        (f'[[registry]]\nlocation = "{unknown.address}"\ninsecure = true', 0),
    ):
        conf(text)
        assert run("digest", "--retries", "0", f"{unknown.address}/app:1.0").code == code
        assert run("repos", "--retries", "0", unknown.address).code == code
        assert run("tag", "--retries", "0", f"{unknown.address}/app:1.0", "again").code == code
