"""Folders of certificates for one registry each: `certs.d` of containers and of Docker (containers-certs.d(5))."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from ..errors import InvalidInput
from ..http.origin import DEFAULT_PORTS, Origin
from ..http.trust import Trust
from ..spec.reference import DEFAULT_REGISTRY, endpoint_of
from ..values import replace

OF_THE_USER: Final = ".config/containers/certs.d"
OF_ROOTLESS_DOCKER: Final = "docker/certs.d"  # below `$XDG_CONFIG_HOME`
OF_THE_SYSTEM: Final = ("/etc/containers/certs.d", "/etc/docker/certs.d")


def default_folders(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Where the folders of registries lie; of one registry's folders the first is used."""
    home, moved = environment.get("HOME"), environment.get("XDG_CONFIG_HOME")
    configured = moved or (f"{home}/.config" if home else None)
    found = [os.path.join(home, OF_THE_USER)] if home else []
    found += [os.path.join(configured, OF_ROOTLESS_DOCKER)] if configured else []
    return (*found, *OF_THE_SYSTEM)


def find(folders: Iterable[str | os.PathLike[str]], origin: Origin) -> Trust:
    """What is there for an origin by `host:port`: authorities (`*.crt`), and the first pair of a client (`*.cert`, `*.key`).

    A folder that this user may not look into is as good as none: the system's may be root's own. Raises InvalidInput for half a
    pair.
    """
    names = list(_names(origin))
    candidates = (os.path.join(folder, name) for folder in folders for name in names)
    return next((_read(folder, entries) for folder in candidates if (entries := _entries(folder)) is not None), Trust())


def complete(trust: Trust, found: Trust) -> Trust:
    """What was asked for, and what was found for the rest: a given file of authorities or client certificate stands alone."""
    if trust.ca_file is None:
        trust = replace(trust, authorities=(*trust.authorities, *found.authorities))
    if trust.cert is None and trust.key is None:
        trust = replace(trust, cert=found.cert, key=found.key)
    return trust


def _names(origin: Origin) -> Iterator[str]:
    """The names of a registry's folder; the port that everybody means may be written or not."""
    yield origin.netloc
    if origin.port == DEFAULT_PORTS[origin.scheme]:
        yield f"{origin.netloc}:{origin.port}"
    if origin.netloc == endpoint_of(DEFAULT_REGISTRY):
        yield DEFAULT_REGISTRY


def _entries(folder: str) -> list[str] | None:
    """The names in a folder; None where there is none, or none that can be looked into."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return None


def _read(folder: str, names: list[str]) -> Trust:
    certs, keys = _stems(names, ".cert"), _stems(names, ".key")
    for stem in certs:
        if stem not in keys:
            raise _half(folder, f"{stem}.cert", f"{stem}.key")
    for stem in keys:
        if stem not in certs:
            raise _half(folder, f"{stem}.key", f"{stem}.cert")
    authorities = tuple(os.path.join(folder, f"{stem}.crt") for stem in _stems(names, ".crt"))
    if not certs:
        return Trust(authorities=authorities)
    cert, key = (os.path.join(folder, f"{certs[0]}{suffix}") for suffix in (".cert", ".key"))
    return Trust(cert=cert, key=key, authorities=authorities)


def _stems(names: list[str], suffix: str) -> list[str]:
    return [name.removesuffix(suffix) for name in names if name.endswith(suffix)]


def _half(folder: str, there: str, missing: str) -> InvalidInput:
    return InvalidInput(
        f"{folder} has {there} and no {missing}",
        advice=f"a certificate of a client and its key have one name: add {missing}, or take {there} away",
    )
