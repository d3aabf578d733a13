"""Options and what holds without them."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from pratique.cli import options
from pratique.cli.program import parse


def test_every_common_option_has_a_default() -> None:
    parser = argparse.ArgumentParser(add_help=False)
    options.add_global(parser)
    options.add_registry(parser)
    assert {action.dest for action in parser._actions} == set(options.DEFAULTS)


def test_options_stand_before_the_command_or_behind_it() -> None:
    before = parse(["--json", "--creds", "a:b", "digest", "r.test/app"])
    behind = parse(["digest", "--json", "--creds", "a:b", "r.test/app"])
    assert vars(before) == vars(behind)
    assert before.json
    assert before.tls_verify
    assert not parse(["digest", "r.test/app"]).json


def test_what_is_said_last_holds() -> None:
    assert parse(["--retries", "1", "digest", "--retries", "2", "r.test/app"]).retries == 2
    assert not parse(["--no-tls-verify", "digest", "r.test/app"]).tls_verify


def test_a_file_that_cannot_be_written_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    for good in ("there", "new"):
        assert options.writable(str(tmp_path / good)) == str(tmp_path / good)
    for bad in (tmp_path, tmp_path / "none" / "new"):
        with pytest.raises(argparse.ArgumentTypeError, match="cannot be written"):
            options.writable(str(bad))
    assert options.writable("name") == "name"
