"""A sweep over everything that a test made Pratique say: no secret that was in use stands in it.

It runs after every test of the suite. Secrets are what became a `Secret`: passwords, tokens, values of `Authorization`. Looked at
are log records, standard output and error of commands, every error with its notes and advice, every event, the `repr` of
credentials, tokens and proxies, and the files that the test left in its home and in the folder for temporary files.

A test whose very point is to print or keep one says so: `@pytest.mark.tells_secrets("why")`.
"""

from __future__ import annotations

import functools
import importlib
import logging
import pkgutil
import re
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

import pratique
from pratique.auth.credentials import Credential
from pratique.auth.secret import Secret
from pratique.auth.tokens import Token
from pratique.errors import Error
from pratique.http.events import Event
from pratique.http.reach import Proxy

LEAST_CHARACTERS: Final = 8  # of a secret that is looked for: shorter ones are in many words
MOST_SAID: Final = 20_000  # things of one kind that are kept of one test
MOST_FILE_BYTES: Final = 1 << 20  # of a file that is looked into
MARK: Final = "tells_secrets"

# Passwords of tests that are also words of Pratique's own, or of the tests' names.
_WORD: Final = re.compile(r"[a-z]+|[A-Z]+", re.ASCII)

# Files that keep secrets on purpose: other tools read them, or a registry does.
KEEPERS: Final = frozenset(
    {
        "config.json",
        "auth.json",
        ".dockercfg",
        "credentials.json",
        "access.toml",
        "htpasswd",
        "registries.conf",
        "config.toml",
    }
)


class Sweep:
    """What was secret, and what was said, during one test."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()
        self.said: list[tuple[str, str]] = []
        self._errors: list[Error] = []

    def hide(self, secret: str) -> None:
        """Note a secret. What precedes the last space (`Basic `, `Bearer `) is none."""
        text = secret.rpartition(" ")[2]
        if len(text) >= LEAST_CHARACTERS and not _WORD.fullmatch(text):
            self.secrets.add(text)

    def hear(self, kind: str, text: str) -> None:
        """Note something that was said."""
        if len(self.said) < MOST_SAID:
            self.said.append((kind, text))

    def meet(self, error: Error) -> None:
        """Note an error, which may be given more words yet."""
        if len(self._errors) < MOST_SAID:
            self._errors.append(error)

    def told(self) -> Iterator[str]:
        """Each secret that was told, and where."""
        heard = [*self.said, *(("an error", _words(error)) for error in self._errors)]
        for secret in self.secrets:
            for kind, text in heard:
                if secret in text:
                    yield f"{kind} tells the secret {secret!r}: {text[:300]!r}"


def _words(error: Error) -> str:
    notes = getattr(error, "__notes__", [])
    return "\n".join([str(error), repr(error), error.advice() or "", *notes, *traceback.format_exception_only(error)])


class Records(logging.Handler):
    """Hears every log record."""

    def __init__(self, sweep: Sweep) -> None:
        super().__init__(logging.DEBUG)
        self._sweep = sweep

    def emit(self, record: logging.LogRecord) -> None:
        self._sweep.hear("a log line", record.getMessage())
        if record.exc_info:
            self._sweep.hear("a logged traceback", "".join(traceback.format_exception(*record.exc_info)))


def swept(
    request: pytest.FixtureRequest, patch: pytest.MonkeyPatch, folders: Callable[[], list[Path]]
) -> Iterator[Sweep]:
    """Listen while a test runs, and fail it where it told a secret."""
    sweep = Sweep()
    _listen(sweep, patch)
    handler, root = Records(sweep), logging.getLogger()
    root.addHandler(handler)
    yield sweep
    root.removeHandler(handler)
    if request.node.get_closest_marker(MARK) is None:
        if sweep.secrets:
            for folder in folders():
                _look_into(folder, sweep)
        assert not (told := list(sweep.told())), told[0]


def _listen(sweep: Sweep, patch: pytest.MonkeyPatch) -> None:
    _after(patch, Secret, lambda _, text: sweep.hide(text))
    _after(patch, Error, lambda error, *_, **__: sweep.meet(error))
    for kind in (*_events(), Credential, Token, Proxy):
        _after(patch, kind, lambda value, *_, **__: sweep.hear(f"the repr of {type(value).__name__}", repr(value)))


def _after(patch: pytest.MonkeyPatch, kind: type, act: Callable[..., None]) -> None:
    """Let `act` see every new object of a class."""
    make: Callable[..., None] = kind.__init__  # type: ignore[misc]

    @functools.wraps(make)
    def made(self: Any, *args: Any, **named: Any) -> None:
        make(self, *args, **named)
        act(self, *args, **named)

    patch.setattr(kind, "__init__", made)


@functools.cache
def _events() -> tuple[type[Event], ...]:
    for module in pkgutil.walk_packages(pratique.__path__, "pratique."):
        if module.name.endswith(".events"):
            importlib.import_module(module.name)
    return tuple(Event.__subclasses__())


def _look_into(folder: Path, sweep: Sweep) -> None:
    for path in folder.rglob("*"):
        if _keeps(path):
            continue
        if path.is_file() and path.stat().st_size <= MOST_FILE_BYTES:
            sweep.hear(f"the file {path.name}", path.read_bytes().decode("latin-1"))


def _keeps(path: Path) -> bool:
    """Whether secrets are in the file on purpose; a stand-in for a helper has them, too."""
    return path.name in KEEPERS or path.name.startswith("docker-credential-")
