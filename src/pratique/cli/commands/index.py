"""Make indexes of images, wherever these are, and change them."""

from __future__ import annotations

import argparse
from typing import Any

from ...client.images.indexes import Listing, add_to_index, change_index, create_index
from ...client.images.listed import Listed
from ...client.registries import Registries
from ...errors import InvalidInput
from ...image.index import FORMS, Noted, Typed, Wish
from ...stores.locations import Location
from ...values import replace
from .. import options
from ..made import add_making, moving, pairs, report
from ..output import Output

EXAMPLES = """examples:
  pratique index create localhost:5000/app:2.0 localhost:5000/app:amd64 localhost:5000/app:arm64
  pratique index create --format docker localhost:5000/app:2.0 linux/arm64=oci:built:arm64 localhost:5000/app:amd64
  pratique index add localhost:5000/app:2.0 oci:built:riscv64
  pratique index remove localhost:5000/app:2.0 linux/riscv64
  pratique index filter localhost:5000/app:2.0 linux/amd64 linux/arm64 --tag 2.0-small
  pratique index filter localhost:5000/app:2.0 linux --to oci-archive:app.tar:2.0
  pratique index annotate localhost:5000/app:2.0 --annotation org.example.team=harbour --remove org.example.old
  pratique index annotate localhost:5000/app:2.0 --entry windows --platform windows/amd64:10.0.20348 --os-feature win32k"""


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    create = options.leaf(verbs, "create", "make an index", run_create)
    create.add_argument("reference", metavar="REF", help="what to call it; oci:PATH[:NAME] and archives as well")
    _add_listed(create)
    create.add_argument("--format", choices=[*FORMS], default="oci", help="the form of the index (default oci)")
    create.add_argument("--annotation", metavar="KEY=VALUE", action="append", default=[], help="of the index")
    create.add_argument("--artifact-type", metavar="TYPE", default="", help="the type of the index")
    create.add_argument("--subject", metavar="REF", help="what the index refers to")
    add = options.leaf(verbs, "add", "list more in an index", run_add)
    add.add_argument("reference", metavar="REF", help="the index")
    _add_listed(add)
    _add_target(add)
    _add_choosing(options.leaf(verbs, "remove", "take entries out of an index", run_remove))
    _add_choosing(options.leaf(verbs, "filter", "keep some entries of an index only", run_filter))
    _add_annotating(options.leaf(verbs, "annotate", "set annotations of an index, or of its entries", run_annotate))


def _add_listed(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "listed", metavar="SRC", nargs="+", help="[OS/ARCH=]REF, oci:PATH[:NAME], …: an image, or an index of some"
    )
    parser.add_argument(
        "--entry-annotation", metavar="KEY=VALUE", action="append", default=[], help="of each entry that is listed"
    )
    parser.add_argument("--nested", action="store_true", help="list an index itself, not what it lists")
    _add_putting(parser)


def _add_choosing(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="the index")
    parser.add_argument("entries", metavar="ENTRY", nargs="*", help="a platform (OS/ARCH), an OS, or a digest")
    parser.add_argument(
        "--artifact-type", metavar="TYPE", action="append", default=[], help="entries of this type; may be repeated"
    )
    parser.add_argument(
        "--annotation", metavar="KEY[=VALUE]", action="append", default=[], help="entries with it; may be repeated"
    )
    _add_target(parser)
    _add_putting(parser)


