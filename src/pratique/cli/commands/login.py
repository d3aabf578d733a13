"""Verify a credential by the conversation that a real request has, and store it where other tools find it."""

from __future__ import annotations

import argparse
import sys

from ...auth.credentials import IDENTITY_USER, Credential, Kind, password_credential
from ...auth.secret import Secret
from ...client.logins import Login, logged_in, login, split
from ...errors import InvalidInput
from .. import options
from ..connect import ask_secret, connected, machine_of
from ..output import Output

EXAMPLES = """examples:
  pratique login registry.example.com
  echo "$PASSWORD" | pratique login -u robot --password-stdin registry.example.com
  pratique login -u robot --password-stdin --verify-repo team/app registry.example.com < password
  pratique login --get-login registry.example.com"""

SOURCE = "this login"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="HOST[/NAMESPACE]", help="what the credential is for")
    parser.add_argument("-u", "--username", metavar="USER")
    parser.add_argument(
        "-p", "--password", metavar="PASSWORD", help="visible to others on this machine; better: --password-stdin"
    )
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument(
        "--identity-token-stdin",
        action="store_true",
        help="read an identity (OAuth2 refresh) token from standard input",
    )
    parser.add_argument("--get-login", action="store_true", help="print the user that is logged in, and do nothing")
    parser.add_argument("--verify-repo", metavar="REPO", help="verify by reading the tags of this repository")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    registry, _ = split(arguments.registry)
    if arguments.get_login:
        _show_user(arguments, output, registry)
        return
    credential = _credential(arguments, output)
    # What is stored for it does not count: the credential is verified, and no other.
    with connected(arguments, output, [registry], credentials=credential) as registries:
        done = login(
            arguments.registry,
            credential,
            registries=registries,
            authfile=arguments.authfile,
            repository=arguments.verify_repo,
        )
    _report(output, done)


def _show_user(arguments: argparse.Namespace, output: Output, registry: str) -> None:
    machine = machine_of(arguments, output)
    found = logged_in(arguments.registry, machine=machine, authfile=arguments.authfile)
    username = found.username or IDENTITY_USER
    if output.as_json:
        output.document({"registry": registry, "username": username, "kind": found.kind.value, "source": found.source})
    else:
        output.line(username)


def _credential(arguments: argparse.Namespace, output: Output) -> Credential:
    """What the options give. Raises InvalidInput where they contradict each other or something is empty."""
    if arguments.creds:
        raise InvalidInput("login takes -u and a password, not --creds")
    ways = {
        "--password": arguments.password is not None,
        "--password-stdin": arguments.password_stdin,
        "--identity-token-stdin": arguments.identity_token_stdin,
    }
    given = [option for option, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise InvalidInput(f"{given[0]} and {given[1]} exclude each other")
    if arguments.identity_token_stdin:
        token = _not_empty(sys.stdin.read().strip(), "identity token")
        password_credential("", token, SOURCE)  # for its characters
        return Credential(arguments.username or "", Secret(token), Kind.IDENTITY, SOURCE, given=True)
    username = _not_empty(arguments.username if arguments.username is not None else _ask_username(), "user name")
    return password_credential(
        username, _not_empty(_password(arguments, output, username), "password"), SOURCE, given=True
    )


def _password(arguments: argparse.Namespace, output: Output, username: str) -> str:
    if arguments.password is not None:
        output.warn("a password on the command line can be seen by others; --password-stdin cannot")
        return str(arguments.password)
    if arguments.password_stdin:
        return sys.stdin.read().rstrip("\r\n")
    return ask_secret(f"Password of {username}: ")


def _not_empty(text: str, what: str) -> str:
    if not text:
        raise InvalidInput(f"the {what} is empty")
    return text


def _ask_username() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("no user was given", advice="-u USER")
    print("User: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _report(output: Output, done: Login) -> None:
    if output.as_json:
        known = ("registry", "username", "verified", "explanation", "token_service", "stored")
        output.document({name: getattr(done, name) for name in known})
    else:
        state = "verified" if done.verified else "NOT verified"
        output.line(f"stored in {done.stored}, {state}: {done.explanation}")
        if not done.verified:
            output.note("--verify-repo REPO verifies it by reading a repository that needs it")
    for place in done.shadowed:
        output.warn(f"{place} has a credential for {done.key} as well, and comes first")
