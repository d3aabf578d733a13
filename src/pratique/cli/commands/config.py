"""Read the config of an image, byte for byte."""

from __future__ import annotations

import argparse
import json

from ...errors import NotFound
from ...spec.manifest import platforms
from ...stores.inspection import config_of
from .. import options, trace
from ..connect import connected
from ..output import Output
from ..routes import read
from ..shortnames import expanded
from .manifest import descriptor_document, selected

EXAMPLES = """examples:
  pratique config get docker.io/library/debian:12 --platform linux/amd64
  pratique config get --json ghcr.io/org/app:1.2"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    get = options.leaf(verbs, "get", "print the config as it is", run_get)
    get.add_argument("reference", metavar="REF")
    options.add_short_names(get)
    get.add_argument("--platform", type=options.platform, help="of the image for this platform of an index")


def run_get(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(expanded(arguments, output, arguments.reference))
    with connected(arguments, output, [reference.registry]) as session:
        source = read(arguments, session, reference, trace.observer(output))
        manifest = selected(source, reference, arguments.platform)
        if manifest.is_index:
            there = ", ".join(platforms(manifest.manifests)) or "none that it names"
            raise NotFound(
                f"{reference} is an index; its images have configs", advice=f"choose one by --platform: {there}"
            )
        raw = config_of(source, manifest)
    if raw is None or manifest.config is None:
        raise NotFound(f"{reference} has no config")
    if output.as_json:
        output.document({**descriptor_document(reference, manifest.config), "config": json.loads(raw)})
    else:
        output.raw(raw)
