"""Credentials as commands find and keep them: sources, helpers, and what login and logout do to them."""

from __future__ import annotations

import base64
import json
import os
import pty
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import Run
from tests.standins import StandIns

USER = "captain"
PASSWORD = "secret-of-captain"
CLOSED = '[users]\nu = "secret-word"\n'


@pytest.fixture
def home(clean_environment: Path) -> Path:
    return clean_environment


@pytest.fixture
def standins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIns:
    return StandIns(tmp_path, monkeypatch)


def pair(username: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def write(path: Path, content: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    path.chmod(0o600)
    return path


def explained(run: Run, reference: str, *words: str) -> dict[str, Any]:
    """The step of an explanation that found a credential, or did not."""
    told = run("auth", "explain", "--json", *words, reference).json
    step: dict[str, Any] = next(step for step in told["steps"] if step["step"] == "credential")
    return step


# Sources


def test_explain_says_which_source_it_was_and_what_was_passed_over(run: Run, registry: str, home: Path) -> None:
    used = write(home / "run" / "containers" / "auth.json", {"auths": {f"{registry}/foo": pair()}})
    over = write(home / ".docker" / "config.json", {"auths": {registry: pair("other")}, "credsStore": "none"})
    step = explained(run, f"{registry}/foo:1.0")
    assert step["found"] == f"password of 'captain' from {used} ({registry}/foo)"
    there = [(look["place"], look["matches"]) for look in step["sources"] if look["there"]]
    assert there == [
        (str(used), [f"{registry}/foo"]),
        (str(over), ["docker-credential-none", registry]),
    ]
    told = run("auth", "explain", f"{registry}/foo:1.0").out
    assert f"source      {used}: {registry}/foo\n" in told
    assert f"source      {over}: docker-credential-none, {registry}\n" in told
    assert "not there" not in told
    used.unlink()
    over.write_text("{}")
    told = run("auth", "explain", f"{registry}/foo:1.0").out
    assert f"not there: {used}, {home}/.config/containers/auth.json, {home}/.dockercfg" in told


def test_an_explanation_tells_of_what_is_broken(run: Run, registry: str, home: Path) -> None:
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text("{")
    told = run("auth", "explain", f"{registry}/foo:1.0")
    assert told.code == 4
    assert "source      " + str(home / ".docker" / "config.json") + " is not JSON" not in told.out
    assert re.search(r"source +\S+config.json: \S+config.json is not JSON", told.out)


def test_docker_auth_config_is_a_document(run: Run, registry: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {registry: pair()}}))
    assert run("tags", f"{registry}/foo").code == 0
    assert explained(run, f"{registry}/foo")["found"] == f"password of 'captain' from DOCKER_AUTH_CONFIG ({registry})"


def test_a_secret_of_kubernetes_is_an_authfile(run: Run, registry: str, tmp_path: Path) -> None:
    inner = base64.b64encode(json.dumps({"auths": {registry: pair()}}).encode()).decode()
    secret = write(tmp_path / "config.json", {"kind": "Secret", "data": {".dockerconfigjson": inner}})
    assert run("tags", "--authfile", str(secret), f"{registry}/foo").code == 0


@pytest.mark.parametrize("mode", [0o644, 0o600])
def test_a_file_for_everybody_is_warned_of(run: Run, registry: str, home: Path, mode: int) -> None:
    path = write(home / ".docker" / "config.json", {"auths": {registry: pair()}})
    path.chmod(mode)
    told = run("tags", f"{registry}/foo", f"{registry}/foo")
    assert told.code == 0
    assert told.err.count("can be read by everybody") == (1 if mode == 0o644 else 0)
    assert run("tags", f"{registry}/bar").err == ""


def test_two_identities_on_one_host_in_one_copy(run: Run, registry: str, tmp_path: Path) -> None:
    reads = write(tmp_path / "reads" / "config.json", {"auths": {registry: pair("mate", "secret-of-mate")}})
    writes = write(tmp_path / "writes" / "config.json", {"auths": {registry: pair()}})
    words = ("--src-authfile", str(reads), "--dest-authfile", str(writes))
    assert run("copy", *words, f"{registry}/foo:1.0", f"{registry}/bar:2.0").code == 0
    assert run("copy", "--authfile", str(reads), f"{registry}/foo:1.0", f"{registry}/bar:3.0").code == 4


