"""Whom a connection over TLS trusts, and as whom it speaks (RFC 8446)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import InvalidInput
from ..values import frozen

if TYPE_CHECKING:
    import ssl

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

        with _explained(filter(None, [self.ca_file])):
            context = ssl.create_default_context(cafile=self.ca_file)
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
        with Path(file).open("rb") as stream:
            return b"ENCRYPTED" in stream.read(MOST_KEY_BYTES)
    except OSError:
        return False
