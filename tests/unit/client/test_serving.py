"""What is wrong with how a registry is to be served, told before anything listens; and collecting its folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

import pratique
from pratique import InvalidInput, NotFound, Tls
from pratique.testing import registry


def test_a_key_wants_a_certificate() -> None:
    with pytest.raises(InvalidInput, match="a key without a certificate"):
        Tls(key="key.pem")


@pytest.mark.parametrize("address", ["nowhere", "host:port", ":70000", "unix:"])
def test_an_address_is_one(address: str) -> None:
    with pytest.raises(InvalidInput, match="is not HOST:PORT"), pratique.serve(address):
        pass


def test_two_files_that_say_who_may_do_what(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="exclude each other"), pratique.serve(access="a", htpasswd="b"):
        pass


def test_what_nothing_needs_goes(tmp_path: Path) -> None:
    with registry(sockets=False, storage=tmp_path) as found:
        found.push_image("app:1.0")
        machine = pratique.Machine({})
        with pratique.connect(credentials={}, machine=machine, transport=found.transport) as registries:
            registries.repository(f"{found.address}/app").push_blob(b"nobody needs this")
    long_ago = time.time() - 3600
    for path in tmp_path.rglob("*"):
        os.utime(path, (long_ago, long_ago))
    assert pratique.collect(tmp_path) == []
    planned = pratique.collect(tmp_path, grace=60, dry_run=True)
    assert {each.kind for each in planned} == {"blob", "link"}
    assert [each.name for each in pratique.collect(tmp_path, grace=60)] == [each.name for each in planned]
    assert pratique.collect(tmp_path, grace=60) == []


def test_a_folder_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="has no repositories"):
        pratique.collect(tmp_path)
