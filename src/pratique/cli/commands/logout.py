"""Forget stored credentials, wherever they are found."""

from __future__ import annotations

import argparse

from ...client.logins import Cleared, logout, logout_all, split
from ...errors import InvalidInput
from .. import options
from ..connect import machine_of
from ..output import Output

EXAMPLES = """examples:
  pratique logout registry.example.com
  pratique logout registry.example.com/team
  pratique logout --all --authfile auth.json"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="HOST[/NAMESPACE]", nargs="?", help="what the credential is for")
    parser.add_argument("--all", action="store_true", help="forget every credential of the file that login stores in")
    parser.add_argument("--authfile", metavar="FILE", default=argparse.SUPPRESS, help="look into this file only")
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    if arguments.all == (arguments.registry is not None):
        raise InvalidInput("logout takes either HOST[/NAMESPACE] or --all")
    machine = machine_of(arguments, output)
    if arguments.all:
        _report_all(output, logout_all(machine=machine, authfile=arguments.authfile))
        return
    removed = logout(arguments.registry, machine=machine, authfile=arguments.authfile)
    if output.as_json:
        output.document({"registry": split(arguments.registry)[0], "removed": list(removed)})
        return
    for place in removed:
        output.line(f"removed from {place}")


def _report_all(output: Output, cleared: Cleared) -> None:
    path, removed = cleared.path, cleared.removed
    if output.as_json:
        output.document({"file": str(path), "removed": list(removed)})
        return
    for key in removed:
        output.line(f"removed {key} from {path}")
    if not removed:
        output.note(f"{path} has no credentials")
    for other in cleared.others:
        output.note(f"{other} has logins, too: pratique logout --all --authfile {other}")
