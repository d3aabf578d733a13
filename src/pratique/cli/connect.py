"""From arguments to a session: transport, credentials and rules of this command."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..auth.authenticator import Authenticator
from ..auth.credentials import ANONYMOUS, Chain, Credential, Credentials, Given
from ..auth.realms import RealmPolicy
from ..auth.scopes import ScopeSet
from ..config import docker, pins
from ..errors import InvalidInput
from ..http.events import Observer
from ..http.retry import Patience
from ..http.session import Session
from ..http.transport import HttpTransport, Trust
from ..spec.manifest import MOST_MANIFEST_BYTES
from ..spec.reference import Reference
from ..stores.registry import Repository
from . import options, trace
from .output import Output

if TYPE_CHECKING:
    from ..stores.foreign import Fetch
    from ..stores.uploading import UploadOptions


@contextmanager
def connected(
    arguments: argparse.Namespace,
    output: Output,
    registries: Iterable[str],
    *,
    tell: Observer | None = None,
    credentials: Credentials | None = None,
    pinned: bool = True,
) -> Iterator[Session[ScopeSet]]:
    """A session for the registries that the command names; with --timeout it is cancelled when the time is over."""
    tell = tell or trace.observer(output)
    authenticator = Authenticator(
        credentials or found_credentials(arguments, output, registries),
        policy=RealmPolicy(
            overrides=options.overrides(arguments.realm),
            pinned=pins.Pins(pins.default_path(os.environ)).load() if pinned else {},
        ),
        strict=arguments.strict_creds,
        eager=arguments.eager_creds,
        tell=tell,
    )
    session: Session[ScopeSet] = Session(
        HttpTransport(trust(arguments)),
        authenticator,
        plain_http=arguments.plain_http,
        patience=Patience(retries=arguments.retries),
        tell=tell,
    )
    timer = _timer(arguments.timeout, session)
    try:
        yield session
    except BaseException:
        session.cancel("the command is ending")
        raise
    finally:
        if timer is not None:
            timer.cancel()
        session.close()


def repository(
    arguments: argparse.Namespace, session: Session[ScopeSet], reference: Reference, *, writes: bool = False
) -> Repository:
    """The repository that a reference is in; who `writes` goes on with uploads of earlier runs."""
    most = arguments.max_manifest or MOST_MANIFEST_BYTES
    uploads = _uploads(getattr(arguments, "chunk_size", None)) if writes else None
    return Repository.at(session, reference, most_manifest_bytes=most, uploads=uploads)


def _uploads(chunk: int | None) -> UploadOptions:
    from ..stores import uploading
    from ..stores.sessions import KeptSessions, default_folder

    return uploading.UploadOptions(chunk, KeptSessions(default_folder(os.environ)))


def foreign(arguments: argparse.Namespace, tell: Observer) -> Fetch:
    """How to get what lives elsewhere: as anybody could, whatever credentials the command has."""
    from ..stores.foreign import fetching

    session: Session[ScopeSet] = Session(HttpTransport(trust(arguments)), Authenticator(tell=tell), tell=tell)
    return fetching(session)


def trust(arguments: argparse.Namespace) -> Trust:
    """The TLS options. Raises InvalidInput where they contradict each other."""
    if arguments.key and not arguments.cert:
        raise InvalidInput("--key without --cert")
    return Trust(arguments.tls_verify, arguments.ca_file, arguments.cert, arguments.key)


def found_credentials(arguments: argparse.Namespace, output: Output, registries: Iterable[str]) -> Credentials:
    """Where this command looks for credentials. Raises InvalidInput where the options contradict each other."""
    named = [option for option in ("creds", "authfile", "anonymous") if getattr(arguments, option)]
    if len(named) > 1:
        raise InvalidInput(f"--{named[0]} and --{named[1]} exclude each other")
    if arguments.anonymous:
        return ANONYMOUS
    if arguments.creds is not None:
        return Given(given_credential(arguments.creds), frozenset(registries))
    if arguments.authfile is not None:
        path = Path(arguments.authfile)
        if not path.exists():
            raise InvalidInput(f"--authfile {path}: there is no such file")
        return docker.DockerConfig(path, explicit=True)
    return Chain([docker.DockerConfig(docker.default_path(os.environ), warn=output.warn)])


def given_credential(text: str) -> Credential:
    """What --creds says; a missing password is asked for on a terminal. Raises InvalidInput."""
    if ":" not in text:
        text = f"{text}:{ask_secret(f'Password of {text}: ')}"
    return Credential.parse(text, "--creds")


def ask_secret(prompt: str) -> str:
    """A secret typed on the terminal, without echo. Raises InvalidInput where there is none."""
    if not sys.stdin.isatty():
        raise InvalidInput(
            "a password is wanted and there is no terminal to ask on", advice="give it, or use --password-stdin"
        )
    import getpass

    return getpass.getpass(prompt, stream=sys.stderr)


def _timer(seconds: float | None, session: Session[ScopeSet]) -> threading.Timer | None:
    if seconds is None:
        return None
    timer = threading.Timer(seconds, session.cancel, [f"the command's time-out of {seconds:g} s has passed"])
    timer.daemon = True
    timer.start()
    return timer
