"""Read or delete manifests, byte for byte."""

from __future__ import annotations

import argparse

from ...errors import InvalidInput
from ...spec.descriptor import Descriptor
from ...spec.reference import Reference
from .. import options
from ..connect import connected, expanded
from ..output import Output

EXAMPLES = """examples:
  pratique manifest get docker.io/library/debian:12
  pratique manifest get --platform linux/arm64 ghcr.io/org/app:1.2 > manifest.json
  pratique manifest head ghcr.io/org/app:1.2
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
    delete = options.leaf(verbs, "delete", "delete a manifest by its digest, under all its tags", run_delete)
    delete.add_argument("reference", metavar="REPO@DIGEST")


def run_get(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(expanded(arguments, output, arguments.reference))
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.repository(reference).manifest(reference.name, platform=arguments.platform)
    if output.as_json:
        output.document({**descriptor_document(reference, found.descriptor), "manifest": dict(found.document)})
    else:
        output.raw(found.raw)


def run_head(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(expanded(arguments, output, arguments.reference))
    with connected(arguments, output, [reference.registry]) as registries:
        print_descriptor(output, reference, registries.repository(reference).resolve(reference.name))


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


def descriptor_document(reference: Reference, descriptor: Descriptor) -> dict[str, object]:
    """A descriptor as JSON, and what it was found by."""
    return {"reference": str(reference), **descriptor.to_json()}


def print_descriptor(output: Output, reference: Reference, descriptor: Descriptor) -> None:
    """A descriptor as lines, or as JSON."""
    if output.as_json:
        output.document(descriptor_document(reference, descriptor))
        return
    for name, value in (
        ("Media type", descriptor.media_type),
        ("Digest", str(descriptor.digest)),
        ("Size", f"{descriptor.size} bytes"),
    ):
        output.line(f"{name:<10}  {value}")
