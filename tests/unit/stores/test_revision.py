"""A manifest under a tag, changed while others change it; `test_subjects` and the zoo have more of the conditions."""

from __future__ import annotations

import json

import pytest

from pratique.errors import Unreachable
from pratique.http.message import Response
from pratique.spec import media
from pratique.spec.manifest import Manifest
from pratique.stores.revision import MOST_ATTEMPTS, Condition, revise


def index(*annotations: str) -> Manifest:
    document = {"schemaVersion": 2, "mediaType": media.OCI_INDEX, "annotations": dict.fromkeys(annotations, "")}
    return Manifest.parse(json.dumps({**document, "manifests": []}).encode())


def noted(found: Manifest | None) -> Manifest:
    """A change: the annotation `mine` is there."""
    said = tuple(found.annotations) if found else ()
    return index(*said) if "mine" in said else index(*said, "mine")


class Tag:
    """A tag that others change before each of the first so many puts."""

    def __init__(self, others: int) -> None:
        self.found = index("old")
        self.others = others
        self.puts: list[Condition | None] = []

    def read(self, _: str) -> tuple[Manifest | None, str | None]:
        return self.found, f'"{self.found.digest}"'

    def put(self, _: str, media_type: str, raw: bytes, condition: Condition | None) -> Response:
        self.puts.append(condition)
        if len(self.puts) <= self.others:
            self.found = index(*self.found.annotations, f"other {len(self.puts)}")
        if condition and condition != ("If-Match", f'"{self.found.digest}"'):
            return Response.of(412)
        self.found = Manifest.parse(raw, media_type)
        return Response.of(201)


def test_everybody_s_change_is_there_in_the_end() -> None:
    tag = Tag(others=MOST_ATTEMPTS // 2)
    done = revise("1", noted, tag.read, tag.put)
    assert done == tag.found
    assert list(done.annotations) == ["old", *(f"other {n}" for n in range(1, MOST_ATTEMPTS // 2 + 1)), "mine"]


def test_nothing_is_put_where_nothing_changes() -> None:
    tag = Tag(others=0)
    tag.found = index("mine")
    assert revise("1", noted, tag.read, tag.put) == tag.found
    assert tag.puts == []


def test_it_ends_where_others_always_come_between() -> None:
    tag = Tag(others=10 * MOST_ATTEMPTS)
    with pytest.raises(Unreachable, match="others change it"):
        revise("1", noted, tag.read, tag.put)
    assert len(tag.puts) == MOST_ATTEMPTS
