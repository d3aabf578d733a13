"""An image put from one base onto another."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings

from pratique.errors import InvalidInput, Misbehaved
from pratique.image.rebase import BASE_DIGEST, BASE_NAME, Base, base_of, based, merged, rebase
from pratique.spec.digest import Digest
from pratique.stores.memory import Memory

from .images import copied, edited, exported, put_image, read
from .layers.tars import STACKS, Stack, applied, file, has_links, layer

OLD = layer(file("base", b"old"))
NEW = [layer(file("base", b"new")), layer(file("more"))]
APP = layer(file("app", b"1"))


def test_a_rebase_has_the_new_layers_below_and_says_on_what_it_is() -> None:
    store = Memory()
    old, new = put_image(store, [OLD]), put_image(store, NEW, history=[{"created_by": "n1"}, {"created_by": "n2"}])
    steps: list[dict[str, Any]] = [
        {"created_by": "step 0"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "COPY app"},
    ]
    notes = {BASE_NAME: "example.org/base:1", BASE_DIGEST: str(old.digest), "a": "b"}
    image = put_image(store, [OLD, APP], history=steps, annotations=notes)
    assert base_of(read(store, image)) == Base("example.org/base:1", old.digest)
    _, found = copied(edited(store, image, rebase(read(store, old), read(store, new))))
    assert found.diff_ids == tuple(map(Digest.of, [*NEW, APP]))
    assert [step["created_by"] for step in found.history] == ["n1", "n2", "ENV", "COPY app"]
    assert found.annotations == {**notes, BASE_DIGEST: str(new.digest)}
    assert applied([exported(found)]).nodes["base"].content == b"new"


def test_an_image_is_said_to_be_on_what_it_begins_with() -> None:
    store = Memory()
    base, other = put_image(store, [OLD]), put_image(store, NEW)
    image = put_image(store, [OLD, APP], annotations={"a": "b", BASE_NAME: "example.org/base:1"})
    _, found = copied(edited(store, image, based(read(store, base), digest=Digest.of(b"index"))))
    assert found.annotations == {"a": "b", BASE_NAME: "example.org/base:1", BASE_DIGEST: str(Digest.of(b"index"))}
    _, named = copied(edited(store, image, based(read(store, base), name="x/y:2")))
    assert base_of(named) == Base("x/y:2", base.digest)
    with pytest.raises(InvalidInput, match="is not based on"):
        edited(store, image, based(read(store, other)))


@pytest.mark.parametrize(
    "wrong", [{"Env": [1]}, {"Env": {"A": "b"}}, {"Labels": ["a"]}], ids=["no text", "no list", "no object"]
)
@pytest.mark.parametrize("which", [0, 1, 2])
def test_a_config_that_cannot_be_read_is_an_error_of_whoever_made_it(wrong: dict[str, Any], which: int) -> None:
    store = Memory()
    said: list[dict[str, Any]] = [{}, {}, {}]
    said[which] = wrong
    image, old, new = (put_image(store, [OLD], settings=each) for each in said)
    with pytest.raises(Misbehaved, match="the config of"):
        edited(store, image, rebase(read(store, old), read(store, new)))


def test_an_image_on_another_base_is_refused() -> None:
    store = Memory()
    old, new = put_image(store, NEW), put_image(store, [OLD])
    with pytest.raises(InvalidInput, match="of its 2 layers only the first 1 are the same") as caught:
        edited(store, put_image(store, [NEW[0], APP]), rebase(read(store, old), read(store, new)))
    assert "linux/amd64" in caught.value.__notes__[0]
    with pytest.raises(InvalidInput, match="only the first 1"):
        edited(store, put_image(store, NEW[:1]), rebase(read(store, old), read(store, new)))


@settings(max_examples=60, deadline=None)
@given(STACKS, STACKS)
def test_the_files_of_a_rebase_are_the_layers_applied(stack: Stack, other: Stack) -> None:
    store = Memory()
    layers, below = stack.layers(), other.layers()
    if any(map(has_links, layers)):  # a hard link may lead to what the other base has not
        return
    image = put_image(store, layers)
    old, new = put_image(store, layers[:1]), put_image(store, below)
    _, found = copied(edited(store, image, rebase(read(store, old), read(store, new))))
    assert applied([exported(found)]).seen() == applied([*below, *layers[1:]]).seen()


@pytest.mark.parametrize(
    ("mine", "old", "new", "expected"),
    [
        ({"Env": ["P=1", "A=1"]}, {"Env": ["P=1"]}, {"Env": ["P=2", "Q=1"]}, {"Env": ["P=2", "Q=1", "A=1"]}),
        ({"Env": ["P=9"]}, {"Env": ["P=1"]}, {"Env": ["P=2"]}, {"Env": ["P=9"]}),
        ({}, {"Env": ["P=1"]}, {"Env": ["P=2"]}, {}),
        ({"Labels": {"a": "1"}}, {"Labels": {"a": "1"}}, {"Labels": {"b": "2"}}, {"Labels": {"b": "2"}}),
        ({"User": "me"}, {}, {"User": "root"}, {"User": "me"}),
        ({"User": "root"}, {"User": "root"}, {"User": "other"}, {"User": "other"}),
        ({"Cmd": ["x"]}, {"Cmd": ["sh"]}, {"Cmd": ["bash"], "Entrypoint": ["e"]}, {"Cmd": ["x"], "Entrypoint": ["e"]}),
    ],
)
def test_settings_of_the_old_base_become_the_new_ones(
    mine: dict[str, Any], old: dict[str, Any], new: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert json.dumps(merged(mine, old, new)) == json.dumps(expected)


def test_a_rebase_onto_the_same_base_changes_nothing() -> None:
    store = Memory()
    old = put_image(store, [OLD])
    image = put_image(store, [OLD, APP], annotations={BASE_DIGEST: str(old.digest)})
    assert not edited(store, image, rebase(read(store, old), read(store, old))).changed
