"""Attach files to what is there: an artifact that refers to it, and is found by that."""

from __future__ import annotations

import argparse

from ...client.artifacts.making import attach
from ...stores.locations import Location
from .. import options
from ..made import add_making, moving, report
from ..output import Output
from .artifact import add_content, add_files, content

EXAMPLES = """examples:
  pratique attach --artifact-type application/spdx+json localhost:5000/app:1.0 sbom.json:application/spdx+json
  pratique attach --artifact-type example/signature --platform linux/amd64 localhost:5000/app:1.0 app.sig
  pratique attach --artifact-type example/verdict --annotation org.example.verdict=good oci:backup:1.0
  pratique attach --artifact-type example/scan --name scan.json:application/json localhost:5000/app:1.0 -"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="what to attach it to; oci:PATH[:NAME] as well")
    add_files(parser)
    add_content(parser, "the type of what is attached", required=True)
    options.add_platform(parser, "of an index: attach it to this one's image")
    add_making(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    subject, made = Location.parse(arguments.reference), content(arguments)
    with moving(arguments, output, subject) as registries:
        result = attach(subject, platform=arguments.platform, tags=arguments.tag, registries=registries, **made)
    report(arguments, output, subject, result)
