"""Push files as an artifact, and pull the files of one."""

from __future__ import annotations

import argparse
from typing import Any

from ...client.artifacts import push_artifact
from ...client.parts import STANDARD_INPUT, PushedFile
from ...client.pulling import Pulled, pull_artifact
from ...errors import InvalidInput
from ...stores.locations import Location
from ...values import replace
from .. import options, trace
from ..connect import connected
from ..made import add_making, add_moving, named, pairs, report
from ..output import Output
from ..progress import shown

EXAMPLES = """examples:
  pratique artifact push localhost:5000/docs:1.0 README.md:text/markdown manual
  pratique artifact push --artifact-type application/vnd.example.report localhost:5000/report:1.0 report.json
  pratique artifact push --name sbom.json localhost:5000/sbom:1.0 -- -:application/spdx+json
  pratique artifact pull localhost:5000/docs:1.0 -o docs
  pratique artifact pull --existing keep oci:backup:1.0"""

EXISTING = ("replace", "keep", "refuse")


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    push = options.leaf(verbs, "push", "make an artifact of files and folders", run_push)
    push.add_argument("reference", metavar="REF", help="REPO[:TAG], oci:PATH[:NAME] or oci-archive:PATH[:NAME]")
    add_files(push)
    add_content(push, "the type of the artifact")
    add_making(push)
    pull = options.leaf(verbs, "pull", "put the files of an artifact into a folder", run_pull)
    pull.add_argument("reference", metavar="REF", help="REPO[:TAG|@DIGEST], oci:PATH[:NAME] or oci-archive:PATH[:NAME]")
    pull.add_argument("--output", "-o", metavar="FOLDER", default=".", help="where to put them (default: here)")
    pull.add_argument("--platform", metavar="OS/ARCH", type=options.platform, help="of an index: this one's artifact")
    pull.add_argument(
        "--existing", choices=EXISTING, default="replace", help="what becomes of old files (default replace)"
    )
    pull.add_argument("--no-unpack", action="store_true", help="leave packed folders packed")
    pull.add_argument("--dry-run", action="store_true", help="pull nothing; say what would be")
    add_moving(pull)


def add_files(parser: argparse.ArgumentParser) -> None:
    """The files that an artifact is made of."""
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="FILE[:MEDIATYPE]; a folder is packed; - is standard input"
    )


def add_content(parser: argparse.ArgumentParser, type_help: str, *, required: bool = False) -> None:
    """What else an artifact is made of."""
    parser.add_argument("--artifact-type", metavar="TYPE", default="", required=required, help=type_help)
    parser.add_argument("--config", metavar="FILE", help="FILE[:MEDIATYPE]: its config, in place of an empty one")
    parser.add_argument(
        "--annotation", metavar="KEY=VALUE", action="append", default=[], help="of the manifest; may be repeated"
    )
    parser.add_argument(
        "--file-annotation",
        metavar="FILE=KEY=VALUE",
        action="append",
        default=[],
        help="of one of the files; may be repeated",
    )
    parser.add_argument("--name", metavar="NAME", help="what standard input is called")


def content(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords of the library for what the options say. Raises InvalidInput."""
    files = [_named(PushedFile.parse(word), arguments.name) for word in arguments.files]
    return {
        "files": _annotated(files, arguments.file_annotation),
        "artifact_type": arguments.artifact_type,
        "config": arguments.config,
        "annotations": pairs(arguments.annotation, "--annotation"),
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
    }


def run_push(arguments: argparse.Namespace, output: Output) -> None:
    target, made = Location.parse(arguments.reference), content(arguments)
    with (
        shown(arguments.progress, output, trace.observer(output)) as tell,
        connected(arguments, output, named(target), tell=tell) as registries,
    ):
        result = push_artifact(target, tags=arguments.tag, registries=registries, **made)
    report(arguments, output, target, result)


def run_pull(arguments: argparse.Namespace, output: Output) -> None:
    source = Location.parse(arguments.reference)
    with (
        shown(arguments.progress, output, trace.observer(output)) as tell,
        connected(arguments, output, named(source), tell=tell) as registries,
    ):
        pulled = pull_artifact(
            source,
            arguments.output,
            platform=arguments.platform,
            existing=arguments.existing,
            unpack=not arguments.no_unpack,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    _show(output, pulled)


def _named(file: PushedFile, name: str | None) -> PushedFile:
    return replace(file, title=name) if name and file.path == STANDARD_INPUT else file


def _annotated(files: list[PushedFile], words: list[str]) -> list[PushedFile]:
    """The files with their annotations, `FILE=KEY=VALUE`. Raises InvalidInput for those of no file."""
    own: list[list[str]] = [[] for _ in files]
    prefixes = {f"{name}=": mine for file, mine in zip(files, own, strict=True) for name in (file.path, file.name)}
    for word in words:
        prefix = max((prefix for prefix in prefixes if word.startswith(prefix)), key=len, default=None)
        if prefix is None:
            raise InvalidInput(f"--file-annotation wants FILE=KEY=VALUE of a file that is pushed, not {word!r}")
        prefixes[prefix].append(word.removeprefix(prefix))
    return [replace(file, annotations=pairs(mine, "--file-annotation")) for file, mine in zip(files, own, strict=True)]


def _show(output: Output, pulled: Pulled) -> None:
    if output.as_json:
        files = [
            {"path": str(file.path), "outcome": file.outcome, **file.descriptor.to_json()} for file in pulled.files
        ]
        output.document({"digest": str(pulled.manifest.digest), "files": files})
        return
    for file in pulled.files:
        output.line(str(file.path) if file.outcome == "pulled" else f"{file.path} ({_WORDS[file.outcome]})")


_WORDS = {"kept": "kept as it was", "present": "there already", "planned": "would be pulled"}
