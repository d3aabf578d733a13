"""Indexes made and changed (image specification, image-index.md; Docker's manifest lists); what is not touched stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

from ..errors import InvalidInput, NotFound, Unsupported
from ..spec import media
from ..spec.descriptor import Descriptor
from ..spec.digest import Digest
from ..spec.manifest import ATTESTED, Manifest
from ..spec.platform import Platform
from .image import encode

Form = Literal["oci", "docker"]
FORMS: Final[Mapping[Form, str]] = {"oci": media.OCI_INDEX, "docker": media.DOCKER_LIST}

Entry = Mapping[str, Any]  # a descriptor as an index has it, with whatever else it says
Chooses = Callable[[Descriptor], bool]


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
    listed: Sequence[Entry], form: Form = "oci", annotations: Mapping[str, str] | None = None, artifact_type: str = ""
) -> Manifest:
    """An index with these entries. Raises Unsupported for annotations and a type in Docker's form, which has none."""
    document: dict[str, Any] = {"schemaVersion": 2, "mediaType": FORMS[form]}
    if artifact_type:
        document["artifactType"] = artifact_type
    document["manifests"] = [dict(each) for each in listed]
    if annotations:
        document["annotations"] = dict(annotations)
    return _checked(document)


def having(index: Manifest, more: Iterable[Entry]) -> Manifest:
    """The index with more entries; one for a platform that is there takes the place of the old one and its attestations."""
    listed = [*entries(index)]
    for new in more:
        old = next((each for each in listed if _is_replaced(each, new)), None)
        if old is None:
            listed.append(new)
            continue
        at = listed.index(old)
        listed[at] = new
        if old["digest"] != new["digest"]:
            listed = [each for each in listed if _attested(each) != old["digest"]]
    return _with(index, listed)


def keeping(index: Manifest, is_kept: Chooses) -> Manifest:
    """The index with some of its entries, and what attests these."""
    described = list(zip(entries(index), index.manifests, strict=True))
    kept = {str(each.digest) for _, each in described if is_kept(each) and ATTESTED not in each.annotations}
    return _with(
        index,
        [raw for raw, each in described if str(each.digest) in kept or each.annotations.get(ATTESTED) in kept],
    )


def annotated(index: Manifest, changes: Mapping[str, str | None], chosen: Chooses | None = None) -> Manifest:
    """The index with annotations set, or taken away (None): its own, or those of the entries that are chosen."""
    if chosen is None:
        return _changed(index, _annotated(index.document, changes))
    described = zip(entries(index), index.manifests, strict=True)
    return _with(index, [_annotated(raw, changes) if chosen(each) else raw for raw, each in described])


def choosing(index: Manifest, words: Iterable[str]) -> Chooses:
    """Whether an entry is one of those named, by platform or digest. Raises NotFound for a word that names none."""
    wishes = [Digest.find(word) or Platform.parse(word) for word in words]
    for wish in wishes:
        if not any(_fits(each, wish) for each in index.manifests):
            raise NotFound(f"the index {index.digest} has no {wish}", advice=f"its platforms: {index.choices}")
    return lambda each: any(_fits(each, wish) for wish in wishes)


def _fits(each: Descriptor, wish: Digest | Platform) -> bool:
    if isinstance(wish, Digest):
        return each.digest == wish
    return each.platform is not None and each.platform.satisfies(wish)


def _is_replaced(old: Entry, new: Entry) -> bool:
    """Whether a new entry stands for the same as an old one: the same content, or another image for the same platform."""
    before, after = Descriptor.from_json(old), Descriptor.from_json(new)
    if before.digest == after.digest:
        return True
    if before.platform is None or after.platform is None or ATTESTED in {**before.annotations, **after.annotations}:
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
    if new.media_type != media.DOCKER_LIST:
        return new
    known = before.document if before else {}
    if any(document.get(key) != known.get(key) for key in ("annotations", "artifactType")) or any(
        each.get("annotations") and each not in known.get("manifests", ()) for each in document["manifests"]
    ):
        raise Unsupported("Docker's manifest lists have no annotations and no type", advice="make it an OCI index")
    return new
