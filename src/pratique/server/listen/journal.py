"""What is told of each request when its answer is out: one line of text or of JSON."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from typing import Final

from ...http.origin import redact
from ...values import field, frozen

_SANE_ID = re.compile(r"[0-9A-Za-z._:/=+-]{1,128}", re.ASCII)
_PLAIN = re.compile(r"[0-9A-Za-z._@+-]+", re.ASCII)
ID_FIELD: Final = "X-Request-Id"


@frozen(kw_only=True)
class Entry:
    """A request and its answer. `received` and `sent` are bytes of content, `seconds` the time from one end to the other.

    `notes` is what the application says of it: `user` and `endpoint`. `peer` is empty where there is no address.
    """

    id: str
    peer: str
    method: str
    url: str
    status: int
    received: int
    sent: int
    seconds: float
    notes: Mapping[str, str] = field(default_factory=dict)


Observer = Callable[[Entry], None]


def is_sane_id(text: str) -> bool:
    """Whether an id that a client chose may go into logs and answers."""
    return _SANE_ID.fullmatch(text) is not None


def as_text(entry: Entry, seconds: float) -> str:
    """One line, without secrets: when, who, what, and what became of it. `seconds` are since the epoch."""
    user = entry.notes.get("user") or "-"
    asked = _quoted(f"{entry.method} {redact(entry.url)}")
    return (
        f"{_date(seconds)} {entry.peer or '-'} {user if _PLAIN.fullmatch(user) else _quoted(user)} {asked} {entry.status} "
        f"{entry.received} {entry.sent} {entry.seconds:.6f} {entry.id}"
    )


def as_json(entry: Entry, seconds: float) -> str:
    """The same as a JSON document on one line."""
    facts = {
        "time": _date(seconds),
        "id": entry.id,
        "peer": entry.peer or None,
        "user": entry.notes.get("user") or None,
        "method": entry.method,
        "url": redact(entry.url),
        "endpoint": entry.notes.get("endpoint") or None,
        "status": entry.status,
        "received": entry.received,
        "sent": entry.sent,
        "seconds": round(entry.seconds, 6),
    }
    return json.dumps(facts)


FORMS: Final[Mapping[str, Callable[[Entry, float], str]]] = {"text": as_text, "json": as_json}


def keep(form: str, write: Callable[[str], object] = sys.stderr.write) -> Observer:
    """An observer that writes a line for each entry in one of FORMS."""
    line = FORMS[form]

    def tell(entry: Entry) -> None:
        write(line(entry, time.time()) + "\n")  # one write, so that lines of several threads do not mix

    return tell


def _date(seconds: float) -> str:
    whole, milliseconds = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{milliseconds:03d}Z"


def _quoted(text: str) -> str:
    return f'"{text}"' if text.isprintable() and '"' not in text and "\\" not in text else json.dumps(text)