TENANTS = """
[users]
owner = "secret-of-owner"
captain = "secret-of-captain"
mate = "secret-of-mate"
[[repositories]]
pattern = "foo"
allow = { owner = ["pull", "push"], mate = ["pull"] }
[[repositories]]
pattern = "shared"
allow = { owner = ["pull", "push"], mate = ["pull"], captain = ["pull"] }
[[repositories]]
pattern = "new"
allow = { captain = ["pull", "push"] }
"""


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
@pytest.mark.parametrize("sides", [False, True], ids=["one-file", "each-side"])
@pytest.mark.parametrize(("source", "mounted"), [("foo", False), ("shared", True)])
def test_a_blob_is_mounted_where_the_target_s_identity_may_read_it(
    run: Run, served: Callable[..., str], home: Path, scheme: str, source: str, *, sides: bool, mounted: bool
) -> None:
    registry = served(f'scheme = "{scheme}"\n{TENANTS}', "owner:secret-of-owner", ("foo", "shared"))
    write(
        home / ".docker" / "config.json",
        {"auths": {registry: pair(), f"{registry}/{source}": pair("mate", "secret-of-mate")}},
    )
    words = ("--src-creds", "mate:secret-of-mate", "--dest-creds", f"{USER}:{PASSWORD}") if sides else ()
    ran = run("copy", "--debug", "--platform", "linux/amd64", *words, f"{registry}/{source}:1.0", f"{registry}/new:1.0")
    assert ran.code == 0
    answers = re.findall(r"POST \S+/v2/new/blobs/uploads/\?mount=\S+ \[\w+\] -> (\d+)", ran.err)
    assert set(answers) == {"201" if mounted else "202"}
    assert (f"/v2/{source}/blobs/" in ran.err) is not mounted
    assert ("were there or mounted" in ran.err) is mounted
    assert run("digest", "--creds", f"{USER}:{PASSWORD}", f"{registry}/new:1.0").code == 0


# Helpers


def test_both_sides_of_a_copy_ask_a_helper_once(run: Run, registry: str, home: Path, standins: StandIns) -> None:
    write(home / ".docker" / "config.json", {"credHelpers": {registry: "x"}})
    standins.giving("x", {registry: (USER, PASSWORD)})
    assert run("copy", "--src-tls-verify", f"{registry}/foo:1.0", f"{registry}/bar:2.0").code == 0
    assert standins.asked("x") == [f"get {registry}|"]


def test_a_helper_is_asked_once_a_run_and_never_for_what_is_public(
    run: Run, registry: str, home: Path, standins: StandIns
) -> None:
    write(home / ".docker" / "config.json", {"credHelpers": {registry: "x"}})
    standins.giving("x", {registry: (USER, PASSWORD)})
    assert run("tags", f"{registry}/bar").code == 0
    assert standins.asked("x") == []
    assert run("tags", "--details", f"{registry}/foo").code == 0
    assert standins.asked("x") == [f"get {registry}|"]
    found = explained(run, f"{registry}/foo")["found"]
    assert found == f"password of 'captain' from docker-credential-x ({registry}), named by {home}/.docker/config.json"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("exit 2", "it ended with 2"),
        ("echo garbage", "what it printed is not a JSON object"),
        (None, "there is no such program on the PATH"),
    ],
)
def test_a_helper_that_fails_is_part_of_the_error(
    run: Run, registry: str, home: Path, standins: StandIns, body: str | None, said: str
) -> None:
    """`helper-not-found-vs-error` (google/go-containerregistry#233, helm/helm#13594)."""
    path = write(home / ".docker" / "config.json", {"credHelpers": {registry: "x"}})
    if body is not None:
        standins.script("x", body)
    assert run("tags", f"{registry}/bar").err == ""
    refused = run("tags", f"{registry}/foo")
    trouble = f"docker-credential-x get for {registry}, named by {path}: {said}"
    assert refused.code == 4
    warning, error = refused.err.splitlines()
    assert warning == f"pratique: warning: {trouble}; it is passed over"
    assert trouble in error
    for words in (("--authfile", str(path)), ("--strict-creds",)):
        told = run("tags", *words, f"{registry}/foo")
        assert told.code == 2
        assert told.err.startswith(f"pratique: {trouble}")


def test_a_helper_without_an_answer_leaves_it_to_the_next_source(
    run: Run, registry: str, home: Path, standins: StandIns
) -> None:
    standins.giving("x", {})
    write(home / "run" / "containers" / "auth.json", {"credHelpers": {registry: "x"}})
    write(home / ".docker" / "config.json", {"auths": {registry: pair()}})
    assert run("tags", f"{registry}/foo").code == 0


