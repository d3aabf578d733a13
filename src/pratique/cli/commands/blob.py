"""Read, put or delete blobs, byte for byte."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

from ...errors import InvalidInput
from ...http.message import Stream
from ...spec.digest import Digest
from ...spec.reference import Reference
from ...stores.files import replacing
from .. import options
from ..connect import connected
from ..output import Output
from .manifest import print_descriptor

EXAMPLES = """examples:
  pratique blob get ghcr.io/org/app@sha256:… -o layer.tar.gz
  pratique blob get ghcr.io/org/app@sha256:… | tar tz
  pratique blob head ghcr.io/org/app@sha256:…
  pratique blob put localhost:5000/app layer.tar.gz
  pratique blob delete localhost:5000/app@sha256:…"""

BUFFER_BYTES: Final = 1 << 20
OCTETS: Final = "application/octet-stream"


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
    reference, digest = _named(arguments.reference)
    if output.as_json and not arguments.output:
        raise InvalidInput(
            "a blob on standard output leaves no room for --json", advice="write it to a file with --output"
        )
    with connected(arguments, output, [reference.registry]) as registries:
        blob = registries.repository(reference).blob(digest)
        with blob.open() as stream, destination(arguments.output) as file:
            _copy(stream, file)
    if arguments.output:
        print_descriptor(output, reference, blob.descriptor)


def run_head(arguments: argparse.Namespace, output: Output) -> None:
    reference, digest = _named(arguments.reference)
    with connected(arguments, output, [reference.registry]) as registries:
        print_descriptor(output, reference, registries.repository(reference).blob(digest).descriptor)


def run_put(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.repository(arguments.repository)
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.repository(reference).push_blob(Path(arguments.file), media_type=arguments.media_type)
    print_descriptor(output, reference.at(found.digest), found)


def run_delete(arguments: argparse.Namespace, output: Output) -> None:
    reference, digest = _named(arguments.reference)
    with connected(arguments, output, [reference.registry]) as registries:
        registries.repository(reference).delete_blob(digest)
    if output.as_json:
        output.document({"deleted": str(reference)})
    else:
        output.line(str(reference))


def _named(text: str) -> tuple[Reference, Digest]:
    reference = options.reference(text)
    if reference.digest is None:
        raise InvalidInput(f"{text!r} names no blob", advice="a blob is named by REPO@DIGEST")
    return reference, reference.digest


def _copy(stream: Stream, file: BinaryIO) -> None:
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while count := stream.readinto(buffer):
        file.write(buffer[:count])


@contextmanager
def destination(path: str | None) -> Iterator[BinaryIO]:
    """Standard output, or a file that takes its place only when it is complete; a device or a pipe is written to as it is."""
    if path is None:
        yield sys.stdout.buffer
        return
    with ExitStack() as stack:
        try:
            place = Path(path)
            is_special = place.exists() and not place.is_file()
            file = stack.enter_context(place.open("wb") if is_special else replacing(place))
        except OSError as error:
            raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
        yield file
