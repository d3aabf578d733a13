"""The beginning of a TLS handshake, to see who answers it; nothing of TLS itself, which takes long to load."""

from __future__ import annotations

from typing import Final

from .origin import is_address

_RANDOM: Final = bytes(range(32))  # nothing will be kept secret with it
_SUITES: Final = bytes.fromhex("1301 1302 1303 c02b c02f c02c c030 cca9 cca8 009c 002f")
_GROUPS: Final = bytes.fromhex("001d 0017 0018")
_SIGNATURES: Final = bytes.fromhex("0403 0503 0603 0804 0805 0806 0401 0501 0601 0807")
_VERSIONS: Final = bytes.fromhex("0304 0303")


def client_hello(host: str) -> bytes:
    """The record that a client of TLS 1.2 and 1.3 begins with (RFC 8446 §4.1.2), for a server of this name."""
    extensions = [
        _extension(10, _sized(_GROUPS, 2)),
        _extension(11, _sized(b"\0", 1)),
        _extension(13, _sized(_SIGNATURES, 2)),
        _extension(43, _sized(_VERSIONS, 1)),
        _extension(51, _sized(b"", 2)),  # no share of a key yet: the server asks for one
    ]
    if not is_address(host):
        extensions.append(_extension(0, _sized(b"\0" + _sized(host.encode("ascii"), 2), 2)))
    hello = b"\3\3" + _RANDOM + _sized(b"", 1) + _sized(_SUITES, 2) + _sized(b"\0", 1) + _sized(b"".join(extensions), 2)
    return b"\x16\3\1" + _sized(b"\1" + _sized(hello, 3), 2)


def _extension(number: int, content: bytes) -> bytes:
    return number.to_bytes(2, "big") + _sized(content, 2)


def _sized(content: bytes, size: int) -> bytes:
    """Content after its length in so many bytes (RFC 8446 §3.4)."""
    return len(content).to_bytes(size, "big") + content