# Vendors' helpers, as they answer


@pytest.mark.parametrize(
    ("name", "username", "access"),
    [
        ("ecr-login", "AWS", '[users]\nAWS = "cloudpass"\n'),
        ("gcloud", "_dcgcloud_token", 'scheme = "bearer"\n[users]\n_dcgcloud_token = "cloudpass"\n'),
        ("gcr", "oauth2accesstoken", 'scheme = "bearer"\n[users]\noauth2accesstoken = "cloudpass"\n'),
    ],
)
def test_the_helpers_of_clouds(
    run: Run, served: Callable[..., str], home: Path, standins: StandIns, name: str, username: str, access: str
) -> None:
    address = served(access, creds=f"{username}:cloudpass", repositories=("app",))
    write(home / ".docker" / "config.json", {"credHelpers": {address: name}})
    standins.giving(name, {address: (username, "cloudpass")})
    assert run("tags", f"{address}/app").code == 0
    assert run("auth", "explain", "--for", "push", f"{address}/app").code == 0


# login and logout


def test_a_login_goes_to_the_helper_of_the_file(run: Run, registry: str, home: Path, standins: StandIns) -> None:
    standins.key_ring("ring")
    path = write(home / ".docker" / "config.json", {"credsStore": "ring", "psFormat": "x"})
    done = run("login", "-u", USER, "--password-stdin", "--verify-repo", "foo", registry, stdin=PASSWORD)
    assert done.out.startswith(f"stored in docker-credential-ring, named by {path}, verified: ")
    assert json.loads(path.read_text()) == {"credsStore": "ring", "psFormat": "x", "auths": {registry: {}}}
    assert run("tags", f"{registry}/foo").code == 0
    assert run("login", "--get-login", registry).out == f"{USER}\n"
    assert run("logout", registry).out == f"removed from docker-credential-ring, named by {path}\n"
    assert run("tags", f"{registry}/foo").code == 4


def test_a_login_that_the_helper_refuses_is_stored_nowhere(run: Run, registry: str, home: Path) -> None:
    path = write(home / ".docker" / "config.json", {"credsStore": "none"})
    done = run("login", "-u", USER, "--password-stdin", "--verify-repo", "foo", registry, stdin=PASSWORD)
    assert done.code == 2
    assert "docker-credential-none" in done.err
    assert json.loads(path.read_text()) == {"credsStore": "none"}


def test_a_login_is_renewed_where_it_is(run: Run, registry: str, home: Path) -> None:
    path = write(home / "run" / "containers" / "auth.json", {"auths": {registry: pair(USER, "stale")}})
    done = run("login", "-u", USER, "--password-stdin", "--verify-repo", "foo", registry, stdin=PASSWORD)
    assert (done.code, json.loads(path.read_text())["auths"]) == (0, {registry: pair()})
    assert not (home / ".docker").exists()


