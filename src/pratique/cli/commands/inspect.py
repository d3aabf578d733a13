"""Show what an image or artifact is: digest, size, platforms, labels and more, without pulling its layers."""

from __future__ import annotations

import argparse
from typing import Any

from ...stores.inspection import Image, Inspection, labels
from ...stores.locations import Location
from .. import options
from ..output import Output, moment, size
from ..several import read_each

EXAMPLES = """examples:
  pratique inspect docker.io/library/debian:12
  pratique inspect --platform linux/arm64 ghcr.io/org/app:1.2
  pratique inspect --json ghcr.io/org/app@sha256:…
  pratique inspect oci:backup:1.2"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("references", metavar="REF", nargs="+", help=options.PLACES)
    parser.add_argument("--platform", type=options.platform, help="only the image for this platform of an index")
    options.add_short_names(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    return read_each(
        arguments,
        output,
        lambda store, place: store.inspect(place.name, platform=arguments.platform),
        _document,
        lambda place, found: _print(output, place, found),
    )


def _document(place: Location, found: Inspection) -> dict[str, Any]:
    manifest = found.manifest
    return {
        "reference": str(place),
        "digest": str(found.digest),
        "media_type": manifest.media_type,
        "artifact_type": manifest.artifact_type or None,
        "size": found.size,
        "created": found.created.isoformat() if found.created else None,
        "subject": manifest.subject.to_json() if manifest.subject else None,
        "annotations": dict(manifest.annotations),
        "images": [_image_document(image) for image in found.images],
    }


def _image_document(image: Image) -> dict[str, Any]:
    return {
        "digest": str(image.descriptor.digest),
        "platform": str(image.platform) if image.platform else None,
        "size": image.size,
        "created": image.created.isoformat() if image.created else None,
        "layers": [layer.to_json() for layer in image.layers],
        "annotations": dict(image.descriptor.annotations),
        "config": image.config.get("config") or {},
    }


def _print(output: Output, place: Location, found: Inspection) -> None:
    manifest = found.manifest
    facts = [
        ("Reference", str(place)),
        ("Digest", str(found.digest)),
        ("Media type", manifest.media_type),
        ("Artifact type", manifest.artifact_type if not found.images or not found.images[0].config else ""),
        ("Created", moment(found.created) if found.created else ""),
        ("Size", size(found.size)),
        ("Subject", str(manifest.subject.digest) if manifest.subject else ""),
        *((f"  {key}", value) for key, value in _notes(found).items()),
    ]
    width = max(len(name) for name, value in facts if value)
    for name, value in facts:
        if value:
            output.line(f"{name.ljust(width)}  {value}")
    rows = [
        (str(image.platform or "-"), str(image.descriptor.digest)[:19], str(len(image.layers)), size(image.size))
        for image in found.images
    ]
    output.table(("PLATFORM", "DIGEST", "LAYERS", "SIZE"), rows)


def _notes(found: Inspection) -> dict[str, str]:
    """Annotations, and the labels that all images share."""
    shared = [set(labels(image.config).items()) for image in found.images]
    return (
        dict(sorted(set.intersection(*shared))) | dict(found.manifest.annotations)
        if shared
        else dict(found.manifest.annotations)
    )
