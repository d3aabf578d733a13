"""Stores of files, read by the names in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

from ..errors import InvalidInput, Unsupported
from ..spec.digest import Digest
from ..stores.base import Lists, Readable, Target
from .store import Store


@runtime_checkable
class Tagged(Readable, Target, Protocol):
    """What can be read, and can be given further names."""


class Files(Store):
    """A layout, an archive or a directory: what is read where its `source` is open."""

    def __init__(self, place: str, source: Readable) -> None:
        super().__init__(place)
        self._opened = source

    def _source(self, name: str | Digest = "") -> Readable:  # noqa: ARG002 - it has everything itself
        return self._opened

    def _listed(self, page_size: int | None) -> Iterator[str]:  # noqa: ARG002 - it is read at once
        if not isinstance(self._opened, Lists):
            raise Unsupported(f"{self._opened} has no names", advice="it holds one image, which needs none")
        return self._opened.tags()

    def _tagged(self, tags: tuple[str, ...]) -> Tagged:
        if not all(tags):
            raise InvalidInput("a name is not empty")
        if not isinstance(self._opened, Tagged):
            raise Unsupported(
                f"{self._opened} cannot be given {tags[0]!r}: it is written anew, and not changed",
                advice="pratique copy writes one",
            )
        return self._opened
