"""What names without a registry mean, as `registries.conf` says: aliases, and registries to search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..config.registries import load_aliases
from ..config.shortnames import ShortNames, cached_path, is_short
from ..errors import Error, InvalidInput, NotFound
from ..spec.reference import Reference

if TYPE_CHECKING:
    from .registries import Registries


def meant(registries: Registries, text: str) -> Reference:
    """What a reference means that may name no registry: an alias decides it, or the only registry to search.

    Several are asked, in order. Raises InvalidInput, and NotFound where none of them has it.
    """
    if not is_short(text):
        return Reference.parse(text)
    conf = registries.machine.rules(names=True)
    names = conf.names if conf else ShortNames()
    # What people chose for other tools comes before what files say.
    chosen = load_aliases(cached_path(registries.machine.environ))
    places = names.updated(ShortNames(chosen.aliases)).meant(text)
    return places[0] if len(places) == 1 else _search(registries, text, places)


def _search(registries: Registries, text: str, places: Sequence[Reference]) -> Reference:
    failures = []
    for place in places:
        try:
            registries.source(place).resolve(place.name)
        except InvalidInput:
            raise
        except Error as error:
            failures.append(f"{place}: {error}")
        else:
            return place
    raise NotFound(
        f"{text!r} is at none of the registries to search: {'; '.join(failures)}", advice="name the registry"
    )
