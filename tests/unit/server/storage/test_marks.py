"""What a manifest mentions: every digest in its text, however it is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.server.storage.marks import mentioned
from pratique.spec.digest import Digest

digests = st.builds(Digest.of, st.binary(max_size=8), st.sampled_from(["sha256", "sha512"]))
documents = st.recursive(
    st.none() | st.text(max_size=5) | digests.map(str),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=5) | digests.map(str), below, max_size=3)
    ),
)


def texts(document: object) -> set[str]:
    if isinstance(document, dict):
        return set().union(*map(texts, document.keys()), *map(texts, document.values()))
    if isinstance(document, list):
        return set().union(*map(texts, document))
    return {document} if isinstance(document, str) else set()


def escaped(raw: str) -> bytes:
    """The same JSON with every letter of its strings as an escape."""
    return "".join(f"\\u{ord(letter):04x}" if letter.islower() else letter for letter in raw).encode()


@given(documents, st.booleans())
def test_every_digest_is_found(document: object, is_ascii: bool) -> None:
    raw = json.dumps(document, ensure_ascii=is_ascii).encode()
    assert set(map(str, mentioned(raw))) == {text for text in texts(document) if Digest.find(text)}


@given(st.lists(digests.map(str), min_size=1))
def test_every_digest_is_found_in_escapes(found: list[str]) -> None:
    assert set(map(str, mentioned(escaped(json.dumps(found))))) == set(found)


@given(st.binary())
def test_anything_can_be_looked_at(raw: bytes) -> None:
    assert mentioned(raw) == set()


@pytest.mark.parametrize("end", [b"", b'"', b"\\", b"\xff", b"["])
def test_what_is_no_json_mentions_what_it_has(end: bytes) -> None:
    digest = Digest.of(b"")
    assert mentioned(b"\\ not JSON: " + str(digest).encode() + end) == {digest}


def test_a_deep_document() -> None:
    digest = Digest.of(b"")
    raw = b"[" * 100_000 + b'"\\n' + str(digest).encode() + b'"' + b"]" * 100_000
    assert mentioned(raw) == {digest}
