"""From options to the library: the registries of a command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..client.connection import connect
from ..client.connection import open as open_store
from ..client.machine import Machine
from ..client.registries import Registries
from ..errors import InvalidInput
from ..http.events import Observer
from ..http.trust import Trust
from ..spec.manifest import MOST_MANIFEST_BYTES
from ..spec.reference import Reference
from ..stores.locations import Location
from . import options, trace
from .output import Output

if TYPE_CHECKING:
    from ..auth.credentials import Credential
    from ..client.credentials import Told
    from ..client.store import Store
    from ..http.origin import Origin
    from ..http.reach import Proxy


def connected(
    arguments: argparse.Namespace,
    output: Output,
    named: Iterable[str] = (),
    *,
    tell: Observer | None = None,
    credentials: Told | None = None,
) -> Registries:
    """The registries of a command, of which it names some; with --timeout all is cancelled when the time is over.

    Raises InvalidInput where options contradict each other, Unsupported for a --proxy that is no HTTP proxy.
    """
    registries = list(named)
    return connect(
        *registries,
        credentials=told_credentials(arguments, registries) if credentials is None else credentials,
        strict_credentials=arguments.strict_creds,
        eager_credentials=arguments.eager_creds,
        token_services=options.overrides(arguments.realm),
        plain_http=arguments.plain_http and bool(registries),
        trust=_trust(arguments, registries),
        proxy=_proxy(arguments.proxy),
        timeout=arguments.timeout,
        retries=arguments.retries,
        most_manifest_bytes=arguments.max_manifest or MOST_MANIFEST_BYTES,
        chunk_size=getattr(arguments, "chunk_size", None),
        machine=machine_of(arguments, output),
        tell=tell or trace.observer(output),
    )


def named(*places: Location | Reference) -> set[str]:
    """The registries that locations are in."""
    references = (place.reference if isinstance(place, Location) else place for place in places)
    return {reference.registry for reference in references if reference is not None}


@contextmanager
def opened(arguments: argparse.Namespace, output: Output, location: Location) -> Iterator[Store]:
    """The store of a location, for a command that is about nothing else."""
    with (
        connected(arguments, output, named(location)) as registries,
        open_store(location, registries=registries) as store,
    ):
        yield store


def machine_of(arguments: argparse.Namespace, output: Output) -> Machine:
    """What the machine has: the same for all who ask with the same arguments, or copies of them."""
    if "machine" not in arguments:
        arguments.machine = Machine(registries_conf=arguments.registries_conf, warn=output.warn)
    found: Machine = arguments.machine
    return found


def expanded(arguments: argparse.Namespace, output: Output, text: str) -> str:
    """A reference with its registry: the text, or with `--short-names` what a short one means.

    Raises InvalidInput, and NotFound where none of several registries to search has it.
    """
    if not arguments.short_names or options.is_file(text):
        return text
    from ..config.shortnames import is_short

    if not is_short(text):
        return text
    machine_of(arguments, output)  # is that of the command as well
    # `--creds` are for registries that the command names, and it names none of these.
    stored = argparse.Namespace(**vars(arguments) | {"creds": None})
    with connected(stored, output) as registries:
        found = registries.meant(text)
    output.note(f"{text} is {found}")
    return str(found)


def located(arguments: argparse.Namespace, output: Output, text: str) -> Location:
    """A location of any store; with `--short-names` a short reference may be meant. Raises what `expanded` raises."""
    return options.location(expanded(arguments, output, text))


def told_credentials(arguments: argparse.Namespace, named: Collection[str]) -> Told | None:
    """What the options say of credentials, in place of the stored ones. Raises InvalidInput where they contradict each other."""
    given = [option for option in ("creds", "authfile", "anonymous") if getattr(arguments, option)]
    if len(given) > 1:
        raise InvalidInput(f"--{given[0]} and --{given[1]} exclude each other")
    if arguments.anonymous or (arguments.creds is not None and not named):
        from ..auth.credentials import ANONYMOUS

        return ANONYMOUS
    if arguments.creds is not None:
        return given_credential(arguments.creds)
    if arguments.authfile is None:
        return None
    from pathlib import Path

    path = Path(arguments.authfile)
    if not path.exists():
        raise InvalidInput(f"--authfile {path}: there is no such file")
    return path


def given_credential(text: str) -> Credential:
    """What --creds says; a missing password is asked for on a terminal. Raises InvalidInput."""
    from ..auth.credentials import Credential

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


def _trust(arguments: argparse.Namespace, named: list[str]) -> Trust:
    """The TLS options. Raises InvalidInput where they contradict each other."""
    if arguments.key and not arguments.cert:
        raise InvalidInput("--key without --cert")
    cert, key = (arguments.cert, arguments.key) if named else (None, None)
    return Trust(arguments.tls_verify, arguments.ca_file, cert, key)


def _proxy(url: str | None) -> Callable[[Origin], Proxy | None] | None:
    if not url:
        return None
    from ..config.proxies import given

    return given(url, "--proxy")
