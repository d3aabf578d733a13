"""Check that all of an image, an index or an artifact is what its digests say, down to the files."""

from __future__ import annotations

import argparse

from ...client.images.checks import validate
from ...stores.locations import Location
from .. import options
from ..alteration import add_image
from ..connect import connected, named
from ..output import Output, counted, error_document

EXAMPLES = """examples:
  pratique validate localhost:5000/app:1.0
  pratique validate --fast ghcr.io/org/app:1.0
  pratique validate --json oci-archive:app.tar"""


def configure(parser: argparse.ArgumentParser) -> None:
    add_image(parser)
    options.add_platform(parser, "only this image of an index; otherwise all are read")
    parser.add_argument("--fast", action="store_true", help="read no layers; ask whether they are there")
    options.add_jobs(parser)
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> int:
    source = Location.parse(arguments.reference)
    with connected(arguments, output, named(source)) as registries:
        platform, fast = arguments.platform, arguments.fast
        found = list(validate(source, platform=platform, fast=fast, registries=registries, jobs=arguments.jobs))
    if output.as_json:
        problems = [{"digest": str(each.descriptor.digest), "error": error_document(each.error)} for each in found]
        output.document({"reference": str(source), "valid": not found, "problems": problems})
    else:
        for problem in found:
            output.line(str(problem))
        output.line(f"{source}: {counted(len(found), 'problem') if found else 'valid'}")
    codes = {problem.error.exit_code for problem in found}
    return codes.pop() if len(codes) == 1 else int(bool(codes))