def test_a_login_that_is_hidden_by_another_is_warned_of(
    run: Run, registry: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_AUTH_CONFIG", json.dumps({"auths": {registry: pair(USER, "stale")}}))
    words = ("login", "-u", USER, "--password-stdin", "--verify-repo", "foo", registry)
    assert "DOCKER_AUTH_CONFIG has a credential" in run(*words, stdin=PASSWORD).err
    assert "DOCKER_AUTH_CONFIG has a credential" in run("logout", registry).err


def test_an_identity_token_is_stored_for_every_tool(run: Run, registry: str, home: Path) -> None:
    done = run("login", "--identity-token-stdin", registry, stdin="a-refresh-token\n")
    assert (done.code, "NOT verified" in done.out) == (0, True)
    entry = json.loads((home / ".docker" / "config.json").read_text())["auths"][registry]
    assert entry == pair("00000000-0000-0000-0000-000000000000", "") | {"identitytoken": "a-refresh-token"}
    assert run("login", "--get-login", registry).out == "00000000-0000-0000-0000-000000000000\n"


def test_nobody_is_logged_in(run: Run, home: Path) -> None:
    told = run("login", "--get-login", "r.test")
    assert (told.code, told.out) == (3, "")
    assert str(home / ".docker" / "config.json") in told.err
    assert run("login", "--get-login", "--authfile", "/none/such", "r.test").code == 3


def test_get_login_of_a_namespace(run: Run, home: Path) -> None:
    write(home / ".docker" / "config.json", {"auths": {"r.test": pair("u"), "r.test/team": pair("robot")}})
    assert run("login", "--get-login", "r.test/team").out == "robot\n"
    assert run("login", "--get-login", "r.test/other").out == "u\n"
    assert run("login", "--get-login", "--json", "r.test/team").json["username"] == "robot"


def test_a_logout_is_one_from_everywhere(run: Run, home: Path) -> None:
    paths = [home / "run" / "containers" / "auth.json", home / ".docker" / "config.json"]
    for path in paths:
        write(path, {"auths": {"r.test": pair(), "r.test/team": pair(), "q.test": pair()}})
    assert run("logout", "--json", "r.test").json == {"registry": "r.test", "removed": list(map(str, paths))}
    assert all(set(json.loads(path.read_text())["auths"]) == {"r.test/team", "q.test"} for path in paths)
    assert run("logout", "r.test").code == 3


def test_a_logout_with_an_authfile_touches_no_other(run: Run, home: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "auth.json", {"auths": {"r.test": pair()}})
    kept = write(home / ".docker" / "config.json", {"auths": {"r.test": pair()}})
    assert run("logout", "--authfile", str(other), "r.test").out == f"removed from {other}\n"
    assert "r.test" in json.loads(kept.read_text())["auths"]


def test_a_logout_tells_what_it_could_not_read(run: Run, home: Path) -> None:
    write(home / ".docker" / "config.json", {"auths": {"r.test": pair()}})
    (home / ".dockercfg").write_text("{")
    told = run("logout", "r.test")
    assert told.code == 0
    assert ".dockercfg is not JSON" in told.err
    assert run("logout", "r.test").code == 2


def test_a_logout_of_everything(run: Run, home: Path) -> None:
    path = write(home / ".docker" / "config.json", {"auths": {"r.test": pair(), "q.test/x": pair()}, "a": 1})
    kept = write(home / "run" / "containers" / "auth.json", {"auths": {"r.test": pair()}})
    told = run("logout", "--all")
    assert told.out == f"removed r.test from {path}\nremoved q.test/x from {path}\n"
    assert json.loads(path.read_text()) == {"auths": {}, "a": 1}
    assert json.loads(kept.read_text()) == {"auths": {"r.test": pair()}}
    assert "has no credentials" in run("logout", "--all").err
    assert run("logout", "--all", "--authfile", str(kept), "--json").json["removed"] == ["r.test"]
    assert run("logout", "--all", "r.test").code == 2
    assert run("logout").code == 2


def test_a_logout_of_everything_tells_of_other_files(run: Run, home: Path) -> None:
    cleared = write(home / ".docker" / "config.json", {"auths": {"r.test": pair()}})
    other = write(home / "run" / "containers" / "auth.json", {"auths": {"r.test": pair()}})
    ran = run("logout", "--all")
    assert ran.out == f"removed r.test from {cleared}\n"
    assert f"{other} has logins, too" in ran.err
    assert run("logout", "--all", "--authfile", str(other)).err == ""
    assert "logins" not in run("logout", "--all").err


@pytest.mark.parametrize("form", ["https://{}", "https://{}/", "{}/", "https://{}/v2/"])
def test_a_registry_may_be_written_as_a_url(run: Run, registry: str, form: str) -> None:
    assert run("login", "-u", USER, "--password-stdin", form.format(registry), stdin=PASSWORD).code == 0
    assert run("login", "--get-login", registry).out == f"{USER}\n"
    assert run("logout", form.format(registry)).code == 0


def test_docker_hub_s_own_key_is_docker_hub(run: Run, home: Path) -> None:
    write(home / ".docker" / "config.json", {"auths": {"https://index.docker.io/v1/": pair()}})
    assert run("login", "--get-login", "https://index.docker.io/v1/").out == f"{USER}\n"
    assert run("logout", "https://index.docker.io/v1/").code == 0


def test_a_password_is_asked_for_without_echo(served: Callable[..., str], home: Path) -> None:
    address = served(CLOSED, creds="u:secret-word", repositories=())
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.executable, [sys.executable, "-m", "pratique", "login", address])  # noqa: S606
    typed = b""
    for asked, answer in ((b"User: ", b"u\n"), (b"Password of u: ", b"secret-word\n")):
        while asked not in typed:
            typed += os.read(terminal, 1024)
        os.write(terminal, answer)
    while b"verified" not in typed:
        typed += os.read(terminal, 1024)
    assert os.waitpid(child, 0)[1] == 0
    os.close(terminal)
    assert b"secret-word" not in typed
    assert json.loads((home / ".docker" / "config.json").read_text())["auths"] == {address: pair("u", "secret-word")}
