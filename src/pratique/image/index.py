"""Indexes made and changed (image specification, image-index.md; Docker's manifest lists); what is not touched stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ..errors import InvalidInput, NotFound, Unsupported
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.document import encode
from ..spec.manifest import ATTESTED, UNKNOWN, Manifest, is_attestation
from ..spec.platform import Platform
from ..values import frozen

Form = Literal["oci", "docker"]
FORMS: Final[Mapping[Form, str]] = {"oci": media.OCI_INDEX, "docker": media.DOCKER_LIST}

Entry = Mapping[str, Any]  # a descriptor as an index has it, with whatever else it says
Chooses = Callable[[Descriptor], bool]
Wish = str | Chooses  # a platform, an operating system or a digest as text, or whatever chooses entries


@frozen
class Typed:
    """Chooses entries by their artifact type."""

    artifact_type: str

    def __call__(self, each: Descriptor) -> bool:
        return each.artifact_type == self.artifact_type

    def __str__(self) -> str:
        return f"entry of the type {self.artifact_type}"


@frozen
class Noted:
    """Chooses entries by an annotation: one with this value, or with any."""

    key: str
    value: str | None = None

    def __call__(self, each: Descriptor) -> bool:
        return self.key in each.annotations and self.value in (None, each.annotations[self.key])

    def __str__(self) -> str:
        return f"entry with the annotation {self.key if self.value is None else f'{self.key}={self.value}'}"


def entry(manifest: Manifest, platform: Platform | None, annotations: Mapping[str, str] | None = None) -> Entry:
    """What an index says of a manifest."""
    described = Descriptor(
        manifest.media_type,
        manifest.digest,
        len(manifest.raw),
        platform=platform,
        artifact_type=str(manifest.document.get("artifactType") or ""),
        annotations=dict(annotations or {}),
    )
    return described.to_json()


def entries(index: Manifest) -> tuple[Entry, ...]:
    """The entries of an index, as they are."""
    return tuple(index.document.get("manifests") or ())


def made(
    listed: Sequence[Entry],
    form: Form = "oci",
    *,
    annotations: Mapping[str, str] | None = None,
    artifact_type: str = "",
    subject: Descriptor | None = None,
) -> Manifest:
    """An index with these entries. Raises Unsupported for what Docker's form has no place for."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": FORMS[form]}
    if artifact_type:
        document["artifactType"] = artifact_type
    document["manifests"] = [dict(each) for each in listed]
    if subject:
        document["subject"] = subject.to_json()
    if annotations:
        document["annotations"] = dict(annotations)
    return _checked(document)


def having(index: Manifest, more: Iterable[Entry]) -> Manifest:
    """The index with more entries; one for a platform that is there takes the place of the old one and its attestations."""
    listed = [*entries(index)]
    for new in more:
        old = [each for each in listed if _is_replaced(each, new)]
        if not old:
            listed.append(new)
            continue
        gone = (
            {each["digest"] for each in old} - {new["digest"]} - {each["digest"] for each in listed if each not in old}
        )
        at = listed.index(old[0])
        stay = [
            [each for each in part if each not in old and _attested(each) not in gone]
            for part in (listed[:at], listed[at:])
        ]
        listed = [*stay[0], new, *stay[1]]
    return _with(index, listed)


def keeping(index: Manifest, is_kept: Chooses) -> Manifest:
    """The index with the entries that are chosen and what attests them, and no others."""
    chosen = _chosen(index, is_kept)
    return _with(index, [raw for raw, each in _described(index) if is_kept(each) or _attested(raw) in chosen])


def matching(index: Manifest, platform: Platform) -> Manifest:
    """The index with the images for a platform, and what attests them. Raises NotFound, naming what there is."""
    found = index.matching(platform)
    return keeping(index, lambda each: each in found)


def without(index: Manifest, goes: Chooses) -> Manifest:
    """The index without the entries that are chosen and what attests them."""
    gone = _chosen(index, goes) - _chosen(index, lambda each: not goes(each))
    return _with(index, [raw for raw, each in _described(index) if not goes(each) and _attested(raw) not in gone])


def annotated(index: Manifest, changes: Mapping[str, str | None], chosen: Chooses | None = None) -> Manifest:
    """The index with annotations set, or taken away (None): its own, or those of the entries that are chosen."""
    if chosen is None:
        return _changed(index, _annotated(index.document, changes))
    return _with(index, [_annotated(raw, changes) if chosen(each) else raw for raw, each in _described(index)])


def fitted(index: Manifest, platform: Platform, chosen: Chooses) -> Manifest:
    """The index with another platform for the entries that are chosen."""
    said = platform.to_json()
    return _with(index, [{**raw, "platform": said} if chosen(each) else raw for raw, each in _described(index)])


