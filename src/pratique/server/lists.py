"""Lists: tags, repositories, referrers (distribution specification, §Content Discovery)."""

from __future__ import annotations

import bisect
from typing import Any
from urllib.parse import urlencode

from ..errors import NotFound
from ..http.message import Response
from ..spec import media
from ..spec.endpoints import NAME_UNKNOWN
from .answers import PAGINATION_NUMBER_INVALID, Rejected, document
from .call import Call
from .storage import Storage


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
        """The manifests with the given subject; an unknown subject or repository has none (§Listing Referrers)."""
        found = self._storage.referrers(call.repository, call.digest)
        artifact_type = call.asked("artifactType")
        fields: list[tuple[str, str]] = []
        if artifact_type is not None:
            found = [descriptor for descriptor in found if descriptor.artifact_type == artifact_type]
            fields.append(("OCI-Filters-Applied", "artifactType"))
        index = {
            "schemaVersion": 2,
            "mediaType": media.OCI_INDEX,
            "manifests": [descriptor.to_json() for descriptor in found],
        }
        return document(200, index, *fields, media_type=media.OCI_INDEX)


def _page(call: Call, content: dict[str, Any], key: str, names: list[str]) -> Response:
    """A page of `names`, which are sorted, and where the next one begins (RFC 8288)."""
    last, most = call.asked("last"), _number(call.asked("n"))
    start = bisect.bisect_right(names, last) if last else 0
    page = names[start:] if most is None else names[start : start + most]
    fields = []
    if page and start + len(page) < len(names):
        query = urlencode({"n": most, "last": page[-1]})
        fields.append(("Link", f'<{call.url}{call.path}?{query}>; rel="next"'))
    return document(200, content | {key: page}, *fields)


def _number(text: str | None) -> int | None:
    if text is None or text == "":
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Rejected(PAGINATION_NUMBER_INVALID, f"n={text[:20]}")
    return int(text)
