"""Why a connection brought no answer, in a sentence and with what to do about it."""

from __future__ import annotations

import socket
import ssl

from ..errors import Misbehaved
from .answer import Cut, Malformed
from .message import Request, Unanswered


def is_broken_pipe(error: OSError) -> bool:
    """Whether the other side reads no more of what is sent; it may have said why."""
    return isinstance(error, BrokenPipeError | ConnectionResetError | ssl.SSLEOFError)


def unconnected(request: Request, towards: str, error: Exception) -> Unanswered:
    """The error for a connection that could not be opened."""
    if isinstance(error, ssl.SSLCertVerificationError):
        advice = "give the authority with --ca-file, or --no-tls-verify if you must"
        return Unanswered(
            f"{request}: the certificate of {towards} is not trusted ({error.verify_message})",
            transient=False,
            advice=advice,
        )
    if isinstance(error, ssl.SSLError):
        return _insecure(request, towards, error)
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: {towards} did not accept a connection in time", transient=True)
    if isinstance(error, socket.gaierror):
        return Unanswered(
            f"{request}: the name of {towards} is not known ({error.strerror})",
            transient=error.errno == socket.EAI_AGAIN,
        )
    transient = isinstance(error, ConnectionResetError)
    return Unanswered(f"{request}: no connection to {towards} ({_reason(error)})", transient=transient)


def unanswered(request: Request, towards: str, seconds: float, error: Exception) -> Unanswered | Misbehaved:
    """The error for a request that was sent, or could not be; `seconds` is how long was waited for."""
    if isinstance(error, TimeoutError):
        return Unanswered(f"{request}: no answer from {towards} in {seconds:g} s", transient=True)
    if isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLEOFError):
        return _insecure(request, towards, error)
    if isinstance(error, ConnectionError | ssl.SSLEOFError):
        return Unanswered(f"{request}: {towards} closed the connection ({_reason(error)})", transient=True)
    if isinstance(error, Malformed):
        return Misbehaved(f"{request}: {towards} did not answer in HTTP ({_reason(error)})")
    return Unanswered(f"{request}: {_reason(error)}", transient=False)


def unfinished(request: Request, error: Exception) -> Unanswered | Misbehaved:
    """The error for an answer whose content does not come as it should."""
    if isinstance(error, Malformed):
        return Misbehaved(f"{request}: the content of the answer is not HTTP ({_reason(error)})")
    if isinstance(error, Cut):
        return Unanswered(f"{request}: the answer was cut, {error}", transient=True)
    return Unanswered(f"{request}: the answer was cut ({_reason(error)})", transient=True)


def _insecure(request: Request, towards: str, error: ssl.SSLError) -> Unanswered:
    wanted = "CERTIFICATE" in _reason(error)  # the alert of a server that wants to know who we are
    advice = "name your own with --cert and --key" if wanted else "if the registry speaks plain http, say --plain-http"
    return Unanswered(f"{request}: no TLS connection to {towards} ({_reason(error)})", transient=False, advice=advice)


def _reason(error: BaseException) -> str:
    text = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error) or type(error).__name__
    return str(text).replace("\n", " ")[:200]
