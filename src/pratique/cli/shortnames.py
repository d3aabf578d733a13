"""Short names on the command line: what `--short-names` makes of a reference that names no registry."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

from ..errors import Error, InvalidInput, NotFound
from ..spec.reference import Reference
from . import trace
from .connect import connected
from .output import Output
from .routes import of, read


def expanded(arguments: argparse.Namespace, output: Output, text: str) -> str:
    """A reference with its registry: the text, or with `--short-names` what a short one means.

    An alias decides it, or the only registry to search; several are asked, in order. Raises InvalidInput, and NotFound where
    none of them has it.
    """
    if not arguments.short_names:
        return text
    from ..config.shortnames import ShortNames, cached_path, is_short

    if not is_short(text):
        return text
    from ..config.registries import load_aliases

    conf = of(arguments).load(output, names=True)
    names = conf.names if conf else ShortNames()
    chosen = load_aliases(cached_path(os.environ))  # what people chose for other tools comes before what files say
    meant = names.updated(ShortNames(chosen.aliases)).meant(text)
    found = meant[0] if len(meant) == 1 else _search(arguments, output, text, meant)
    output.note(f"{text} is {found}")
    return str(found)


def _search(arguments: argparse.Namespace, output: Output, text: str, places: Sequence[Reference]) -> Reference:
    """The first place that has it. `--creds` are for registries that the command names, and it names none of these."""
    tell = trace.observer(output)
    failures = []
    stored = argparse.Namespace(**vars(arguments) | {"creds": None})
    with connected(stored, output, ()) as session:
        for place in places:
            try:
                read(arguments, session, place, tell).resolve(place.name)
            except InvalidInput:
                raise
            except Error as error:
                failures.append(f"{place}: {error}")
            else:
                return place
    raise NotFound(
        f"{text!r} is at none of the registries to search: {'; '.join(failures)}", advice="name the registry"
    )
