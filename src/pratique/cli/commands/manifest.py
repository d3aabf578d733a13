"""Read, put or delete manifests, byte for byte."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from pathlib import Path

from ...errors import InvalidInput
from ...spec.descriptor import Descriptor
from ...spec.digest import Digest
from ...spec.manifest import MOST_MANIFEST_BYTES
from ...spec.reference import Reference
from ...stores.locations import Location
from .. import options
from ..connect import connected, located, opened
from ..output import Output

EXAMPLES = """examples:
  pratique manifest get docker.io/library/debian:12
  pratique manifest get --platform linux/arm64 ghcr.io/org/app:1.2 > manifest.json
  pratique manifest head ghcr.io/org/app:1.2
  pratique manifest get oci:backup:1.2
  pratique manifest put localhost:5000/app:1.3 manifest.json
  pratique manifest delete localhost:5000/app@sha256:…"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = options.leaf(verbs, "get", "print a manifest as it is", run_get)
    get.add_argument("reference", metavar="REF")
    options.add_short_names(get)
    get.add_argument(
        "--platform", type=options.platform, help="the manifest of the image for this platform of an index"
    )
    head = options.leaf(verbs, "head", "print its media type, digest and size", run_head)
    head.add_argument("reference", metavar="REF")
    options.add_short_names(head)
    put = options.leaf(verbs, "put", "put a manifest as it is; what it needs was put before it", run_put)
    put.add_argument("reference", metavar="REF")
    put.add_argument("file", metavar="FILE", help="- is standard input")
    put.add_argument("--media-type", metavar="TYPE", default="", help="of a document that does not say its own")
    delete = options.leaf(verbs, "delete", "delete a manifest by its digest, under all its tags", run_delete)
    delete.add_argument("reference", metavar="REPO@DIGEST")


def run_get(arguments: argparse.Namespace, output: Output) -> None:
    place = located(arguments, output, arguments.reference)
    with opened(arguments, output, place) as store:
        found = store.manifest(place.name, platform=arguments.platform)
    if output.as_json:
        output.document({**descriptor_document(place, found.descriptor), "manifest": dict(found.document)})
    else:
        output.raw(found.raw)


def run_head(arguments: argparse.Namespace, output: Output) -> None:
    place = located(arguments, output, arguments.reference)
    with opened(arguments, output, place) as store:
        print_descriptor(output, place, store.resolve(place.name))


def run_put(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(arguments.reference)
    content = _content(arguments.file, arguments.max_manifest or MOST_MANIFEST_BYTES)
    if reference.digest is not None and Digest.of(content, reference.digest.algorithm) != reference.digest:
        raise InvalidInput(
            f"{arguments.file} is not {reference.digest}", advice="put it under a tag, or under its digest"
        )
    tags = [] if reference.digest else [reference.name]
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.repository(reference).push_manifest(content, *tags, media_type=arguments.media_type)
    print_descriptor(output, reference, found)


def run_delete(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(arguments.reference)
    if reference.digest is None:
        raise InvalidInput(
            f"{reference} is a tag, and a manifest is deleted by its digest",
            advice=f"pratique delete {reference} deletes the tag; pratique digest --full-ref {reference} says its digest",
        )
    with connected(arguments, output, [reference.registry]) as registries:
        registries.repository(reference).delete(reference.digest)
    if output.as_json:
        output.document({"deleted": f"{reference.place}@{reference.digest}"})
    else:
        output.line(f"{reference.place}@{reference.digest}")


def _content(path: str, most: int) -> bytes:
    with nullcontext(sys.stdin.buffer) if path == "-" else Path(path).open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise InvalidInput(
            f"{path} has more than {most} bytes, which is more than a manifest has", advice="--max-manifest"
        )
    return content


def descriptor_document(place: Location | Reference, descriptor: Descriptor) -> dict[str, object]:
    """A descriptor as JSON, and what it was found by."""
    return {"reference": str(place), **descriptor.to_json()}


def print_descriptor(output: Output, place: Location | Reference, descriptor: Descriptor) -> None:
    """A descriptor as lines, or as JSON."""
    if output.as_json:
        output.document(descriptor_document(place, descriptor))
        return
    for name, value in (
        ("Media type", descriptor.media_type),
        ("Digest", str(descriptor.digest)),
        ("Size", f"{descriptor.size} bytes"),
    ):
        output.line(f"{name:<10}  {value}")
