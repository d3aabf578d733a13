"""Referrers (distribution specification, §Listing referrers): the API, or the tag schema where a registry has none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final, Protocol

from ..auth.scopes import ScopeSet
from ..errors import Denied, Misbehaved, NotFound, Unsupported
from ..http.session import Session
from ..spec import endpoints, media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import mappings
from ..spec.endpoints import Endpoint
from ..spec.manifest import Manifest
from .pages import Page, pages

# Of the tag of the schema: `algorithm-encoded`, each cut (distribution specification, §Referrers tag schema).
MOST_ALGORITHM_CHARACTERS: Final = 32
MOST_ENCODED_CHARACTERS: Final = 64


class Url(Protocol):
    """Makes the URL of an end-point of the repository."""

    def __call__(self, endpoint: Endpoint, **parameters: str) -> str: ...


class Referrers:
    """What refers to the manifests of one repository; whether there is an API is remembered."""

    def __init__(
        self, session: Session[ScopeSet], pull: ScopeSet, url: Url, index_at: Callable[[str], Manifest | None]
    ) -> None:
        self._session = session
        self._pull = pull
        self._url = url
        self._index_at = index_at
        self._has_api = True

    def of(self, subject: Digest, artifact_type: str) -> Iterator[Descriptor]:
        """The descriptors of the manifests whose subject this is, once each. Raises Unauthorized, Misbehaved."""
        found = self._by_api(subject, artifact_type) if self._has_api else None
        if found is None:
            found = self._by_tag(subject)
        wanted = (entry for entry in found if not artifact_type or entry.artifact_type == artifact_type)
        yield from dict.fromkeys(wanted)

    @property
    def has_api(self) -> bool:
        """Whether the registry has the referrers API, as far as is known."""
        return self._has_api

    def _by_api(self, subject: Digest, artifact_type: str) -> Iterable[Descriptor] | None:
        """What the API lists; None where there is none, or something else answers in its place."""
        url = self._url(endpoints.REFERRERS, digest=str(subject))
        filtered = f"{url}?artifactType={_quoted(artifact_type)}" if artifact_type else url
        listed = pages(self._session, filtered, self._pull, fallback=url, accept=media.OCI_INDEX)
        try:
            found = list(_entries(next(listed)))
        except (NotFound, Unsupported):
            self._has_api = False
            return None
        except (Denied, Misbehaved):
            return None  # of this subject; another may be listed
        for page in listed:
            found += _entries(page)
        return found

    def _by_tag(self, subject: Digest) -> Iterable[Descriptor]:
        index = self._index_at(tag_of(subject))
        if index is None or index.digest == subject:  # some take the dash for a colon and answer with the subject
            return []
        return index.manifests


def tag_of(subject: Digest) -> str:
    """The tag under which the schema lists the referrers of a manifest."""
    return f"{subject.algorithm[:MOST_ALGORITHM_CHARACTERS]}-{subject.encoded[:MOST_ENCODED_CHARACTERS]}"


def _entries(page: Page) -> Iterator[Descriptor]:
    document, response = page
    media_type = media.essence(response.headers.get("Content-Type") or "")
    if "manifests" not in document or media_type not in {media.OCI_INDEX, *media.GENERIC}:
        raise Misbehaved(f"the referrers API answers with {media_type or 'no type'}, which is no index")
    for entry in mappings(document, "manifests", "referrers"):
        yield Descriptor.from_json(entry, "referrers' entry")


def _quoted(text: str) -> str:
    from urllib.parse import quote

    return quote(text, safe="/")
