"""The shell around the commands: options, help, errors, exit codes, signals and pipes."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pratique.cli import commands
from pratique.version import VERSION
from tests.commands import Run

from .conftest import CREDS

PRATIQUE = [sys.executable, "-m", "pratique"]


def test_version(run: Run) -> None:
    assert run("--version").out == f"pratique {VERSION}\n"


def test_version_imports_nothing_heavy() -> None:
    script = "import sys; from pratique.cli.main import main; main(['--version']); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"argparse", "json", "http.client", "ssl", "dataclasses", "logging", "jwt"} & set(modules)


def test_reading_commands_do_not_import_the_server() -> None:
    script = "import sys; from pratique.cli.main import main; main(['digest', 'localhost:1/x']); print(*sys.modules)"
    modules = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False).stdout.split()
    assert not {"pratique.server", "jwt", "cryptography", "tomllib", "logging", "concurrent.futures"} & set(modules)


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_every_command_has_help_with_a_description(run: Run, name: str) -> None:
    shown = run(name, "--help")
    assert shown.code == 0
    assert f"usage: pratique {name}" in shown.out
    assert name in run("--help").out


def test_nothing_to_do(run: Run) -> None:
    assert run().code == 2
    assert run("--help").code == 0


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("tagss",), "did you mean: pratique tags"),
        (("frobnicate",), "pratique --help"),
        (("tags",), "pratique tags --help"),
        (("tags", "--no-such-option", "x"), "pratique tags --help"),
        (("tags", "--timeout", "soon", "x"), "pratique tags --help"),
        (("tags", "--creds", "u:p", "--anonymous", "x"), ""),
        (("tags", "--key", "k", "x"), ""),
        (("tags", "--realm", "nonsense", "x"), ""),
        (("tags", "-"), ""),
        (("tags", "localhost:1/x:1.0"), "names a tag or digest"),
        (("delete", "oci:folder:1.0"), "pratique copy"),
        (("digest", "https://localhost/x"), "--plain-http"),
        (("digest", "--platform", "linux", "x"), "linux/amd64"),
        (("tags", "--page-size", "0", "x"), "one or more"),
        (("serve", "--tls-key", "k"), "--tls-cert"),
        (("serve", "--tls-cert", "/nonexistent"), "/nonexistent"),
        (("serve", "--storage", "/dev/null/x"), "the storage /dev/null/x"),
        (("digest", "registry.test/UPPER"), "lower-case"),
        (("digest", "registry.test/x:" + "t" * 200), "128"),
        (("digest", "x@sha256:123"), ""),
        (("digest", "x" * 100_000), ""),
        (("tags", "--ca-file", "/nonexistent", "--no-tls-verify", "127.0.0.1:1/x", "--debug"), ""),
        (("serve", "--address", "nonsense"), ""),
        (("serve", "--access", "/nonexistent"), ""),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(run: Run, words: tuple[str, ...], hint: str) -> None:
    told = run(*words)
    assert told.code in (2, 6, 8)
    assert told.out == ""
    assert len([line for line in told.err.splitlines() if "request:" not in line]) == 1
    assert len(told.err) < 6000
    assert hint in told.err


def test_global_options_stand_before_or_behind_the_command(run: Run, registry: str) -> None:
    before = run("--json", "--creds", CREDS, "tags", f"{registry}/foo")
    behind = run("tags", "--json", "--creds", CREDS, f"{registry}/foo")
    assert before.json == behind.json


def test_an_error_as_json(run: Run, registry: str) -> None:
    refused = run("tags", "--json", f"{registry}/foo")
    assert refused.error["kind"] == "Unauthorized"
    assert refused.error["exit_code"] == refused.code == 4
    assert refused.error["challenges"] == ['Basic realm="pratique"']


def test_debug_shows_requests_and_no_secret(run: Run, registry: str) -> None:
    shown = run("tags", "--debug", "--creds", CREDS, f"{registry}/foo")
    assert "401" in shown.err
    assert "[Basic] -> 200" in shown.err
    assert "secret-of-captain" not in shown.err
    assert "Y2FwdGFpbj" not in shown.err


def test_nobody_listens(run: Run) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        told = run("tags", f"localhost:{port}/x")
    assert told.code == 6
    assert "Connection refused" in told.err


def silent_server() -> socket.socket:
    """A server that accepts and never says anything."""
    return socket.create_server(("127.0.0.1", 0))


def test_a_time_out_for_the_whole_command(run: Run) -> None:
    with silent_server() as server:
        told = run("tags", "--plain-http", "--timeout", "0.2", f"127.0.0.1:{server.getsockname()[1]}/x")
    assert told.code == 6
    assert "time-out of 0.2 s" in told.err


def test_an_interrupt_ends_a_blocked_command(tmp_path: Path) -> None:
    with silent_server() as server:
        words = [*PRATIQUE, "tags", "--plain-http", f"127.0.0.1:{server.getsockname()[1]}/x"]
        environment = {**os.environ, "HOME": str(tmp_path)}
        with subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as command:
            connection, _ = server.accept()  # it is waiting for an answer now
            connection.recv(1)
            command.send_signal(signal.SIGINT)
            out, err = command.communicate(timeout=60)
        connection.close()
    assert command.returncode == 130
    assert (out, err) == ("", "pratique: interrupted\n")


def test_a_reader_that_goes_away_is_no_error(registry: str, tmp_path: Path) -> None:
    words = " ".join([*PRATIQUE, "tags", f"{registry}/bar"])
    done = subprocess.run(
        ["bash", "-c", f"{words} | true; echo ${{PIPESTATUS[0]}}"],
        env={**os.environ, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() in ("0", "141")
    assert done.stderr == ""


def test_serve_prints_its_address_and_ends_by_signal(tmp_path: Path) -> None:
    words = [*PRATIQUE, "serve", "--address", "127.0.0.1:0", "--storage", str(tmp_path / "registry"), "--json"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        ready = json.loads(server.stdout.readline())
        listing = subprocess.run([*PRATIQUE, "repos", ready["address"]], capture_output=True, text=True, check=True)
        server.terminate()
        _, err = server.communicate(timeout=60)
    assert ready["address"].startswith("127.0.0.1:")
    assert (listing.stdout, server.returncode, err) == ("", 0, "")


def test_serve_on_a_port_that_is_taken(run: Run) -> None:
    with silent_server() as server:
        told = run("serve", "--address", f"127.0.0.1:{server.getsockname()[1]}")
    assert told.code == 6
    assert "cannot listen" in told.err


def test_the_demo_shows_both_reports_and_leaves_nothing(tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path / "home"), "TMPDIR": str(tmp_path)}
    done = subprocess.run([*PRATIQUE, "demo"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "was refused with 401 Unauthorized" in done.stdout
    assert "-> 403 Forbidden" in done.stdout
    assert "-> 202 Accepted" in done.stdout
    assert list(tmp_path.iterdir()) == []
