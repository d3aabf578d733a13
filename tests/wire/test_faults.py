"""Copies through trouble: each ends byte-exact or with a clear error, and a later run completes it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.errors import Error
from pratique.http.retry import Patience
from pratique.http.session import Session
from pratique.http.transport import HttpTransport
from pratique.image.sample import Sample, image, index
from pratique.server.app import RegistryApp
from pratique.server.listen.listener import Listener
from pratique.server.storage.repositories import Storage
from pratique.stores.base import Source, Target
from pratique.stores.files import FolderFiles
from pratique.stores.layout import Layout
from pratique.stores.reading import opened
from pratique.stores.registry import Registry, Repository
from pratique.transfer.copy import copy
from tests.faults import Faulty
from tests.registries import AMD64, ARM64, push

RUNS = 200
RATE = 0.12  # of the answers


def made(seed: int) -> Sample:
    """An image of some layers' worth of bytes that do not shrink."""
    noise = random.Random(seed)  # noqa: S311
    return index(
        image(platform, {f"file{number}": noise.randbytes(noise.randrange(9000)) for number in range(2)})
        for platform in (AMD64, ARM64)
    )


@contextmanager
def troubled(folder: Path, seed: int) -> Iterator[tuple[Faulty, str]]:
    faults = Faulty(RegistryApp(Storage(folder)).handle, seed, 0)
    with Listener(faults) as listener:
        yield faults, listener.address


@contextmanager
def repository(address: str, retries: int) -> Iterator[Repository]:
    session: Session[ScopeSet] = Session(
        HttpTransport(), Authenticator(), patience=Patience(retries=retries), sleep=lambda _: None
    )
    yield Registry(session, address).repository("app")
    session.close()


def everything(store: Source, sample: Sample) -> None:
    """Read all of it; the stream verifies every byte."""
    for part in (*sample.below, sample.root):
        with opened(store, part.descriptor) as stream:
            assert b"".join(iter(lambda: stream.read(1 << 16), b"")) == part.raw


def through_trouble(source: Source, target: Target, sample: Sample, faults: tuple[Faulty, ...]) -> bool:
    """Whether the copy came through at once; it does at the latest when the trouble is over."""
    for each in faults:
        each.rate = RATE
    try:
        copy(source, "1", target, ["1"])
        came_through = True
    except Error:  # anything else would be a traceback
        came_through = False
    for each in faults:
        each.rate = 0
    copy(source, "1", target, ["1"])
    assert isinstance(target, Source)
    assert target.resolve("1").digest == sample.root.descriptor.digest
    everything(target, sample)
    return came_through


@pytest.mark.parametrize("kind", ["registry", "layout"])
def test_copies_through_trouble(tmp_path: Path, kind: str) -> None:
    through, met = 0, 0
    for seed in range(RUNS // 2):
        folder, sample = tmp_path / str(seed), made(seed)
        with (
            troubled(folder / "from", seed) as (source_faults, source_address),
            troubled(folder / "to", -seed) as (
                target_faults,
                target_address,
            ),
            repository(source_address, retries=4) as source,
            repository(target_address, retries=4) as registry,
        ):
            push(source, sample, "1")
            target: Target = registry if kind == "registry" else Layout(FolderFiles(folder / "layout"))
            faults = (source_faults, target_faults)
            through += through_trouble(source, target, sample, faults)
            met += sum(each.count for each in faults)
    assert met > RUNS // 4  # there was trouble
    assert through > RUNS // 4  # and most of it did not stop a copy
