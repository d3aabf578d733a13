"""An image put from one base onto another (annotations.md, `org.opencontainers.image.base`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidInput
from ..spec import document as reading
from ..spec.digest import Digest
from ..values import frozen
from .image import Document, Edit, Image

BASE_DIGEST: Final = "org.opencontainers.image.base.digest"
BASE_NAME: Final = "org.opencontainers.image.base.name"


@frozen
class Base:
    """What the annotations of an image say of its base: its reference, and the digest that it had then."""

    name: str
    digest: Digest | None


def base_of(image: Image) -> Base | None:
    """The base of an image by its annotations; None where they do not name it."""
    name = image.annotations.get(BASE_NAME, "")
    digest = Digest.find(image.annotations.get(BASE_DIGEST))
    return Base(name, digest) if name or digest else None


def rebase(old: Image, new: Image, *, name: str = "", digest: Digest | None = None) -> Edit:
    """Put what is above an old base onto a new one.

    Settings that the image has as the old base had them become the new base's, variables and labels one by one. `name` and
    `digest` are those of the new base for the annotations; without a name that of before stays.
    Raises InvalidInput where the image does not begin with the layers of the old base, Misbehaved for a damaged config.
    """

    def edit(image: Image) -> Image:
        check(image, old)
        above = image.layers[len(old.layers) :]
        told = image.is_told and old.is_told and new.is_told
        history = [*new.history, *steps_above(image, old)] if told else None
        sections = [_settings(each) for each in (image, old, new)]
        changed = image.having((*new.layers, *above), history)
        settings = merged(*sections)
        changed = changed.configured(
            config=settings if settings or "config" in image.config else None,
            **{"os.version": new.config.get("os.version")},
        )
        return changed if image.is_docker else _named(changed, name, digest or new.original.digest)

    return edit


def based(base: Image, *, name: str = "", digest: Digest | None = None) -> Edit:
    """Say in the annotations on what an image is based; `name` and `digest` are as with `rebase`.

    Raises InvalidInput where the image does not begin with the layers of the base, Unsupported for Docker's form.
    """

    def edit(image: Image) -> Image:
        check(image, base)
        return _named(image, name, digest or base.original.digest)

    return edit


def check(image: Image, base: Image) -> None:
    """Raise InvalidInput where an image is not on top of a base."""
    count = len(base.layers)
    if image.diff_ids[:count] != base.diff_ids:
        pairs = zip(image.diff_ids, base.diff_ids, strict=False)
        same = next((number for number, (mine, other) in enumerate(pairs) if mine != other), len(image.layers))
        found = f"only the first {same} are" if same else "not even the first is"
        raise InvalidInput(
            f"the image {image.original.digest} is not based on {base.original.digest}: of its {count} layers {found} the same",
            advice="name the base that the image was built on, by its digest",
        )


def without_base(image: Image) -> Image:
    """The image without the annotations that name its base."""
    if not {BASE_NAME, BASE_DIGEST} & image.annotations.keys():
        return image
    return image.annotated(
        {key: text for key, text in image.annotations.items() if key not in (BASE_NAME, BASE_DIGEST)}
    )


def _named(image: Image, name: str, digest: Digest) -> Image:
    """The image with annotations that name its base; without a `name` that of before stays."""
    said = {BASE_NAME: name or image.annotations.get(BASE_NAME, ""), BASE_DIGEST: str(digest)}
    return image.annotated({**image.annotations, **{key: text for key, text in said.items() if text}})


def _settings(image: Image) -> Document:
    """What its config says of running it, whose variables and labels can be read. Raises Misbehaved."""
    what = f"the config of {image.original.digest}"
    found = reading.mapping(image.config, "config", what) or {}
    reading.texts(found, "Env", what)
    reading.mapping(found, "Labels", what)
    return found


def merged(mine: Document, old: Document, new: Document) -> dict[str, Any]:
    """Settings of an image on a new base: what was taken from the old base is taken from the new one."""
    found: dict[str, Any] = {}
    for key in dict.fromkeys((*mine, *new)):
        if key == "Env":
            values: Any = [
                f"{name}={value}" for name, value in _chosen(*(_variables(each) for each in (mine, old, new)))
            ]
        elif key == "Labels":
            values = dict(_chosen(*(dict(each.get(key) or {}) for each in (mine, old, new))))
        else:
            values = new.get(key) if mine.get(key) == old.get(key) else mine.get(key)
        if values is not None and (values or key in mine):
            found[key] = values
    return found


def _chosen(mine: Mapping[str, str], old: Mapping[str, str], new: Mapping[str, str]) -> list[tuple[str, str]]:
    """One by one, in the order of the new base and then of the image; what the image took away stays away."""
    found = []
    for name in dict.fromkeys((*new, *mine)):
        source = new if mine.get(name) == old.get(name) else mine
        if name in source:
            found.append((name, source[name]))
    return found


def _variables(settings: Document) -> dict[str, str]:
    pairs = (entry.partition("=") for entry in settings.get("Env") or ())
    return {name: value for name, _, value in pairs}


def steps_above(image: Image, base: Image) -> tuple[Document, ...]:
    """The steps of an image after those of its base."""
    if image.history[: len(base.history)] == base.history:
        return image.history[len(base.history) :]
    left = len(base.layers)
    for number, step in enumerate(image.history):
        if not left:
            return image.history[number:]
        left -= not step.get("empty_layer")
    return ()
