"""Forget a credential that is stored in Docker's config.json."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from ...config import docker, pins
from ...errors import NotFound
from ...spec.reference import parse_registry
from .. import options
from ..output import Output

EXAMPLES = """examples:
  pratique logout registry.example.com
  pratique logout registry.example.com/team"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="HOST[/NAMESPACE]", help="what the credential is for")
    parser.add_argument("--authfile", metavar="FILE", default=argparse.SUPPRESS, help="another file than Docker's own")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    host, slash, namespace = arguments.registry.removeprefix("docker://").partition("/")
    registry = parse_registry(host)
    path = Path(arguments.authfile) if arguments.authfile else docker.default_path(os.environ)
    if not docker.DockerConfig(path, explicit=True).erase(f"{registry}{slash}{namespace}"):
        raise NotFound(f"{path} has no credential for {arguments.registry}")
    if not namespace:
        pins.Pins(pins.default_path(os.environ)).note(registry, None)
    if output.as_json:
        output.document({"registry": registry, "removed": str(path)})
    else:
        output.line(f"removed from {path}")
