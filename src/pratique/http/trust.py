"""Whom a connection over TLS trusts, and as whom it speaks (RFC 8446)."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from ..errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom to trust and who to be: `ca_file` replaces the system's authorities, `cert` and `key` are for mutual TLS."""

    verify: bool = True
    ca_file: str | None = None
    cert: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """The TLS settings. Raises InvalidInput for files that cannot be read or do not fit."""
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert or self.key:  # either may hold both; OpenSSL must not ask for a key's password on the terminal
                context.load_cert_chain(self.cert or self.key or "", self.key, password=lambda: b"")
        except (OSError, ValueError) as error:
            files = ", ".join(file for file in (self.ca_file, self.cert, self.key) if file)
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
            raise InvalidInput(f"certificates cannot be loaded from {files}: {reason}") from None
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["http/1.1"])
        return context
