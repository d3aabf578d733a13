"""Verify a credential by the conversation that a real request has, and store it where other tools find it."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ...auth.credentials import DOCKER_HUB_KEY, IDENTITY_USER, Credential, Given, Kind, password_credential
from ...auth.login import Verification, Witness, verify
from ...auth.secret import Secret
from ...config import own, pins
from ...config.docker import DockerConfig
from ...config.entries import normalise
from ...config.logins import Logins
from ...config.sources import chosen_file, login_path, sources_of
from ...errors import InvalidInput, NotFound
from ...http.events import Event
from ...spec.reference import endpoint_of, is_repository, parse_registry
from .. import options, trace
from ..connect import connected
from ..credentials import ask_secret
from ..output import Output
from ..routes import visit

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
    registry, namespace = split(arguments.registry)
    if arguments.get_login:
        _show_user(arguments, output, registry, namespace)
        return
    key = f"{registry}/{namespace}" if namespace else registry
    logins = _logins(arguments.authfile, registry, key)
    credential = _credential(arguments, output)
    verification = _verify(arguments, output, registry, credential)
    stored = logins.store(key, credential)
    pins.Pins(pins.default_path(os.environ)).note(registry, verification.token_service)
    _report(output, registry, credential, verification, stored)
    if not arguments.authfile:
        _warn_of_others(output, key, logins.path)


def _logins(authfile: str | None, registry: str, key: str) -> Logins:
    """Where the login is stored. Raises Unsupported where our own file says that the registry has none."""
    if authfile:
        return Logins(Path(authfile))
    chosen = chosen_file(own.load(os.environ), registry)
    return Logins(chosen or login_path(os.environ, key))


def split(text: str) -> tuple[str, str]:
    """`HOST[/NAMESPACE]` as registry and namespace; people also write it as a URL. Raises InvalidInput."""
    key = normalise(text.removeprefix("docker://"))
    host, slash, namespace = ("docker.io", "", "") if key == DOCKER_HUB_KEY else key.partition("/")
    if slash and not is_repository(namespace):
        raise InvalidInput(f"{namespace!r} is not a namespace")
    return parse_registry(host), namespace


def _show_user(arguments: argparse.Namespace, output: Output, registry: str, namespace: str) -> None:
    path = arguments.authfile
    wanted = own.load(os.environ)
    stored = sources_of(os.environ, wanted=wanted, warn=output.warn)
    sources = DockerConfig.at(Path(path), explicit=True) if path else stored
    found = sources.find(registry, namespace or None)
    if found is None:
        places = ", ".join(sources.places(registry))
        raise NotFound(f"nobody is logged in to {arguments.registry}: there is no credential in {places}")
    username = found.username or IDENTITY_USER
    if output.as_json:
        output.document({"registry": registry, "username": username, "kind": found.kind.value, "source": found.source})
    else:
        output.line(username)


def _warn_of_others(output: Output, key: str, path: Path) -> None:
    """Say where another credential comes before the one that was stored."""
    for source in sources_of(os.environ).sources:
        if source.path == path:
            return
        if source.is_there() and not source.look(*_first(key)).trouble and source.has(key):
            output.warn(f"{source.place} has a credential for {key} as well, and comes first")


def _first(key: str) -> tuple[str, str | None]:
    registry, _, namespace = key.partition("/")
    return registry, namespace or None


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


def _verify(arguments: argparse.Namespace, output: Output, registry: str, credential: Credential) -> Verification:
    witness, tell = Witness(), trace.observer(output)

    def observe(event: Event) -> None:
        witness(event)
        tell(event)

    given = Given(credential, frozenset([registry]))
    # A login is how a token service that has moved is accepted, so that the old one does not count here.
    with connected(arguments, output, [registry], tell=observe, credentials=given, pinned=False) as session:
        visit(arguments, *split(arguments.registry))
        base_url = session.base_url(endpoint_of(registry))
        return verify(session, base_url, credential, witness, arguments.verify_repo)


def _report(output: Output, registry: str, credential: Credential, verification: Verification, stored: str) -> None:
    if output.as_json:
        output.document(
            {
                "registry": registry,
                "username": credential.username,
                "verified": verification.verified,
                "explanation": verification.explanation,
                "token_service": verification.token_service,
                "stored": stored,
            }
        )
        return
    state = "verified" if verification.verified else "NOT verified"
    output.line(f"stored in {stored}, {state}: {verification.explanation}")
    if not verification.verified:
        output.note("--verify-repo REPO verifies it by reading a repository that needs it")