def _add_annotating(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("reference", metavar="REF", help="the index")
    parser.add_argument(
        "--annotation", metavar="KEY=VALUE", action="append", default=[], help="what to set; may be repeated"
    )
    parser.add_argument("--remove", metavar="KEY", action="append", default=[], help="an annotation to take away")
    parser.add_argument(
        "--entry", metavar="ENTRY", action="append", default=[], help="a platform, an OS or a digest: of this entry"
    )
    options.add_platform(parser, "what the entry is for: OS/ARCH[/VARIANT][:VERSION]")
    parser.add_argument(
        "--os-feature", metavar="NAME", action="append", default=[], help="and what it needs of the OS; may be repeated"
    )
    _add_target(parser)
    _add_putting(parser)


def _add_target(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--to", metavar="DST", help="where the new index goes (default: where it is); any store")


def _add_putting(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--referrers", action="store_true", help="copy what refers to what is listed as well")
    parser.add_argument("--digest-tags", action="store_true", help="copy tags named after what is listed as well")
    add_making(parser)


def run_create(arguments: argparse.Namespace, output: Output) -> None:
    target, listed = Location.parse(arguments.reference), _listed(arguments)
    subject = Location.parse(arguments.subject) if arguments.subject else None
    with moving(arguments, output, target, subject, *(each.place for each in listed)) as registries:
        result = create_index(
            target,
            listed,
            form=arguments.format,
            annotations=pairs(arguments.annotation, "--annotation"),
            entry_annotations=pairs(arguments.entry_annotation, "--entry-annotation"),
            artifact_type=arguments.artifact_type,
            subject=subject,
            nested=arguments.nested,
            **_making(arguments, registries),
        )
    report(arguments, output, target, result)


def run_add(arguments: argparse.Namespace, output: Output) -> None:
    index, target, listed = Location.parse(arguments.reference), _target(arguments), _listed(arguments)
    with moving(arguments, output, index, target, *(each.place for each in listed)) as registries:
        result = add_to_index(
            index,
            listed,
            entry_annotations=pairs(arguments.entry_annotation, "--entry-annotation"),
            nested=arguments.nested,
            target=target,
            **_making(arguments, registries),
        )
    report(arguments, output, target or index, result)


def run_remove(arguments: argparse.Namespace, output: Output) -> None:
    _change(arguments, output, remove=_wishes(arguments))


def run_filter(arguments: argparse.Namespace, output: Output) -> None:
    _change(arguments, output, keep=_wishes(arguments))


def run_annotate(arguments: argparse.Namespace, output: Output) -> None:
    changes: dict[str, str | None] = {**dict.fromkeys(arguments.remove), **pairs(arguments.annotation, "--annotation")}
    if not changes and not arguments.platform:
        raise InvalidInput("nothing is to be annotated", advice="by --annotation KEY=VALUE, --remove KEY or --platform")
    if arguments.os_feature and not arguments.platform:
        raise InvalidInput("--os-feature goes with --platform")
    platform = replace(arguments.platform, os_features=tuple(arguments.os_feature)) if arguments.platform else None
    _change(arguments, output, annotations=changes, entries=arguments.entry, platform=platform)


def _change(arguments: argparse.Namespace, output: Output, **changes: Any) -> None:
    index, target = Location.parse(arguments.reference), _target(arguments)
    with moving(arguments, output, index, target) as registries:
        result = change_index(index, target=target, **changes, **_making(arguments, registries))
    report(arguments, output, target or index, result)


def _wishes(arguments: argparse.Namespace) -> list[Wish]:
    """The entries that are named. Raises InvalidInput where none are."""
    noted = (word.partition("=") for word in arguments.annotation)
    wishes: list[Wish] = [
        *arguments.entries,
        *map(Typed, arguments.artifact_type),
        *(Noted(key, value if equals else None) for key, equals, value in noted),
    ]
    if not wishes:
        raise InvalidInput("no entry is named", advice="by OS/ARCH, a digest, --artifact-type or --annotation")
    return wishes


def _listed(arguments: argparse.Namespace) -> list[Listed]:
    return [Listed.parse(word) for word in arguments.listed]


def _target(arguments: argparse.Namespace) -> Location | None:
    return Location.parse(arguments.to) if arguments.to else None


def _making(arguments: argparse.Namespace, registries: Registries) -> Listing:
    return {
        "tags": arguments.tag,
        "referrers": arguments.referrers,
        "digest_tags": arguments.digest_tags,
        "registries": registries,
        "dry_run": arguments.dry_run,
        "jobs": arguments.jobs,
    }
