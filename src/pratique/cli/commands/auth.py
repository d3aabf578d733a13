"""Explain why a request is permitted or refused; print a token for other tools; be a credential helper."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from ...auth.credentials import Credentials, Look
from ...auth.events import CredentialSought, TokenAsked
from ...auth.scopes import repository_scopes
from ...config.sources import Sources
from ...errors import Error, InvalidInput, NotFound, Refused, Unsupported
from ...http.events import Event, Sent
from ...http.message import Request
from ...spec import endpoints
from ...spec.reference import Reference
from ...stores import permission
from ...values import as_dict
from .. import options
from ..connect import connected
from ..credentials import stored_credentials, told_credentials
from ..output import Output, error_document
from ..routes import attempt, write
from ..trace import describe, describe_request, name, step

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
    asked = reference.name if reference.tag or reference.digest else None
    events: list[Event] = []
    error: Error | None = None
    verdict = ""
    credentials = told_credentials(arguments, output, [reference.registry]) or stored_credentials(arguments, output)
    with connected(arguments, output, [reference.registry], tell=events.append, credentials=credentials) as session:
        try:
            verdict = attempt(arguments, session, reference, arguments.action, asked, events.append)
        except Error as failed:
            error = failed
    looks = _looks(credentials, events)
    if output.as_json:
        output.document(_explanation(reference, arguments.action, events, looks, verdict, error))
    else:
        _print_explanation(output, reference, arguments.action, events, looks, verdict, error)
    return error.exit_code if error else 0


def run_token(arguments: argparse.Namespace, output: Output) -> None:
    reference = options.reference(arguments.reference)
    actions = arguments.actions.split(",")
    unknown = [action for action in actions if action not in permission.ACTIONS]
    if unknown:
        raise InvalidInput(f"--for {unknown[0]!r}: known are {', '.join(permission.ACTIONS)}")
    events: list[Event] = []
    with connected(arguments, output, [reference.registry], tell=events.append) as session:
        target = write(arguments, session, reference)
        hardest = max(actions, key=permission.ACTIONS.index)
        permission.attempt(session, target, hardest, wanted=repository_scopes(target.name, *actions))
        header = session.permission(Request("GET", target.url(endpoints.TAGS)))
    if header is None:
        raise NotFound(f"{reference.place} asks for no permission to {', '.join(actions)}: there is no token to print")
    scheme, _, token = header.partition(" ")
    if scheme != "Bearer" and not arguments.header:
        raise Unsupported(
            f"{reference.registry} takes {scheme} and no tokens",
            advice="--header prints the header field that it takes",
        )
    if output.as_json:
        asked = [scope for event in events if isinstance(event, TokenAsked) for scope in event.scopes]
        output.document({"repository": reference.place, "scheme": scheme, "token": token, "scopes": asked})
    else:
        output.line(f"Authorization: {header}" if arguments.header else token)


def run_helper(arguments: argparse.Namespace, _: Output) -> int:
    from .. import helper

    return helper.serve(arguments.action)


def _looks(credentials: Credentials, events: list[Event]) -> Looks:
    if not isinstance(credentials, Sources):
        return {}
    sought = [event for event in events if isinstance(event, CredentialSought)]
    return {event: credentials.looks(event.registry, event.repository) for event in sought}


def _explanation(
    reference: Reference, action: str, events: list[Event], looks: Looks, verdict: str, error: Error | None
) -> dict[str, Any]:
    def more(event: Event) -> dict[str, Any]:
        found = looks.get(event) if isinstance(event, CredentialSought) else None
        return {} if found is None else {"sources": [as_dict(look) for look in found]}

    return {
        "reference": str(reference),
        "for": action,
        "permitted": error is None,
        "verdict": str(error) if error else verdict,
        "steps": [{"step": name(event), **as_dict(event), **more(event)} for event in events],
        "error": error_document(error) if error else None,
    }


def _print_explanation(
    output: Output,
    reference: Reference,
    action: str,
    events: list[Event],
    looks: Looks,
    verdict: str,
    error: Error | None,
) -> None:
    output.table(("TIME", "STEP", "WHAT"), [row for event in events for row in _rows(event, looks)])
    output.line("")
    if error is None:
        output.line(f"{action} of {reference}: {verdict}{_by(events)}")
        return
    output.line(f"{action} of {reference}: {'refused' if isinstance(error, Refused) else 'failed'}: {error}")
    if advice := error.advice():
        output.line(f"hint: {advice}")


def _rows(event: Event, looks: Looks) -> list[tuple[str, str, str]]:
    """An event as rows of a table; a challenge has one of its own, and so has each place that was looked into."""
    if isinstance(event, CredentialSought):
        return [
            ("", step(event), describe(event)),
            *(("", "source", line) for line in _sources(event, looks.get(event, ()))),
        ]
    if not isinstance(event, Sent):
        return [("", step(event), describe(event))]
    request = (f"{event.seconds * 1000:.0f} ms", step(event), describe_request(event))
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


def _by(events: list[Event]) -> str:
    """Whose permission it was."""
    last = [event for event in events if isinstance(event, Sent)][-1:]
    if not last or not last[0].authorization:
        return ", to anybody"
    sought = [event.found for event in events if isinstance(event, CredentialSought) and event.found]
    asked = [event.credential for event in events if isinstance(event, TokenAsked)]
    who = (asked or sought or [None])[-1]  # a token is of whom it was asked for, whatever was found
    return f", by {last[0].authorization} with the {who}" if who else f", by an anonymous {last[0].authorization} token"
