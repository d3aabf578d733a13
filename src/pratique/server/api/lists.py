"""Lists: tags, repositories, referrers (distribution specification, §Content Discovery)."""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from ...errors import NotFound
from ...http.message import Response
from ...spec import media
from ...spec.descriptor import Descriptor
from ...spec.endpoints import NAME_UNKNOWN
from ..answers import NUMBER_INVALID, Rejected, document
from ..storage.repositories import Storage
from .call import Call

# Of a page of referrers. Clients read as much as the largest manifest that registries take, 4 MiB, and a single entry with
# long annotations may be larger than a page.
MOST_REFERRERS_BYTES: Final = 2 << 20


class Lists:
    """The end-points that list."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def tags(self, call: Call) -> Response:
        """The tags of a repository, `n` of them after `last`."""
        try:
            tags = self._storage.tags(call.repository)
        except NotFound as error:
            raise Rejected(NAME_UNKNOWN, str(error)) from None
        return _page(call, {"name": call.repository}, "tags", tags)

    def repositories(self, call: Call) -> Response:
        """The catalogue of Docker's distribution, by pages in the same way."""
        return _page(call, {}, "repositories", self._storage.repositories())

    def referrers(self, call: Call) -> Response:
        """The manifests with the given subject; an unknown subject or repository has none (§Listing Referrers).

        They come by digest, in pages of a bounded size.
        """
        found = self._storage.referrers(call.repository, call.digest)
        artifact_type, last = _artifact_type(call), call.asked("last") or ""
        fields: list[tuple[str, str]] = []
        query: dict[str, str] = {}
        if artifact_type is not None:
            found = [descriptor for descriptor in found if descriptor.artifact_type == artifact_type]
            fields.append(("OCI-Filters-Applied", "artifactType"))
            query["artifactType"] = artifact_type
        found = [descriptor for descriptor in found if str(descriptor.digest) > last]
        page = _cut(found)
        if len(page) < len(found):
            fields.append(_next(call, query | {"last": page[-1]["digest"]}))
        index = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "manifests": page}
        return document(200, index, *fields, media_type=media.OCI_INDEX)


def _page(call: Call, content: dict[str, Any], key: str, names: Sequence[str]) -> Response:
    """A page of `names`, which are sorted, and where the next one begins."""
    last, most = call.asked("last"), _number(call.asked("n"))
    start = bisect.bisect_right(names, last) if last else 0
    page = names[start:] if most is None else names[start : start + most]
    fields = []
    if page and start + len(page) < len(names):
        fields.append(_next(call, {"n": most, "last": page[-1]}))
    return document(200, content | {key: list(page)}, *fields)


def _artifact_type(call: Call) -> str | None:
    """The filter, if any. Some clients send the `+` of `+json` as it is, which a query reads as a space; no type has one."""
    text = call.asked("artifactType")
    return text.replace(" ", "+") if text is not None else None


def _next(call: Call, query: Mapping[str, Any]) -> tuple[str, str]:
    """The field that says where a list goes on (RFC 8288)."""
    return "Link", f'<{call.url}{call.path}?{urlencode(query)}>; rel="next"'


def _cut(entries: Iterable[Descriptor]) -> list[dict[str, Any]]:
    """As many of the first entries as one answer has: at least one."""
    page: list[dict[str, Any]] = []
    left = MOST_REFERRERS_BYTES
    for entry in entries:
        document = entry.to_json()
        left -= len(json.dumps(document))
        if page and left < 0:
            break
        page.append(document)
    return page


def _number(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit()):
        raise Rejected(NUMBER_INVALID, f"n={text[:20]}")
    return int(text) if len(text) < 10 else None  # more than any repository has
