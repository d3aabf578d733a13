"""Edit the config or the manifest of an image by $VISUAL or $EDITOR, and push what comes of it."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from ...client.images.changes import rewrite
from ...client.images.surgery import revise
from ...errors import InvalidInput
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
    with _editor("config") as edited:
        alteration.altered(arguments, output, rewrite(edited))


def run_manifest(arguments: argparse.Namespace, output: Output) -> None:
    with _editor("manifest") as edited:
        alteration.made(arguments, output, partial(revise, change=edited))


@contextmanager
def _editor(what: str) -> Iterator[Callable[[bytes], bytes]]:
    """What edits a document in an editor. Where what was typed cannot be used it is kept, and the error says where."""
    folder = Path(tempfile.mkdtemp(prefix="pratique-"))
    typed: list[Path] = []

    def edit(raw: bytes) -> bytes:
        path = folder / f"{what}-{len(list(folder.iterdir())) + 1}.json"
        shown = _readable(raw)
        path.write_bytes(shown)
        found = _typed(path)
        if _is_same(found, shown):
            return raw
        typed.append(path)
        return found if raw.endswith(b"\n") else found.rstrip(b"\n")  # which editors add

    try:
        yield edit
    except Exception as error:
        if typed:
            error.add_note(f"what was typed is kept in {', '.join(map(str, typed))}")
        else:
            shutil.rmtree(folder)
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)


def _typed(path: Path) -> bytes:
    """What a file is after it was edited. Raises InvalidInput where there is no editor, it fails, or it leaves no file."""
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise InvalidInput("there is no editor", advice="set EDITOR to the command that opens a file")
    try:
        ended = subprocess.run([*shlex.split(editor), str(path)], check=False).returncode  # noqa: S603  (whose editor it is, runs it)
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the editor {editor!r} cannot be run: {error}") from None
    if ended:
        raise InvalidInput(f"the editor {editor!r} ended with {ended}", advice="nothing was pushed")
    try:
        return path.read_bytes()
    except OSError:
        raise InvalidInput(f"the editor {editor!r} left no file", advice="nothing was pushed") from None


def _readable(raw: bytes) -> bytes:
    """A document in lines; many are written as one."""
    if b"\n" in raw.strip():
        return raw
    return json.dumps(json.loads(raw), indent=2, ensure_ascii=False).encode()


def _is_same(one: bytes, other: bytes) -> bool:
    try:
        return bool(json.loads(one) == json.loads(other))
    except ValueError:
        return False
