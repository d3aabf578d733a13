"""Which credentials a command uses: those that its options give, or those that are stored on this machine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..auth.credentials import ANONYMOUS, Credential, Credentials, Given
from ..config import own
from ..errors import InvalidInput
from .output import Output
from .routes import of

if TYPE_CHECKING:
    from ..config.docker import Helpers
    from ..config.sources import Sources


class Stored:
    """The stored credentials of a command: nothing of them is loaded before a registry asks who it is."""

    def __init__(self, arguments: argparse.Namespace, output: Output) -> None:
        self._load = cache(lambda: stored_credentials(arguments, output))

    def find(self, registry: str, repository: str | None) -> Credential | None:
        return self._load().find(registry, repository)

    def places(self, registry: str) -> tuple[str, ...]:
        return self._load().places(registry)

    def forget(self, credential: Credential) -> None:
        self._load().forget(credential)


def told_credentials(arguments: argparse.Namespace, output: Output, registries: Iterable[str]) -> Credentials | None:
    """What the options say of credentials, in place of the stored ones. Raises InvalidInput where they contradict each other."""
    named = [option for option in ("creds", "authfile", "anonymous") if getattr(arguments, option)]
    if len(named) > 1:
        raise InvalidInput(f"--{named[0]} and --{named[1]} exclude each other")
    if arguments.anonymous:
        return ANONYMOUS
    if arguments.creds is not None:
        return Given(given_credential(arguments.creds), frozenset(registries))
    if arguments.authfile is None:
        return None
    from ..config.docker import DockerConfig

    path = Path(arguments.authfile)
    if not path.exists():
        raise InvalidInput(f"--authfile {path}: there is no such file")
    return DockerConfig.at(path, explicit=True, warn=output.warn)


def stored_credentials(arguments: argparse.Namespace, output: Output) -> Sources:
    """The credentials that are stored on this machine. Raises InvalidInput."""
    from ..config.sources import FILES_ONLY, sources_of

    conf = of(arguments).load(output)
    order = conf.helpers if conf and conf.helpers else FILES_ONLY
    return sources_of(
        os.environ,
        order=order,
        wanted=own.load(os.environ),
        helpers=shared_helpers(arguments),
        warn=output.warn,
        strict=arguments.strict_creds,
    )


def shared_helpers(arguments: argparse.Namespace) -> Helpers:
    """The helpers of a command, each asked once: the same for the same arguments, or copies of them."""
    from ..config.sources import sharing

    if "helpers" not in arguments:
        arguments.helpers = sharing(os.environ)
    found: Helpers = arguments.helpers
    return found


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
