"""Make indexes of images, wherever these are, and change them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager

from ...client.indexes import Listed, add_to_index, change_index, create_index
from ...client.registries import Registries
from ...errors import InvalidInput
from ...image.index import FORMS
from ...stores.locations import Location
from .. import options, trace
from ..connect import connected
from ..made import add_making, named, pairs, report
from ..output import Output
from ..progress import shown

EXAMPLES = """examples:
  pratique index create localhost:5000/app:2.0 localhost:5000/app:amd64 localhost:5000/app:arm64
  pratique index create --format docker localhost:5000/app:2.0 linux/arm64=oci:built:arm64 localhost:5000/app:amd64
  pratique index add localhost:5000/app:2.0 oci:built:riscv64
  pratique index remove localhost:5000/app:2.0 linux/riscv64
  pratique index filter localhost:5000/app:2.0 linux/amd64 linux/arm64 --tag 2.0-small
  pratique index annotate localhost:5000/app:2.0 --annotation org.example.team=harbour --remove org.example.old"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    create = options.leaf(verbs, "create", "make an index", run_create)
    create.add_argument("reference", metavar="REF", help="what to call it; oci:PATH[:NAME] and archives as well")
    _add_listed(create)
    create.add_argument("--format", choices=[*FORMS], default="oci", help="the form of the index (default oci)")
    create.add_argument("--annotation", metavar="KEY=VALUE", action="append", default=[], help="of the index")
    create.add_argument("--artifact-type", metavar="TYPE", default="", help="the type of the index")
    add = options.leaf(verbs, "add", "list more in an index", run_add)
    add.add_argument("reference", metavar="REF", help="the index")
    _add_listed(add)
    for name, summary, run in (
        ("remove", "take entries out of an index", run_remove),
        ("filter", "keep some entries of an index only", run_filter),
    ):
        verb = options.leaf(verbs, name, summary, run)
        verb.add_argument("reference", metavar="REF", help="the index")
        verb.add_argument("entries", metavar="ENTRY", nargs="+", help="a platform (OS/ARCH) or a digest")
        add_making(verb)
    annotate = options.leaf(verbs, "annotate", "set annotations of an index, or of its entries", run_annotate)
    annotate.add_argument("reference", metavar="REF", help="the index")
    annotate.add_argument(
        "--annotation", metavar="KEY=VALUE", action="append", default=[], help="what to set; may be repeated"
    )
    annotate.add_argument("--remove", metavar="KEY", action="append", default=[], help="an annotation to take away")
    annotate.add_argument(
        "--entry", metavar="ENTRY", action="append", default=[], help="a platform or digest: of this entry"
    )
    add_making(annotate)


def run_create(arguments: argparse.Namespace, output: Output) -> None:
    target, listed = Location.parse(arguments.reference), _listed(arguments)
    with _registries(arguments, output, target, *(each.place for each in listed)) as registries:
        result = create_index(
            target,
            listed,
            form=arguments.format,
            annotations=pairs(arguments.annotation, "--annotation"),
            entry_annotations=pairs(arguments.entry_annotation, "--entry-annotation"),
            artifact_type=arguments.artifact_type,
            nested=arguments.nested,
            tags=arguments.tag,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    report(arguments, output, target, result)


def run_add(arguments: argparse.Namespace, output: Output) -> None:
    target, listed = Location.parse(arguments.reference), _listed(arguments)
    with _registries(arguments, output, target, *(each.place for each in listed)) as registries:
        result = add_to_index(
            target,
            listed,
            entry_annotations=pairs(arguments.entry_annotation, "--entry-annotation"),
            nested=arguments.nested,
            tags=arguments.tag,
            registries=registries,
            dry_run=arguments.dry_run,
            jobs=arguments.jobs,
        )
    report(arguments, output, target, result)


def run_remove(arguments: argparse.Namespace, output: Output) -> None:
    _change(arguments, output, remove=arguments.entries)


def run_filter(arguments: argparse.Namespace, output: Output) -> None:
    _change(arguments, output, keep=arguments.entries)


def run_annotate(arguments: argparse.Namespace, output: Output) -> None:
    changes: dict[str, str | None] = {**dict.fromkeys(arguments.remove), **pairs(arguments.annotation, "--annotation")}
    if not changes:
        raise InvalidInput("nothing is to be annotated", advice="by --annotation KEY=VALUE, or --remove KEY")
    _change(arguments, output, annotations=changes, entries=arguments.entry)


def _change(arguments: argparse.Namespace, output: Output, **changes: object) -> None:
    target = Location.parse(arguments.reference)
    how = {"tags": arguments.tag, "dry_run": arguments.dry_run, "jobs": arguments.jobs}
    with _registries(arguments, output, target) as registries:
        result = change_index(target, registries=registries, **how, **changes)  # type: ignore[arg-type]
    report(arguments, output, target, result)


def _add_listed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "listed", metavar="SRC", nargs="+", help="[OS/ARCH=]REF, oci:PATH[:NAME], …: an image, or an index of some"
    )
    parser.add_argument(
        "--entry-annotation", metavar="KEY=VALUE", action="append", default=[], help="of each entry that is listed"
    )
    parser.add_argument("--nested", action="store_true", help="list an index itself, not what it lists")
    add_making(parser)


def _listed(arguments: argparse.Namespace) -> list[Listed]:
    return [Listed.parse(word) for word in arguments.listed]


@contextmanager
def _registries(arguments: argparse.Namespace, output: Output, *places: Location) -> Iterator[Registries]:
    with (
        shown(arguments.progress, output, trace.observer(output)) as tell,
        connected(arguments, output, named(*places), tell=tell) as registries,
    ):
        yield registries
