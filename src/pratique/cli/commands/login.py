"""Verify a credential by the conversation that a real request has, and store it in Docker's config.json."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ...auth.credentials import Credential, Given, password_credential
from ...auth.login import Verification, Witness, verify
from ...config import docker, pins
from ...errors import InvalidInput
from ...http.events import Event
from ...spec.reference import endpoint_of, is_repository, parse_registry
from .. import options, trace
from ..connect import ask_secret, connected
from ..output import Output

EXAMPLES = """examples:
  pratique login registry.example.com
  echo "$PASSWORD" | pratique login -u robot --password-stdin registry.example.com
  pratique login -u robot --password-stdin --verify-repo team/app registry.example.com < password"""

SOURCE = "this login"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("registry", metavar="HOST[/NAMESPACE]", help="what the credential is for")
    parser.add_argument("-u", "--username", metavar="USER")
    parser.add_argument(
        "-p", "--password", metavar="PASSWORD", help="visible to others on this machine; better: --password-stdin"
    )
    parser.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    parser.add_argument("--verify-repo", metavar="REPO", help="verify by reading the tags of this repository")
    options.add_registry(parser)
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace, output: Output) -> None:
    host, slash, namespace = arguments.registry.removeprefix("docker://").partition("/")
    registry = parse_registry(host)
    if slash and not is_repository(namespace):
        raise InvalidInput(f"{namespace!r} is not a namespace")
    credential = _credential(arguments, output)
    verification = _verify(arguments, output, registry, credential)
    file = docker.DockerConfig(_path(arguments), explicit=True)
    file.store(f"{registry}{slash}{namespace}", credential)
    pins.Pins(pins.default_path(os.environ)).note(registry, verification.token_service)
    _report(output, registry, credential, verification, file.path)


def _credential(arguments: argparse.Namespace, output: Output) -> Credential:
    if arguments.creds:
        raise InvalidInput("login takes -u and a password, not --creds")
    if arguments.password is not None and arguments.password_stdin:
        raise InvalidInput("--password and --password-stdin exclude each other")
    username = arguments.username if arguments.username is not None else _ask_username()
    if arguments.password is not None:
        output.warn("a password on the command line can be seen by others; --password-stdin cannot")
        password = arguments.password
    elif arguments.password_stdin:
        password = sys.stdin.read().rstrip("\r\n")
    else:
        password = ask_secret(f"Password of {username}: ")
    if not password:
        raise InvalidInput("the password is empty")
    return password_credential(username, password, SOURCE, given=True)


def _ask_username() -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("no user was given", advice="-u USER")
    print("User: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def _verify(arguments: argparse.Namespace, output: Output, registry: str, credential: Credential) -> Verification:
    witness, tell = Witness(), trace.observer(output)

    def observe(event: Event) -> None:
        witness(event)
        tell(event)

    given = Given(credential, frozenset([registry]))
    # A login is how a token service that has moved is accepted, so that the old one does not count here.
    with connected(arguments, output, [registry], tell=observe, credentials=given, pinned=False) as session:
        base_url = session.base_url(endpoint_of(registry))
        return verify(session, base_url, credential, witness, arguments.verify_repo)


def _path(arguments: argparse.Namespace) -> Path:
    return Path(arguments.authfile) if arguments.authfile else docker.default_path(os.environ)


def _report(output: Output, registry: str, credential: Credential, verification: Verification, path: Path) -> None:
    if output.as_json:
        output.document(
            {
                "registry": registry,
                "username": credential.username,
                "verified": verification.verified,
                "explanation": verification.explanation,
                "token_service": verification.token_service,
                "stored": str(path),
            }
        )
        return
    state = "verified" if verification.verified else "NOT verified"
    output.line(f"stored in {path}, {state}: {verification.explanation}")
    if not verification.verified:
        output.note("--verify-repo REPO verifies it by reading a repository that needs it")
