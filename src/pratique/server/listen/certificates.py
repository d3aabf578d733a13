"""The certificate that a listener shows, read again when its files change."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

from ...errors import InvalidInput
from ..access.watch import Watched


class Certificates:
    """A certificate chain and its key (PEM), both in one file where `key` is None.

    `authorities` (PEM) are those whose certificates clients have to show; without them nobody is asked. Files are looked
    at when somebody connects, and new ones that cannot be used leave the old ones in force. Raises InvalidInput for files
    that cannot be used in the first place.
    """

    def __init__(self, certificate: Path, key: Path | None = None, authorities: Path | None = None) -> None:
        files = tuple(filter(None, (certificate, key, authorities)))
        self._context = Watched(lambda: (_context(certificate, key, authorities), files))

    def wrap(self, accepted: socket.socket) -> ssl.SSLSocket:
        """The socket with TLS; its handshake is still to be made. Raises OSError where the client is gone."""
        return self._context().wrap_socket(accepted, server_side=True, do_handshake_on_connect=False)


def _context(certificate: Path, key: Path | None, authorities: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        # OpenSSL must not ask for a key's password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: b"")
        if authorities:
            context.load_verify_locations(authorities)
            context.verify_mode = ssl.CERT_REQUIRED
    except (OSError, ValueError) as error:
        names = ", ".join(map(str, filter(None, (certificate, key, authorities))))
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise InvalidInput(f"certificates cannot be loaded from {names}: {reason}") from None
    return context