def choosing(wishes: Iterable[Wish]) -> Chooses:
    """Whether an entry is what one of the wishes names. Raises InvalidInput for a word that names nothing."""
    choices = [_choice(wish) if isinstance(wish, str) else wish for wish in wishes]
    return lambda each: any(fits(each) for fits in choices)


def check(index: Manifest, wishes: Iterable[Wish]) -> None:
    """Raise NotFound for a wish that no entry is."""
    for wish in wishes:
        if not any(map(choosing([wish]), index.manifests)):
            named = wish if isinstance(wish, str | Typed | Noted) else "entry that was to be chosen"
            raise NotFound(f"the index {index.digest} has no {named}", advice=f"its platforms: {index.choices}")


def doubts(index: Manifest) -> list[str]:
    """What is allowed in an index and hardly meant."""
    if not index.manifests:
        return ["the index lists nothing"]
    images = [
        (str(each.platform.normalised()), each.artifact_type, tuple(sorted(each.annotations.items())))
        for each in index.manifests
        if each.platform and not is_attestation(each)
    ]
    counted = {image: images.count(image) for image in images}
    return [
        f"the index has {count} images for {image[0]}, of which clients take the first"
        for image, count in counted.items()
        if count > 1
    ]


def _choice(word: str) -> Chooses:
    digest = Digest.find(word)
    if digest is not None:
        return lambda each: each.digest == digest
    if word.isalnum():
        system = Platform(word, "").normalised().os
        return lambda each: each.platform is not None and each.platform.normalised().os == system
    wish = Platform.parse(word)
    return lambda each: each.platform is not None and each.platform.satisfies(wish)


def _chosen(index: Manifest, chooses: Chooses) -> set[str]:
    return {str(each.digest) for each in index.manifests if chooses(each)}


def _described(index: Manifest) -> list[tuple[Entry, Descriptor]]:
    """The entries of an index, as they are and as descriptors."""
    return list(zip(entries(index), index.manifests, strict=True))


def _is_replaced(old: Entry, new: Entry) -> bool:
    """Whether a new entry stands for the same as an old one: another image for its platform, or the same content.

    The same content for another platform is another entry: some things run anywhere.
    """
    before, after = Descriptor.from_json(old), Descriptor.from_json(new)
    is_same = before.digest == after.digest
    if before.platform is None or after.platform is None or ATTESTED in {**before.annotations, **after.annotations}:
        return is_same
    if not is_same and (before.artifact_type != after.artifact_type or before.platform.os == UNKNOWN):
        return False
    return before.platform.normalised() == after.platform.normalised()


def _attested(each: Entry) -> str | None:
    found: str | None = (each.get("annotations") or {}).get(ATTESTED)
    return found


def _annotated(document: Mapping[str, Any], changes: Mapping[str, str | None]) -> dict[str, Any]:
    found = {**(document.get("annotations") or {}), **changes}
    kept = {key: value for key, value in found.items() if value is not None}
    rest = {key: value for key, value in document.items() if key != "annotations"}
    return {**rest, "annotations": kept} if kept else rest


def _with(index: Manifest, listed: Sequence[Entry]) -> Manifest:
    return _changed(index, {**index.document, "manifests": [dict(each) for each in listed]})


def _changed(index: Manifest, document: Mapping[str, Any]) -> Manifest:
    """The index as another document; the same bytes where nothing changed. Raises InvalidInput for what is no index."""
    if not index.is_index:
        raise InvalidInput(f"{index.digest} is no index ({index.media_type})", advice="`index create` makes one")
    return index if document == index.document else _checked({**document, "mediaType": index.media_type}, index)


def _checked(document: Mapping[str, Any], before: Manifest | None = None) -> Manifest:
    new = Manifest.parse(encode(document), "", before.digest.algorithm if before else "sha256")
    if new.media_type == media.DOCKER_LIST:
        known = before.document if before else {}
        if any(document.get(key) != known.get(key) for key in ("annotations", "artifactType", "subject")):
            raise Unsupported(
                "Docker's manifest lists have no annotations, no type and no subject", advice="make it an OCI index"
            )
        for each, described in _described(new):
            if each not in known.get("manifests", ()):
                _check_listable(described)
    return new


def _check_listable(each: Descriptor) -> None:
    """Raise Unsupported for what has no place in a list of Docker's."""
    if each.annotations:
        raise Unsupported("Docker's manifest lists have no annotations", advice="make it an OCI index")
    if each.media_type not in media.IMAGES or each.platform is None:
        raise Unsupported(
            f"Docker's manifest lists have images only, each with its platform, and {each.digest} is none or has none",
            advice="make it an OCI index, or say what it is for (OS/ARCH=REF)",
        )
