"""Whom a connection over TLS trusts, and as whom it speaks (RFC 8446)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput
from ..values import frozen

if TYPE_CHECKING:
    import ssl

TELLING: Final = ("SSL_CERT_FILE", "SSL_CERT_DIR")  # variables by which OpenSSL is told of other authorities
_BEGINNING: Final = b"-----BEGIN CERTIFICATE-----"
MOST_KEY_BYTES: Final = 1 << 20  # of a file that is looked at for the mark of an encrypted key


@frozen
class Trust:
    """Whom to trust and who to be, as names of PEM files.

    `ca_file` replaces the system's authorities, `authorities` are added to whichever there are. `cert` and `key` are for
    mutual TLS; either may hold both.
    """

    verify: bool = True
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None
    authorities: tuple[str, ...] = ()

    def context(self) -> ssl.SSLContext:
        """The TLS settings. Raises InvalidInput for files that cannot be read or do not fit."""
        import ssl

        folder = None if self.ca_file else folder_of_authorities(ssl.get_default_verify_paths(), os.environ)
        with _explained(filter(None, [self.ca_file])):
            context = ssl.create_default_context(cafile=self.ca_file, capath=folder)
        for file in self.authorities:
            with _explained([file]):
                context.load_verify_locations(cafile=file)
        if self.cert or self.key:
            with _explained(filter(None, [self.cert, self.key])):
                # OpenSSL must not ask for a key's password on the terminal.
                context.load_cert_chain(self.cert or self.key or "", self.key, password=lambda: b"")
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context


def folder_of_authorities(paths: ssl.DefaultVerifyPaths, environment: Mapping[str, str]) -> str | None:
    """The system's folder of authorities, where it can stand in place of the system's file: it holds as many.

    OpenSSL finds an authority in a folder by the hash of its name when one is wanted; to read all that are in a file takes 20 ms.
    Whoever adds one usually lets both be made anew, but some append to the file alone.
    """
    if paths.cafile is None or paths.capath is None or any(name in environment for name in TELLING):
        return None
    try:
        with open(paths.cafile, "rb") as file:
            count = file.read().count(_BEGINNING)
        return paths.capath if count == sum(map(_is_hashed, os.listdir(paths.capath))) > 0 else None
    except OSError:
        return None


def _is_hashed(name: str) -> bool:
    """Whether OpenSSL looks for a file of this name: eight hexadecimal digits, a dot and a number (openssl-rehash(1))."""
    digits, _, number = name.partition(".")
    return len(digits) == 8 and number.isdigit()


@contextmanager
def _explained(files: Iterable[str]) -> Iterator[None]:
    """Say in one sentence what is wrong with these files."""
    try:
        yield
    except (OSError, ValueError) as error:
        names = list(files)
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        message = f"certificates cannot be loaded from {', '.join(names)}: {reason}"
        encrypted = next(filter(_is_encrypted, names), None)
        if encrypted is None:
            raise InvalidInput(message) from None
        raise InvalidInput(
            f"{message}; the key in {encrypted} is encrypted",
            advice=f"no passphrase is asked for; openssl pkey -in {encrypted} writes the key without one",
        ) from None


def _is_encrypted(file: str) -> bool:
    """Whether a PEM file holds a key with a passphrase (RFC 7468 §11, RFC 1421 §4.6.1.1)."""
    try:
        with open(file, "rb") as stream:
            return b"ENCRYPTED" in stream.read(MOST_KEY_BYTES)
    except OSError:
        return False
