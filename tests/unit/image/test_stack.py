"""The layers of an image, changed together with its history."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings

from pratique.errors import ContentMismatch, InvalidInput, NotFound, Unsupported
from pratique.image.edited import edit
from pratique.image.image import Image
from pratique.image.layers.bench import Bench, Packing
from pratique.image.layers.editing import Edit
from pratique.image.settings import all_of, created
from pratique.image.stack import append, edit_layers, flatten, recompress, remove, retime
from pratique.spec.digest import Digest
from pratique.spec.platform import Platform
from pratique.stores.compression import GZIP, PLAIN, ZSTD
from pratique.stores.memory import Memory
from pratique.stores.reading import manifest_of

from .images import copied, edited, entry, exported, layer_of, put_image, put_index, read
from .layers.tars import STACKS, Stack, applied, file, folder, layer, link, names

BASE = layer(folder("etc"), file("etc/a", b"1"))
TOP = layer(file("etc/.wh.a"), file("etc/b", b"2"))
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


def test_append_adds_a_layer_its_diff_id_and_its_step(bench: Bench) -> None:
    store = Memory()
    made = edited(
        store,
        put_image(store, [BASE]),
        append(layer_of(bench, TOP), by="COPY b /etc/", comment="c", moment=MOMENT),
    )
    _, image = copied(made)
    assert image.diff_ids == (Digest.of(BASE), Digest.of(TOP))
    assert image.history[-1] == {"created": "2026-03-04T05:06:07Z", "created_by": "COPY b /etc/", "comment": "c"}
    assert image.is_told
    assert image.config["org.example.unknown"] == [1, {"a": None}]
    assert names(exported(image)) == ["etc", "etc/b"]


@settings(max_examples=40, deadline=None)
@given(STACKS)
def test_append_then_flatten_is_the_overlay(stack: Stack) -> None:
    layers = stack.layers()
    store = Memory()
    with Bench() as bench:
        made = edit(store, put_image(store, layers[:1]), lambda image: _appended(bench, image, layers[1:]))
        flat = edit(made, made.root, flatten(bench))
        _, image = copied(flat)
        assert len(image.layers) == len(image.history) == 1
        assert (
            applied([exported(image)]).seen() == applied(layers).seen() == applied([exported(copied(made)[1])]).seen()
        )


def _appended(bench: Bench, image: Image, layers: list[bytes]) -> Image:
    for raw in layers:
        image = append(layer_of(bench, raw))(image)
    return image


def test_flatten_keeps_the_settings_and_forgets_the_base(bench: Bench) -> None:
    store = Memory()
    notes = {"org.opencontainers.image.base.name": "x/y:1", "org.example.a": "b"}
    manifest = put_image(store, [BASE, TOP], settings={"Cmd": ["/b"]}, annotations=notes)
    _, image = copied(edited(store, manifest, flatten(bench)))
    assert image.config["config"] == {"Cmd": ["/b"]}
    assert image.annotations == {"org.example.a": "b"}
    assert names(exported(image)) == ["etc", "etc/b"]


def test_what_is_flattened_again_is_the_same_blob(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP])
    first, second = (edited(store, manifest, flatten(Bench_)) for Bench_ in (bench, bench))
    assert first.root.raw == second.root.raw


@pytest.mark.parametrize("which", [0, -2, "digest", "diff_id"])
def test_remove_takes_the_step_as_well(which: Any) -> None:
    store = Memory()
    history: list[dict[str, Any]] = [
        {"created_by": "a"},
        {"created_by": "ENV", "empty_layer": True},
        {"created_by": "b"},
    ]
    manifest = put_image(store, [BASE, TOP], history=history)
    named = {"digest": manifest.layers[0].digest, "diff_id": Digest.of(BASE)}.get(which, which)
    image = edited(store, manifest, remove([named]))
    _, left = copied(image)
    assert left.diff_ids == (Digest.of(TOP),)
    assert [step["created_by"] for step in left.history] == ["ENV", "b"]


def test_a_history_that_does_not_tell_of_each_layer_is_left_out_rather_than_wrong() -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP], history=[{"created_by": "both"}])
    _, image = copied(edited(store, manifest, remove([1])))
    assert "history" not in image.config


@pytest.mark.parametrize(("steps", "left"), [(0, 0), (1, 1), (3, None)])
def test_a_history_that_does_not_tell_of_each_layer_does_not_seem_to_after_one_more(
    bench: Bench, steps: int, left: int | None
) -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP], history=[{"created_by": str(number)} for number in range(steps)])
    _, image = copied(edited(store, manifest, append(layer_of(bench, layer(file("z"))))))
    assert not image.is_told
    assert len(image.config["history"]) == left if left is not None else "history" not in image.config


def test_layers_are_removed_by_what_they_were_created_by() -> None:
    store = Memory()
    steps = ["COPY a /", "ENV COPY", "RUN x"]
    history: list[dict[str, Any]] = [
        {"created_by": by, **({"empty_layer": True} if "ENV" in by else {})} for by in steps
    ]
    manifest = put_image(store, [BASE, TOP], history=history)
    _, left = copied(edited(store, manifest, remove(created_by=["COPY"])))
    assert left.diff_ids == (Digest.of(TOP),)
    assert [step["created_by"] for step in left.history] == ["ENV COPY", "RUN x"]
    with pytest.raises(NotFound, match="no layer that was created by 'ENV'"):
        edited(store, manifest, remove(created_by=["ENV"]))
    untold = put_image(store, [BASE, TOP], history=[{"created_by": "COPY a /"}])
    with pytest.raises(NotFound) as caught:
        edited(store, untold, remove(created_by=["COPY"]))
    assert "does not tell of each layer" in (caught.value.advice() or "")
    for nothing in ([], [""]):
        with pytest.raises(InvalidInput, match="no layer is named"):
            remove(created_by=nothing)


def test_what_has_another_lowest_layer_is_not_said_to_be_on_its_base_any_more(bench: Bench) -> None:
    store = Memory()
    notes = {"org.opencontainers.image.base.name": "x/y:1", "org.example.a": "b"}
    manifest = put_image(store, [BASE, TOP], annotations=notes)
    for change, kept in (
        (remove([0]), False),
        (remove([1]), True),
        (edit_layers(bench, Edit(strip=("etc/a",))), False),
        (edit_layers(bench, Edit(strip=("etc/b",))), True),
        (recompress(bench, Packing(PLAIN)), True),
    ):
        _, image = copied(edited(store, manifest, change))
        assert ("org.opencontainers.image.base.name" in image.annotations) == kept
        assert image.annotations["org.example.a"] == "b"


def test_a_layer_that_there_is_not() -> None:
    store = Memory()
    with pytest.raises(NotFound, match="has no layer 2"):
        edited(store, put_image(store, [BASE, TOP]), remove([2]))


@pytest.mark.parametrize("packing", [Packing(PLAIN), Packing(GZIP, 1), Packing(GZIP, 9), Packing(ZSTD)])
def test_recompress_keeps_the_tars_and_the_config(bench: Bench, packing: Packing) -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP])
    made = edited(store, manifest, recompress(bench, packing))
    _, image = copied(made)
    assert image.raw_config == read(store, manifest).raw_config
    types = {PLAIN: "tar", GZIP: "tar+gzip", ZSTD: "tar+zstd"}
    assert all(each.descriptor.media_type.endswith(f".{types[packing.kind]}") for each in image.layers)
    assert names(exported(image)) == ["etc", "etc/b"]
    again = edited(store, manifest, recompress(bench, packing))
    assert again.root.raw == made.root.raw


@pytest.mark.parametrize(
    "change",
    [
        lambda bench: recompress(bench, Packing(ZSTD)),
        lambda bench: retime(bench, MOMENT),
        lambda bench: edit_layers(bench, Edit(strip=("etc/b",))),
    ],
    ids=["recompress", "retime", "edit"],
)
def test_what_images_share_is_made_once(change: Callable[[Bench], Any]) -> None:
    class Counted(Bench):
        count = 0

        def make(self, *args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return super().make(*args, **kwargs)

    store = Memory()
    platforms = [Platform.parse("linux/amd64"), Platform.parse("linux/arm64")]
    root = put_index(store, [entry(put_image(store, [BASE, TOP], platform=each), each) for each in platforms])
    bench = Counted()
    with bench:
        made = edit(store, root, change(bench))
        assert bench.count == 2
        layers = [manifest_of(made, each).layers for each in made.root.manifests]
    assert layers[0] == layers[1] != read(store, manifest_of(store, root.manifests[0])).original.layers


def test_recompress_refuses_a_diff_id_that_lies(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [BASE])
    image = read(store, manifest)
    lying = image.having([type(image.layers[0])(image.layers[0].descriptor, Digest.of(b"other"), store)], None)
    with pytest.raises(ContentMismatch, match="the config says"):
        recompress(bench, Packing(ZSTD))(lying)


def test_docker_layers_get_dockers_types(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP], docker=True)
    _, image = copied(edited(store, manifest, recompress(bench, Packing(PLAIN))))
    assert {each.descriptor.media_type for each in image.layers} == {"application/vnd.docker.image.rootfs.diff.tar"}
    for change in (recompress(bench, Packing(ZSTD)), flatten(bench, Packing(ZSTD))):
        with pytest.raises(Unsupported, match="Docker's form has no place for layers of zstd"):
            edited(store, manifest, change)
    _, flat = copied(edited(store, manifest, flatten(bench)))
    assert flat.layers[0].descriptor.media_type == "application/vnd.docker.image.rootfs.diff.tar.gzip"


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.oci.image.layer.v1.tar+gzip+encrypted",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.in-toto+json",
    ],
)
def test_layers_that_cannot_be_read_pass_through(bench: Bench, media_type: str) -> None:
    store = Memory()
    image = read(store, put_image(store, [BASE]))
    foreign = image.layers[0]
    strange = type(foreign)(type(foreign.descriptor)(media_type, Digest.of(b"?"), 1), foreign.diff_id, store)
    both = image.having([strange, *image.layers], None)
    for change in (recompress(bench, Packing(PLAIN)), edit_layers(bench, Edit(strip=("etc",)))):
        assert change(both).layers[0] is strange
    if "nondistributable" not in media_type:
        with pytest.raises(Unsupported, match="cannot be read or changed"):
            edit_layers(bench, Edit(), [0])(both)
        with pytest.raises(Unsupported, match="cannot be read or changed"):
            flatten(bench)(both)


def test_edit_layers_leaves_alone_what_it_does_not_change(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [BASE, TOP])
    made = edited(store, manifest, edit_layers(bench, Edit(strip=("etc/b",))))
    _, image = copied(made)
    assert image.layers[0].descriptor == read(store, manifest).layers[0].descriptor
    assert names(exported(image)) == ["etc"]
    assert not edited(store, manifest, edit_layers(bench, Edit(strip=("none",)))).changed


def test_retime_sets_every_time_and_twice_is_once(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [layer(file("a", b"x", mtime=12.5), file("b", mtime=10**10)), TOP])
    made = edited(store, manifest, retime(bench, MOMENT))
    _, image = copied(made)
    assert image.config["created"] == "2026-03-04T05:06:07Z"
    assert {step["created"] for step in image.history} == {"2026-03-04T05:06:07Z"}
    assert not edit(made, made.root, retime(bench, MOMENT)).changed
    with tarfile.open(fileobj=io.BytesIO(exported(image))) as archive:
        assert {member.mtime for member in archive} == {int(MOMENT.timestamp())}


def test_retime_leaves_what_is_earlier_where_only_later_times_are_set(bench: Bench) -> None:
    store = Memory()
    early = "2020-01-01T00:00:00.123456789Z"
    history: list[dict[str, Any]] = [
        {"created": early},
        {"created": "2030-01-01T00:00:00+01:00"},
        {"empty_layer": True},
    ]
    layers = [layer(file("a", mtime=12.5), file("b", mtime=10**10)), TOP]
    manifest = put_image(store, layers, history=history)
    _, image = copied(edited(store, manifest, retime(bench, MOMENT, only_later=True)))
    assert image.history == ({"created": early}, {"created": "2026-03-04T05:06:07Z"}, {"empty_layer": True})
    assert "created" not in image.config
    with tarfile.open(fileobj=io.BytesIO(exported(image))) as archive:
        assert [member.mtime for member in archive][:2] == [12.5, int(MOMENT.timestamp())]
    again = retime(bench, datetime(2019, 1, 1, tzinfo=UTC), only_later=True)
    _, earliest = copied(edited(store, manifest, all_of([created(MOMENT), again])))
    assert earliest.config["created"] == earliest.history[0]["created"] == "2019-01-01T00:00:00Z"


def test_retime_leaves_the_base_alone(bench: Bench) -> None:
    store = Memory()
    top = layer(file("etc/b", mtime=5))
    base = put_image(store, [BASE], history=[{"created_by": "step 0", "created": "2001-01-01T00:00:00Z"}])
    history = [*read(store, base).history, {"created_by": "top"}]
    manifest = put_image(store, [BASE, top], history=[dict(step) for step in history])
    _, image = copied(edited(store, manifest, retime(bench, MOMENT, base=lambda _: read(store, base))))
    assert image.diff_ids[0] == Digest.of(BASE)
    assert image.diff_ids[1] != Digest.of(top)
    assert [step["created"] for step in image.history] == ["2001-01-01T00:00:00Z", "2026-03-04T05:06:07Z"]
    with pytest.raises(InvalidInput, match="is not based on"):
        edited(store, base, retime(bench, MOMENT, base=lambda _: read(store, manifest)))
    _, nothing_above = copied(edited(store, base, retime(bench, MOMENT, base=lambda _: read(store, base))))
    assert nothing_above.diff_ids == (Digest.of(BASE),)


def test_links_to_what_was_stripped_keep_the_content(bench: Bench) -> None:
    store = Memory()
    manifest = put_image(store, [layer(file("a", b"x"), link("b", "a"))])
    _, image = copied(edited(store, manifest, edit_layers(bench, Edit(strip=("a",)))))
    assert applied([exported(image)]).nodes["b"].content == b"x"
