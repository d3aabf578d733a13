"""What a config says of running an image, changed a field at a time."""

from __future__ import annotations

import json
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
_VALUES = st.dictionaries(_WORDS, _WORDS, max_size=4)
_NAMES = st.sets(_WORDS, max_size=3)
_PORTS = st.integers(1, 65535).map(str)


def _of_values(make: Callable[[dict[str, str], set[str]], Edit]) -> st.SearchStrategy[Edit]:
    return st.builds(lambda values, removed: make(values, removed - values.keys()), _VALUES, _NAMES)


def _of_names(make: Callable[[set[str], set[str]], Edit], names: st.SearchStrategy[str]) -> st.SearchStrategy[Edit]:
    return st.builds(lambda added, removed: make(added, removed - added), *[st.sets(names, max_size=3)] * 2)


# As the command line has them: at most one of each, the entrypoint before the command, and annotations before those of labels.
_KINDS = (
    *map(_of_values, (settings.environment, settings.labels, settings.annotate)),
    _of_names(settings.ports, _PORTS),
    _of_names(settings.volumes, _WORDS.map("/{}".format)),
    *(
        st.builds(make, st.none() | st.lists(_WORDS, max_size=3))
        for make in (settings.entrypoint, settings.command, settings.healthcheck)
    ),
    *(st.builds(make, st.none() | _WORDS) for make in (settings.user, settings.author)),
    st.builds(settings.folder, st.none() | _WORDS.map("/{}".format)),
    st.builds(settings.stop_signal, st.sampled_from([None, "SIGINT", "9"])),
    st.builds(settings.platform, st.sampled_from(["linux/arm/v7", "linux/s390x"]).map(Platform.parse)),
    st.builds(settings.created, st.none() | st.datetimes(timezones=st.just(UTC))),
    st.builds(settings.annotate_labels),
)


@given(st.tuples(*(st.none() | kind for kind in _KINDS)))
def test_twice_is_once(edits: tuple[Edit | None, ...]) -> None:
    """What was written and read again does not change any more."""
    store = Memory()
    edit = settings.all_of(each for each in edits if each is not None)
    once = edited(store, put_image(store, [], settings=OLD, annotations={"a": "b"}), edit)
    target, image = copied(once)
    again = edited(target, image.original, settings.all_of([edit, edit]))
    assert (again.root.raw, again.changed) == (once.root.raw, {})


def test_nothing_said_is_nothing_changed() -> None:
    store = Memory()
    manifest = put_image(store, [], settings=OLD)
    assert edited(store, manifest, settings.all_of([])).root.raw == manifest.raw


def test_labels_are_annotations_as_well() -> None:
    store = Memory()
    manifest = put_image(store, [], settings=OLD, annotations={"a": "other", "c": "3"})
    both = settings.all_of([settings.labels({"d": "4"}), settings.annotate_labels()])
    assert copied(edited(store, manifest, both))[1].annotations == {"a": "1", "b": "2", "c": "3", "d": "4"}


def test_what_checks_health_is_set_and_how_often_stays() -> None:
    store = Memory()
    manifest = put_image(store, [], settings={"Healthcheck": {"Test": ["NONE"], "Interval": 7}})
    _, image = copied(edited(store, manifest, settings.healthcheck(["CMD", "/x"])))
    assert image.config["config"] == {"Healthcheck": {"Test": ["CMD", "/x"], "Interval": 7}}
    _, without = copied(edited(store, manifest, settings.healthcheck(None)))
    assert without.config["config"] == {}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (b"{", "not JSON"),
        (b"[]", "config"),
        (b'{"os": 1}', "os"),
        (b'{"rootfs": {"type": "layers", "diff_ids": []}}', "are those of other layers"),
        (b'{"os": "linux", "architecture": "amd64"}', "are those of other layers"),
    ],
)
def test_a_config_is_not_rewritten_to_one_of_other_layers(typed: bytes, said: str) -> None:
    store = Memory()
    with pytest.raises(InvalidInput, match=said):
        edited(store, put_image(store, [b""]), settings.rewritten(lambda _: typed))


def test_a_history_of_other_layers_is_not_written() -> None:
    store = Memory()
    manifest = put_image(store, [b""])

    def change(raw: bytes) -> bytes:
        return json.dumps({**json.loads(raw), "history": []}).encode()

    with pytest.raises(InvalidInput, match="are those of other layers"):
        edited(store, manifest, settings.rewritten(change))
    _, image = copied(edited(store, manifest, settings.rewritten(lambda raw: raw.replace(b"amd64", b"mips"))))
    assert image.config["architecture"] == "mips"


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
    both = settings.all_of([settings.created(moment), settings.created(None)])
    without = copied(edited(store, manifest, both))[1]
    assert ("created" in without.config, without.annotations) == (False, {})


def test_annotations_are_of_the_manifest_and_dockers_has_none() -> None:
    store = Memory()
    made = edited(store, put_image(store, [], annotations={"a": "1"}), settings.annotate({"b": "2"}, ["a"]))
    assert copied(made)[1].annotations == {"b": "2"}
    with pytest.raises(Unsupported, match="no place for annotations"):
        edited(store, put_image(store, [], docker=True), settings.annotate({"b": "2"}))
