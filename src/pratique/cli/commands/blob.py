"""Read, put or delete blobs, byte for byte."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import BinaryIO, Final

from ...errors import InvalidInput
from ...http.message import Stream
from ...spec.digest import Digest
from ...spec.media import OCTETS
from ...stores.locations import Location
from .. import options
from ..connect import connected, opened
from ..destination import destination
from ..output import Output
from .manifest import print_descriptor

EXAMPLES = """examples:
  pratique blob get ghcr.io/org/app@sha256:… -o layer.tar.gz
  pratique blob get ghcr.io/org/app@sha256:… | tar tz
  pratique blob head ghcr.io/org/app@sha256:…
  pratique blob get oci:backup@sha256:…
  pratique blob put localhost:5000/app layer.tar.gz
  pratique blob delete localhost:5000/app@sha256:…"""

BUFFER_BYTES: Final = 1 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = options.leaf(verbs, "get", "print a blob as it is, verified", run_get)
    get.add_argument("reference", metavar="REPO@DIGEST")
    get.add_argument("--output", "-o", metavar="FILE", help="write it to a file, which appears when it is complete")
    head = options.leaf(verbs, "head", "print its size", run_head)
    head.add_argument("reference", metavar="REPO@DIGEST")
    put = options.leaf(verbs, "put", "put a file as a blob, and print its digest", run_put)
    put.add_argument("repository", metavar="REPO")
    put.add_argument("file", metavar="FILE")
    put.add_argument("--media-type", metavar="TYPE", default=OCTETS, help=f"what a manifest is to say of it ({OCTETS})")
    delete = options.leaf(verbs, "delete", "delete a blob, whatever may need it", run_delete)
    delete.add_argument("reference", metavar="REPO@DIGEST")


def run_get(arguments: argparse.Namespace, output: Output) -> None:
    place, digest = _located(arguments.reference)
    if output.as_json and not arguments.output:
        raise InvalidInput(
            "a blob on standard output leaves no room for --json", advice="write it to a file with --output"
        )
    with opened(arguments, output, place) as store:
        blob = store.blob(digest)
        with blob.open() as stream, destination(arguments.output) as file:
            _copy(stream, file)
    if arguments.output:
        print_descriptor(output, place, blob.descriptor)


def run_head(arguments: argparse.Namespace, output: Output) -> None:
    place, digest = _located(arguments.reference)
    with opened(arguments, output, place) as store:
        print_descriptor(output, place, store.blob(digest).descriptor)


def run_put(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.repository(arguments.repository)
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.repository(reference).push_blob(Path(arguments.file), media_type=arguments.media_type)
    print_descriptor(output, reference.at(found.digest), found)


def run_delete(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(arguments.reference)
    digest = _digest(reference.digest, arguments.reference)
    with connected(arguments, output, [reference.registry]) as registries:
        registries.repository(reference).delete_blob(digest)
    if output.as_json:
        output.document({"deleted": str(reference)})
    else:
        output.line(str(reference))


def _located(text: str) -> tuple[Location, Digest]:
    place = options.location(text)
    return place, _digest(Digest.find(place.name), text)


def _digest(found: Digest | None, text: str) -> Digest:
    if found is None:
        raise InvalidInput(
            f"{text!r} names no blob", advice="a blob is named by REPO@DIGEST, or by oci:PATH@DIGEST and the like"
        )
    return found


def _copy(stream: Stream, file: BinaryIO) -> None:
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while count := stream.readinto(buffer):
        file.write(buffer[:count])
