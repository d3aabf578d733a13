"""Values of options as people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.cli.options import SIDES, side, size
from pratique.cli.program import parse
from tests.commands import Ran, Run


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1", 1),
        ("65536", 65536),
        ("64K", 65536),
        ("64k", 65536),
        ("16MiB", 16 << 20),
        ("5G", 5 << 30),
        ("1TB", 1 << 40),
    ],
)
def test_sizes(text: str, count: int) -> None:
    assert size(text) == count


@pytest.mark.parametrize("text", ["", "0", "0K", "-1", "1.5G", "G", "5X", "5 G", "٣", "9" * 19])
def test_what_is_no_size(run: Run, text: str) -> None:
    ran = run("copy", f"--chunk-size={text}", "localhost:1/a:1", "localhost:1/b:1")
    assert ran.code == 2
    assert "not a number of bytes" in ran.err


def verified(ran: Ran) -> str:
    """Whether certificates are verified, as `config show` says it."""
    return next(line.split()[1] for line in ran.out.splitlines() if line.startswith("verify "))


def test_verifying_is_turned_off_as_skopeo_writes_it(run: Run) -> None:
    for words in (["--no-tls-verify"], ["--tls-verify=false"], ["--tls-verify=true", "--tls-verify=false"]):
        assert verified(run("config", "show", *words, "r.test")) == "no"
        assert verified(run(*words, "config", "show", "r.test")) == "no"
    assert verified(run("config", "show", "--no-tls-verify", "--tls-verify=true", "r.test")) == "yes"


def test_a_side_is_verified_or_not() -> None:
    words = ["copy", "--src-tls-verify=false", "--dest-tls-verify=true", "a.test/a:1", "b.test/b:1"]
    arguments = parse(words)
    assert [side(arguments, name).tls_verify for name in SIDES] == [False, True]


def test_a_credential_for_registries_is_of_no_use_where_there_are_none(run: Run, tmp_path: Path) -> None:
    """Layers that live elsewhere are fetched as anybody could."""
    ran = run("copy", "--creds", "a:b", "--plain-http", "--foreign", f"oci:{tmp_path}/a:1", f"dir:{tmp_path}/b")
    assert (ran.code, ran.err.partition(";")[0]) == (
        3,
        f"pratique: no OCI layout at {tmp_path}/a: it has no index.json\n",
    )


def test_nothing_else_turns_it_off(run: Run) -> None:
    assert run("config", "show", "--tls-verify=0", "r.test").code == 2
    assert verified(run("config", "show", "--tls-verify", "false.test")) == "yes"  # a host of that name
