"""Asking whether something is permitted without doing it, by requests that leave everything as it is."""

from __future__ import annotations

from contextlib import suppress
from typing import Final
from urllib.parse import urljoin

from ..auth.scopes import NO_SCOPES, ScopeSet, repository_scopes
from ..errors import Error
from ..http.message import Headers, Request
from ..http.problem import failure
from ..http.session import Session
from ..spec import endpoints, media
from ..spec.digest import Digest
from .registry import Repository

PULL: Final = "pull"
PUSH: Final = "push"
DELETE: Final = "delete"
ACTIONS: Final = (PULL, PUSH, DELETE)

# The answer to somebody who may read what is not there.
MISSING: Final = "permitted, but there is nothing of this name"

# No content has this digest, so that to delete it removes nothing.
NOTHING: Final = Digest("sha256", "0" * 64)


def attempt(
    session: Session[ScopeSet],
    repository: Repository,
    action: str,
    reference: str | None = None,
    wanted: ScopeSet = NO_SCOPES,
) -> str:
    """Make the request that shows whether `action` is permitted; the answer in words.

    For pull a manifest's HEAD, or the list of tags without `reference`; for push an upload that is begun and cancelled;
    for delete a manifest that cannot exist. `wanted` is asked for beside what the request needs. Raises Refused where it
    is not permitted, and what the session raises.
    """
    if action == PUSH:
        return _begin_upload(session, repository, wanted)
    if action == DELETE:
        request = Request("DELETE", repository.url(endpoints.MANIFEST_DELETE, reference=str(NOTHING)))
        with session.send(request, wanted) as response:
            return _delete_answer(response.status)
    return _read(session, repository, reference, wanted)


def _read(session: Session[ScopeSet], repository: Repository, reference: str | None, wanted: ScopeSet) -> str:
    scopes = wanted | repository_scopes(repository.name, "pull")
    request = Request("GET", repository.url(endpoints.TAGS))
    if reference:
        accept = Headers([("Accept", ", ".join(media.ACCEPT))])
        request = Request("HEAD", repository.url(endpoints.MANIFEST, reference=reference), accept)
    with session.send(request, scopes) as response:
        if response.status == 404:
            return MISSING
        if response.status >= 400:
            raise failure(request, response)
    return "permitted"


def _begin_upload(session: Session[ScopeSet], repository: Repository, wanted: ScopeSet) -> str:
    scopes = wanted | repository_scopes(repository.name, "pull", "push")
    request = Request("POST", repository.url(endpoints.UPLOADS))
    with session.send(request, scopes) as response:
        location = response.headers.get("Location")
        if response.status != 202 or location is None:
            raise failure(request, response)
    target = urljoin(request.url, location)
    with suppress(Error):  # it was begun, which is the answer; an upload that stays behind expires
        session.send(Request("DELETE", target), scopes).close()
    return "permitted"


def _delete_answer(status: int) -> str:
    if status in (400, 405, 501):
        return f"permitted, but the registry does not delete by digest ({status})"
    return "permitted"
