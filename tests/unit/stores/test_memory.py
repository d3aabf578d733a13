"""What only the store in memory does."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.errors import InvalidInput, Misbehaved
from pratique.image.sample import Content
from pratique.spec import media
from pratique.stores.base import NAMELESS, Deletes, Lists, Mounts, Refers, Source, Target
from pratique.stores.directory import Directory
from pratique.stores.memory import Memory
from pratique.values import replace
from tests.stores.contract import push, put, single

IMAGE = single()


@pytest.mark.parametrize("ability", [Source, Target, Mounts, Lists, Refers, Deletes])
def test_it_has_every_ability(ability: type) -> None:
    assert isinstance(Memory(), ability)


def test_it_mounts_from_its_kind_only(tmp_path: Path) -> None:
    other = Directory(tmp_path / "other")
    push(other, IMAGE, [NAMELESS])
    assert Memory().mounts_from(Memory())
    assert not Memory().mounts_from(other)
    assert not Memory().mount(IMAGE.below[0].descriptor, other)


def test_what_does_not_fit_is_not_mounted() -> None:
    source, target = Memory(), Memory()
    push(source, IMAGE, ["1.0"])
    layer = IMAGE.below[0].descriptor
    assert not target.mount(replace(layer, size=layer.size + 1), source)
    assert not target.mount(IMAGE.root.descriptor, source)
    assert target.mount(layer, source)


def test_no_name_is_not_listed() -> None:
    memory = Memory()
    push(memory, IMAGE, [NAMELESS, "1.0"])
    assert list(memory.tags()) == ["1.0"]
    assert memory.resolve(NAMELESS) == memory.resolve("1.0")


def test_an_offset_that_is_not_in_the_content() -> None:
    memory = Memory()
    push(memory, IMAGE)
    layer = IMAGE.below[0].descriptor
    with memory.open(layer, offset=layer.size) as stream:
        assert stream.read() == b""
    for offset in (-1, layer.size + 1):
        with pytest.raises(InvalidInput), memory.open(layer, offset=offset):
            pass


def test_a_manifest_that_is_none_is_refused() -> None:
    with pytest.raises(Misbehaved):
        put(Memory(), Content.of(b"no manifest", media.OCI_MANIFEST))
