"""Give the manifests of an image Docker's or OCI's types; config and layers stay, byte for byte."""

from __future__ import annotations

import argparse
from functools import partial

from ...client.copying import FORMS
from ...client.images.surgery import convert
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique convert --format oci --tag 1.0-oci localhost:5000/app:1.0
  pratique convert --format docker --to oci:docker:1.0 ghcr.io/org/app:1.0
  pratique convert --format oci --platform linux/amd64 --alone --tag 1.0-amd64 localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    alteration.add_image(parser)
    parser.add_argument("--format", choices=sorted(FORMS), required=True, help="whose types")
    alteration.add_altering(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    alteration.made(arguments, output, partial(convert, form=arguments.format, **alteration.narrowed(arguments)))
