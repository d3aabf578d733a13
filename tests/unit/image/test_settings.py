"""What a config says of running an image, changed a field at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput, Unsupported
from pratique.image import settings
from pratique.image.image import Edit
from pratique.spec.platform import Platform
from pratique.stores.memory import Memory

from .images import copied, edited, put_image

OLD = {
    "Env": ["PATH=/bin", "A=1", "B=2"],
    "Labels": {"a": "1", "b": "2"},
    "Entrypoint": ["/e"],
    "Cmd": ["c"],
    "User": "root",
    "ExposedPorts": {"80/tcp": {}},
    "Volumes": {"/data": {}},
    "OnBuild": ["RUN x"],
}


def changed(*edits: Edit) -> dict[str, Any]:
    store = Memory()
    made = edited(store, put_image(store, [], settings=OLD), settings.all_of(edits))
    return dict(copied(made)[1].config["config"])


@pytest.mark.parametrize(
    ("edit", "key", "expected"),
    [
        (settings.environment({"A": "9", "C": "x=y"}, ["B"]), "Env", ["PATH=/bin", "A=9", "C=x=y"]),
        (settings.environment(removed=["PATH", "A", "B"]), "Env", None),
        (settings.labels({"c": "3"}, ["a"]), "Labels", {"b": "2", "c": "3"}),
        (settings.entrypoint(["/x", "y"]), "Entrypoint", ["/x", "y"]),
        (settings.entrypoint(["/x"]), "Cmd", None),
        (settings.command(None), "Cmd", None),
        (settings.command([]), "Cmd", []),
        (settings.user("1000:1000"), "User", "1000:1000"),
        (settings.folder("/work"), "WorkingDir", "/work"),
        (settings.folder("C:\\work"), "WorkingDir", "C:\\work"),
        (settings.stop_signal("SIGRTMIN+3"), "StopSignal", "SIGRTMIN+3"),
        (settings.ports(["53/udp", "443"], ["80"]), "ExposedPorts", {"53/udp": {}, "443/tcp": {}}),
        (settings.volumes(["/x"], ["/data"]), "Volumes", {"/x": {}}),
    ],
)
def test_a_field_is_set_and_the_others_stay(edit: Edit, key: str, expected: object) -> None:
    found = changed(edit)
    assert found.get(key) == expected
    assert found["OnBuild"] == ["RUN x"]
    assert (key in found) == (expected is not None)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: settings.environment({"A=": "1"}),
        lambda: settings.environment({"": "1"}),
        lambda: settings.labels({"a": "1"}, ["a"]),
        lambda: settings.folder("work"),
        lambda: settings.stop_signal("kill -9 1"),
        lambda: settings.ports(["0"]),
        lambda: settings.ports(["70000"]),
        lambda: settings.ports(["80/http"]),
        lambda: settings.ports(["eighty"]),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_read(wrong: Callable[[], Edit]) -> None:
    with pytest.raises(InvalidInput):
        wrong()


_WORDS = st.text(st.characters(exclude_characters="=\0", exclude_categories=["Cs"]), min_size=1, max_size=5)


@given(st.dictionaries(_WORDS, _WORDS, max_size=4), st.sets(_WORDS, max_size=3))
def test_twice_is_once(values: dict[str, str], removed: set[str]) -> None:
    store = Memory()
    removed -= values.keys()
    edit = settings.all_of([settings.environment(values, removed), settings.labels(values, removed)])
    manifest = put_image(store, [], settings=OLD)
    once, twice = edited(store, manifest, edit), edited(store, manifest, settings.all_of([edit, edit]))
    assert once.root.raw == twice.root.raw
    assert edited(store, manifest, settings.all_of([])).root.raw == manifest.raw


def test_platform_and_created() -> None:
    store = Memory()
    manifest = put_image(store, [], annotations={settings.CREATED: "long ago"})
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    made = edited(
        store,
        manifest,
        settings.all_of([settings.platform(Platform.parse("linux/arm/v7")), settings.created(moment)]),
    )
    image = copied(made)[1]
    assert str(image.platform) == "linux/arm/v7"
    assert image.config["created"] == image.annotations[settings.CREATED] == "2026-01-02T00:00:00Z"


def test_annotations_are_of_the_manifest_and_dockers_has_none() -> None:
    store = Memory()
    made = edited(store, put_image(store, [], annotations={"a": "1"}), settings.annotate({"b": "2"}, ["a"]))
    assert copied(made)[1].annotations == {"b": "2"}
    with pytest.raises(Unsupported, match="no place for annotations"):
        edited(store, put_image(store, [], docker=True), settings.annotate({"b": "2"}))
