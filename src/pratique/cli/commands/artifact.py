"""Push files as an artifact, and pull the files of one."""

from __future__ import annotations

import argparse
from typing import Any

from ...client.artifacts.landing import EXISTING
from ...client.artifacts.making import push_artifact
from ...client.artifacts.parts import STANDARD_INPUT, PushedFile
from ...client.artifacts.pulling import Pulled, PulledFile, pull_artifact
from ...errors import InvalidInput
from ...stores.locations import Location
from ...values import replace
from .. import options
from ..made import add_making, add_moving, moving, pairs, report
from ..output import Output

EXAMPLES = """examples:
  pratique artifact push localhost:5000/docs:1.0 README.md:text/markdown manual
  pratique artifact push --artifact-type application/vnd.example.report localhost:5000/report:1.0 report.json
  pratique artifact push --name sbom.json:application/spdx+json localhost:5000/sbom:1.0 -
  pratique artifact push --artifact-platform linux/arm64 --annotation-file annotations.json oci:tools:arm64 tool
  pratique artifact push --artifact-type application/vnd.example.mark --annotation good=yes localhost:5000/mark:1
  pratique artifact pull localhost:5000/docs:1.0 -o docs
  pratique artifact pull --file README.md --config config.json localhost:5000/docs:1.0
  pratique artifact pull --attached application/spdx+json --platform linux/amd64 localhost:5000/app:1.0
  pratique artifact pull --existing keep oci:backup:1.0"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    push = options.leaf(verbs, "push", "make an artifact of files and folders", run_push)
    push.add_argument("reference", metavar="REF", help="REPO[:TAG], oci:PATH[:NAME] or oci-archive:PATH[:NAME]")
    add_files(push)
    add_content(push, "the type of the artifact")
    push.add_argument(
        "--artifact-platform", metavar="OS/ARCH", type=options.platform, help="make a config that names this platform"
    )
    add_making(push)
    pull = options.leaf(verbs, "pull", "put the files of an artifact into a folder", run_pull)
    pull.add_argument("reference", metavar="REF", help="REPO[:TAG|@DIGEST], oci:PATH[:NAME] or oci-archive:PATH[:NAME]")
    pull.add_argument("--output", "-o", metavar="FOLDER", default=".", help="where to put them (default: here)")
    pull.add_argument(
        "--file", metavar="TITLE", action="append", default=[], help="only the file of this title; may be repeated"
    )
    pull.add_argument("--config", metavar="FILE", help="where to put the config")
    pull.add_argument("--attached", metavar="TYPE", default="", help="not REF, but what of this type refers to it")
    options.add_platform(pull, "of an index: this one's artifact")
    pull.add_argument(
        "--existing", choices=EXISTING, default="replace", help="what becomes of old files (default replace)"
    )
    pull.add_argument("--no-unpack", action="store_true", help="leave packed folders packed")
    pull.add_argument("--dry-run", action="store_true", help="pull nothing; say what would be")
    add_moving(pull)


def add_files(parser: argparse.ArgumentParser) -> None:
    """The files that an artifact is made of."""
    parser.add_argument(
        "files", metavar="FILE", nargs="*", help="FILE[:MEDIATYPE]; a folder is packed; - is standard input"
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
    parser.add_argument(
        "--config-annotation",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="of the config's descriptor; may be repeated",
    )
    parser.add_argument(
        "--annotation-file", metavar="FILE", help="JSON: those of $manifest, of $config, and of each FILE"
    )
    parser.add_argument("--name", metavar="NAME", help="NAME[:MEDIATYPE]: what standard input is called")


def content(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keywords of the library for what the options say. Raises InvalidInput."""
    files = _named([PushedFile.parse(word) for word in arguments.files], arguments.name)
    return {
        "files": _annotated(files, arguments.file_annotation),
        "artifact_type": arguments.artifact_type,
        "config": arguments.config,
        "annotations": pairs(arguments.annotation, "--annotation"),
        "config_annotations": pairs(arguments.config_annotation, "--config-annotation"),
        "annotation_file": arguments.annotation_file,
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
    }


def run_push(arguments: argparse.Namespace, output: Output) -> None:
    target, made = Location.parse(arguments.reference), content(arguments)
    with moving(arguments, output, target) as registries:
        result = push_artifact(
            target, artifact_platform=arguments.artifact_platform, tags=arguments.tag, registries=registries, **made
        )
    report(arguments, output, target, result)


def run_pull(arguments: argparse.Namespace, output: Output) -> None:
    source = Location.parse(arguments.reference)
    if arguments.output == STANDARD_INPUT:
        raise InvalidInput(
            "--output is a folder, and files are not printed",
            advice="`blob get REF@DIGEST` prints one; ./- is a folder",
        )
    with moving(arguments, output, source) as registries:
        pulled = pull_artifact(
            source,
            arguments.output,
            attached=arguments.attached,
            titles=arguments.file,
            config=arguments.config,
            platform=arguments.platform,
            existing=arguments.existing,
            unpack=not arguments.no_unpack,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    _show(output, source, pulled)


def _named(files: list[PushedFile], name: str | None) -> list[PushedFile]:
    """The files, of which standard input has this name and perhaps its type. Raises InvalidInput where it is not among them."""
    if name is None:
        return files
    if all(file.path != STANDARD_INPUT for file in files):
        raise InvalidInput("--name is that of standard input, which is not pushed", advice="it is the FILE -")
    said = PushedFile.parse(name)
    return [
        replace(file, title=said.path, media_type=file.media_type or said.media_type)
        if file.path == STANDARD_INPUT
        else file
        for file in files
    ]


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


def _show(output: Output, source: Location, pulled: Pulled) -> None:
    files = [*pulled.files, *([pulled.config] if pulled.config else [])]
    if output.as_json:
        document: dict[str, Any] = {
            "digest": str(pulled.manifest.digest),
            "files": [_document(file) for file in pulled.files],
            "config": _document(pulled.config) if pulled.config else None,
            "untitled": [each.to_json() for each in pulled.untitled],
        }
        output.document(document)
        return
    for file in files:
        output.line(str(file.path) if file.outcome == "pulled" else f"{file.path} ({_WORDS[file.outcome]})")
    if not files:
        output.note(f"{source} has no files")
    if pulled.untitled:
        digests = ", ".join(str(each.digest) for each in pulled.untitled)
        output.warn(f"not pulled, for want of a title: {digests}; `pratique blob get` reads each")


def _document(file: PulledFile) -> dict[str, Any]:
    return {"path": str(file.path), "outcome": file.outcome, **file.descriptor.to_json()}


_WORDS = {"kept": "kept as it was", "present": "there already", "planned": "would be pulled"}
