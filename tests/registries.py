"""Registries for tests: the embedded one on a socket of this machine, and images to put into any."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pratique.testing
from pratique.auth.authenticator import Authenticator
from pratique.auth.credentials import ANONYMOUS, Credential, Given
from pratique.auth.scopes import ScopeSet
from pratique.http.events import Observer, ignore
from pratique.http.message import Body
from pratique.http.reach import everywhere, usual
from pratique.http.session import Session
from pratique.http.transport import HttpTransport
from pratique.http.trust import Trust
from pratique.image.sample import Sample, image, index
from pratique.spec.platform import Platform
from pratique.stores.base import Target
from pratique.stores.registry import Registry, Repository
from pratique.testing import Embedded

AMD64 = Platform.parse("linux/amd64")
ARM64 = Platform.parse("linux/arm64")


@contextmanager
def serving(folder: Path, access: str = "") -> Iterator[Embedded]:
    """The embedded registry over a folder, with an access file of this text."""
    with pratique.testing.registry(storage=folder / "storage", access=access) as registry:
        yield registry


def sample(greeting: str = "hello", created: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Sample:
    """An image for two platforms."""
    files = {"hello": f"#!/bin/sh\necho {greeting}\n".encode()}
    labels = {"org.opencontainers.image.title": greeting}
    return index(image(platform, files, created=created, labels=labels) for platform in (AMD64, ARM64))


@contextmanager
def repository(
    address: str, name: str, creds: str | None = None, trust: Trust | None = None, tell: Observer = ignore
) -> Iterator[Repository]:
    """A repository as the library sees it."""
    credentials = Given(Credential.parse(creds, "the test"), frozenset([address])) if creds else ANONYMOUS
    ways = everywhere(trust=trust) if trust else usual
    session: Session[ScopeSet] = Session(HttpTransport(ways), Authenticator(credentials), tell=tell)
    try:
        yield Registry(session, address).repository(name)
    finally:
        session.close()


def push(target: Target, content: Sample, *tags: str) -> None:
    """Push everything of an image or index."""
    for part in content.below:
        target.push(part.descriptor, Body.of(part.raw).open)
    target.push(content.root.descriptor, Body.of(content.root.raw).open, tags=tags)
