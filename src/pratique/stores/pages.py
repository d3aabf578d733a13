"""Lists that come in pages (distribution specification, §Listing tags; RFC 8288)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from ..auth.scopes import ScopeSet
from ..errors import Misbehaved
from ..expressions import expression
from ..http.message import Headers, Request, Response
from ..http.origin import Origin, redact, split
from ..http.problem import failure
from ..http.session import Session
from ..spec.document import parse_object

MOST_PAGE_BYTES: Final = 16 << 20
MOST_EMPTY_PAGES: Final = 10  # in a row, before a server is taken to go in circles

# A quoted string that is not closed runs to the end: no line makes this slow.
_QUOTED: Final = r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)'
_LINK = expression(rf'<([^<>]*)>((?:[^<>,"]|{_QUOTED})*)', re.DOTALL)
_PARAMETER = expression(rf';\s*([^\s=;,"]+)\s*(?:=\s*({_QUOTED}|[^\s;,"]*))?', re.DOTALL)

Page = tuple[dict[str, Any], Response]


def names(
    session: Session[ScopeSet],
    url: str,
    scopes: ScopeSet | None,
    key: str,
    limit: int | None = None,
    missing: str | None = None,
) -> Iterator[str]:
    """The strings in the list `key` of every page, as they come. Raises Misbehaved, Refused, NotFound."""
    for document, _ in pages(session, sized(url, limit), scopes, fallback=url, missing=missing):
        values = document.get(key)
        if values is None:
            continue
        if not isinstance(values, list) or not _are_names(values):
            raise Misbehaved(f"{redact(url)}: {key!r} is not a list of names")
        yield from values


def pages(
    session: Session[ScopeSet],
    url: str,
    scopes: ScopeSet | None,
    *,
    fallback: str,
    accept: str = "application/json",
    missing: str | None = None,
) -> Iterator[Page]:
    """The documents of all pages, each asked for when it is wanted.

    `fallback` is asked instead where the server does not like the first URL, for instance its page size; `missing` is the advice
    where there is no list.
    """
    request = Request("GET", url, Headers([("Accept", accept)]))
    seen = {url}
    empty = 0
    response = session.send(request, scopes)
    if response.status in (400, 405) and fallback != url:
        response.close()
        request = Request("GET", fallback, request.headers)
        response = session.send(request, scopes)
    while True:
        document = _page(request, response, missing)
        yield document, response
        following = next_page(request.url, response)
        empty = 0 if any(value for value in document.values() if isinstance(value, list)) else empty + 1
        if following is None:
            return
        if following in seen or empty > MOST_EMPTY_PAGES:
            raise Misbehaved(f"{request}: the pages of the list go in circles at {redact(following)}")
        seen.add(following)
        request = Request("GET", following, request.headers)
        response = session.send(request, scopes)


def _are_names(values: list[Any]) -> bool:
    """Whether all are text that can be shown; of all together, for there may be many."""
    try:
        return "".join(values).isprintable()
    except TypeError:
        return False


def sized(url: str, limit: int | None) -> str:
    """The URL of a list, with the page size to ask for."""
    if limit is None:
        return url
    return f"{url}{'&' if split(url).query else '?'}n={limit}"


def next_page(url: str, response: Response) -> str | None:
    """The next page that an answer names, on the same origin whatever the server believes its own name to be.

    Raises Misbehaved for a link that leads nowhere.
    """
    for line in response.headers.all("Link"):
        for target, parameters in _LINK.findall(line):
            if _is_next(parameters):
                return _at_home(url, target)
    return None


def _at_home(url: str, target: str) -> str:
    from urllib.parse import urljoin

    try:
        parts = split(urljoin(url, target))
    except (ValueError, Misbehaved):
        raise Misbehaved(f"the next page of {redact(url)} is {redact(target)[:200]!r}") from None
    return f"{Origin.of(url)}{parts.path}{f'?{parts.query}' if parts.query else ''}"


def _page(request: Request, response: Response, missing: str | None) -> dict[str, Any]:
    if response.status != 200:
        raise failure(request, response, missing=missing)
    what = f"the answer to {request}"
    return parse_object(response.read(MOST_PAGE_BYTES, what), what)


def _is_next(parameters: str) -> bool:
    for name, value in _PARAMETER.findall(parameters):
        if name.lower() == "rel":
            # Only the first counts (RFC 8288 §3.3); it may name several relations.
            return "next" in value.strip('"').lower().split()
    return False
