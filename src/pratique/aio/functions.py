"""The functions: copies and logins take the registries of coroutines, else each is the blocking one."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Unpack

from ..auth.credentials import Credential
from ..client import connection, copying, logins, serving
from ..client import store as blocking
from ..client.copying import How
from ..client.logins import AnyPath, Login
from ..http.events import Observer, ignore
from ..stores.locations import Location
from ..transfer.copy import Result
from ..transfer.repository import Failure
from .face import Threads, block, in_thread
from .registries import Registries, connect
from .store import Store

logout = in_thread(logins.logout)
collect = in_thread(serving.collect)
serve = block(serving.serve)


@asynccontextmanager
async def open(
    place: str | Location, *, registries: Registries | None = None, tell: Observer | None = None
) -> AsyncIterator[Store[blocking.Store]]:
    """As `pratique.open`: what it gives is a store for coroutines, and a Repository where the place is one."""
    location = Location.parse(place) if isinstance(place, str) else place
    if location.reference is not None:
        async with _reaching(registries, tell) as reached:
            yield reached.repository(location.reference)
        return
    async with block(connection.open)(location) as store:
        yield Store(store, Threads())


async def copy(
    source: str | Location,
    target: str | Location,
    *,
    tags: Sequence[str] = (),
    registries: Registries | None = None,
    target_registries: Registries | None = None,
    tell: Observer | None = None,
    **how: Unpack[How],
) -> Result:
    """As `pratique.copy`. Cancelled, it closes its connections, and what it had staged is removed; other copies go on."""
    async with _reaching(registries, tell) as reached:
        return await reached.threads.run(
            lambda: copying.copy(
                source,
                target,
                tags=tags,
                registries=reached.blocking,
                target_registries=target_registries.blocking if target_registries else None,
                tell=tell,
                **how,
            )
        )


async def copy_tags(
    source: str | Location,
    target: str | Location,
    *,
    include: str | re.Pattern[str] | None = None,
    exclude: str | re.Pattern[str] | None = None,
    semver: str | Callable[[str], bool] | None = None,
    newest: int | None = None,
    keep_going: bool = False,
    registries: Registries | None = None,
    target_registries: Registries | None = None,
    tell: Observer | None = None,
    **how: Unpack[How],
) -> list[Result | Failure]:
    """As `pratique.copy_tags`; cancelled, it ends as `copy` does."""
    async with _reaching(registries, tell) as reached:
        return await reached.threads.run(
            lambda: copying.copy_tags(
                source,
                target,
                include=include,
                exclude=exclude,
                semver=semver,
                newest=newest,
                keep_going=keep_going,
                registries=reached.blocking,
                target_registries=target_registries.blocking if target_registries else None,
                tell=tell,
                **how,
            )
        )


async def login(
    registry: str,
    credential: str | Credential,
    *,
    registries: Registries | None = None,
    authfile: AnyPath | None = None,
    repository: str | None = None,
) -> Login:
    """As `pratique.login`."""
    async with _reaching(registries) as reached:
        return await reached.threads.run(
            lambda: logins.login(
                registry, credential, registries=reached.blocking, authfile=authfile, repository=repository
            )
        )


@asynccontextmanager
async def _reaching(registries: Registries | None, tell: Observer | None = None) -> AsyncIterator[Registries]:
    """The registries that were given, or those of the machine until the end of the verb."""
    if registries is not None:
        yield registries
        return
    async with connect(tell=tell or ignore) as reached:
        yield reached
