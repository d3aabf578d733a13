"""Explain why a request is permitted or refused; print a token for other tools; be a credential helper."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from ...auth.credentials import Look
from ...auth.events import CredentialSought, TokenAsked
from ...client.explanation import Explanation
from ...errors import InvalidInput, Refused, Unsupported
from ...http.events import Event, Sent
from ...stores import permission
from ...values import as_dict
from .. import options
from ..connect import connected
from ..output import Output, error_document

# Where credentials were looked for, for each search of a conversation.
Looks = Mapping[CredentialSought, tuple[Look, ...]]

EXAMPLES = """examples:
  pratique auth explain ghcr.io/org/app:1.2
  pratique auth explain --for delete registry.example.com/team/app
  curl -H "$(pratique auth token --header docker.io/library/debian)" https://registry-1.docker.io/v2/library/debian/tags/list
  echo registry.example.com | pratique auth get"""


# The verbs of the protocol of credential helpers.
HELPER = {
    "get": "print the credential for the server that standard input names",
    "store": "keep the credential that standard input has",
    "erase": "forget what is kept for the server that standard input names",
    "list": "print the servers and users that are kept",
}


def configure(parser: argparse.ArgumentParser) -> None:
    verbs = parser.add_subparsers(title="verbs", metavar="VERB", required=True)
    explain = options.leaf(verbs, "explain", "perform the conversation of a request and show it", run_explain)
    explain.add_argument("reference", metavar="REF")
    explain.add_argument(
        "--for", dest="action", choices=permission.ACTIONS, default=permission.PULL, help="what is to be done"
    )
    token = options.leaf(verbs, "token", "print a token, as a registry's token service gives it", run_token)
    token.add_argument("reference", metavar="REPO")
    token.add_argument(
        "--for", dest="actions", metavar="ACTIONS", default=permission.PULL, help="pull (the default), push, delete"
    )
    token.add_argument("--header", action="store_true", help="print the whole header field")
    for action, summary in HELPER.items():
        verb = verbs.add_parser(action, help=summary, description=f"As a credential helper: {summary}.")
        options.add_global(verb)
        verb.set_defaults(run=run_helper, action=action)


def run_explain(arguments: argparse.Namespace, output: Output) -> int:
    reference = options.reference(arguments.reference)
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.explain(reference, arguments.action)
    if output.as_json:
        output.document(_document(found))
    else:
        _print(output, found)
    return found.error.exit_code if found.error else 0


def run_token(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(arguments.reference)
    actions = arguments.actions.split(",")
    unknown = [action for action in actions if action not in permission.ACTIONS]
    if unknown:
        raise InvalidInput(f"--for {unknown[0]!r}: known are {', '.join(permission.ACTIONS)}")
    with connected(arguments, output, [reference.registry]) as registries:
        found = registries.permit(reference, *actions)
    if found.scheme != "Bearer" and not arguments.header:
        raise Unsupported(
            f"{reference.registry} takes {found.scheme} and no tokens",
            advice="--header prints the header field that it takes",
        )
    token = found.secret.reveal()
    if output.as_json:
        facts = {"repository": reference.place, "scheme": found.scheme, "token": token}
        output.document({**facts, "scopes": list(found.scopes)})
    else:
        output.line(f"Authorization: {found.scheme} {token}" if arguments.header else token)


def run_helper(arguments: argparse.Namespace, _: Output) -> int:
    from .. import helper

    return helper.serve(arguments.action)


def _document(found: Explanation) -> dict[str, Any]:
    def more(event: Event) -> dict[str, Any]:
        looks = found.looks.get(event) if isinstance(event, CredentialSought) else None
        return {} if looks is None else {"sources": [as_dict(look) for look in looks]}

    return {
        "reference": str(found.reference),
        "for": found.action,
        "permitted": found.permitted,
        "verdict": str(found.error) if found.error else found.verdict,
        "steps": [{"step": event.kind, **as_dict(event), **more(event)} for event in found.events],
        "error": error_document(found.error) if found.error else None,
    }


def _print(output: Output, found: Explanation) -> None:
    output.table(("TIME", "STEP", "WHAT"), [row for event in found.events for row in _rows(event, found.looks)])
    output.line("")
    asked, error = f"{found.action} of {found.reference}", found.error
    if error is None:
        output.line(f"{asked}: {found.verdict}{_by(found.events)}")
        return
    output.line(f"{asked}: {'refused' if isinstance(error, Refused) else 'failed'}: {error}")
    if advice := error.advice():
        output.line(f"hint: {advice}")


def _rows(event: Event, looks: Looks) -> list[tuple[str, str, str]]:
    """An event as rows of a table; a challenge has one of its own, and so has each place that was looked into."""
    if isinstance(event, CredentialSought):
        return [
            ("", event.step, event.detail()),
            *(("", "source", line) for line in _sources(event, looks.get(event, ()))),
        ]
    if not isinstance(event, Sent):
        return [("", event.step, event.detail())]
    request = (f"{event.seconds * 1000:.0f} ms", event.step, event.brief())
    return [request, *(("", "challenge", line) for line in event.challenges)]


def _sources(event: CredentialSought, looks: tuple[Look, ...]) -> list[str]:
    """What each place has, in the order of search; where nothing was found, those that are not there in one line."""
    lines = [
        f"{look.place}: {look.trouble or ', '.join(look.matches) or 'nothing for these keys'}"
        for look in looks
        if look.there
    ]
    absent = ", ".join(look.place for look in looks if not look.there)
    return [*lines, f"not there: {absent}"] if absent and not event.found else lines


def _by(events: Sequence[Event]) -> str:
    """Whose permission it was."""
    last = [event for event in events if isinstance(event, Sent)][-1:]
    if not last or not last[0].authorization:
        return ", to anybody"
    sought = [event.found for event in events if isinstance(event, CredentialSought) and event.found]
    asked = [event.credential for event in events if isinstance(event, TokenAsked)]
    who = (asked or sought or [None])[-1]  # a token is of whom it was asked for, whatever was found
    return f", by {last[0].authorization} with the {who}" if who else f", by an anonymous {last[0].authorization} token"
