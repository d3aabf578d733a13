"""Edit the config or the manifest of an image by $VISUAL or $EDITOR, and push what comes of it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import tempfile
from functools import partial
from pathlib import Path

from ...client.changes import configure as change
from ...client.surgery import revise
from ...errors import InvalidInput
from ...image.image import Image
from ...spec.document import parse_object
from ...values import replace
from .. import alteration
from ..output import Output

EXAMPLES = """examples:
  pratique edit config --platform linux/amd64 --tag 1.1 localhost:5000/app:1.0
  EDITOR=nano pratique edit manifest --tag 1.1 localhost:5000/app:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    config = verbs.add_parser("config", help="edit the config", description="edit the config of each image")
    alteration.add_image(config)
    alteration.add_altering(config)
    config.set_defaults(run=run_config)
    manifest = verbs.add_parser("manifest", help="edit the manifest", description="edit the manifest or index itself")
    alteration.add_image(manifest)
    alteration.add_target(manifest)
    manifest.set_defaults(run=run_manifest)


def run_config(arguments: argparse.Namespace, output: Output) -> None:
    alteration.altered(arguments, output, change([_config]))


def run_manifest(arguments: argparse.Namespace, output: Output) -> None:
    alteration.made(arguments, output, partial(revise, change=_edited))


def _config(image: Image) -> Image:
    config = parse_object(_edited(json.dumps(image.config, indent=2, ensure_ascii=False).encode()), "the config")
    if config.get("rootfs") != image.config.get("rootfs"):
        raise InvalidInput(
            "the diff ids of the config are those of the layers", advice="`layer` and `append` change both together"
        )
    return replace(image, config=config)


def _edited(raw: bytes) -> bytes:
    """What an editor makes of some text. Raises InvalidInput where there is no editor, or it fails."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InvalidInput("there is no editor", advice="set EDITOR to the command that opens a file")
    with tempfile.TemporaryDirectory(prefix="pratique-") as folder:
        path = Path(folder) / "document.json"
        path.write_bytes(raw)
        try:
            ended = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode  # noqa: S603  (whose editor it is, runs it)
        except OSError as error:
            raise InvalidInput(f"the editor {editor!r} cannot be run: {error.strerror}") from None
        if ended:
            raise InvalidInput(f"the editor {editor!r} ended with {ended}", advice="nothing was pushed")
        return path.read_bytes()
