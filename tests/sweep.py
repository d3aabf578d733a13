"""A sweep over everything that a test made Pratique say: no secret that was in use stands in it.

It runs after every test of the suite. Secrets are what became a `Secret`: passwords, tokens, values of `Authorization`. Looked at
are

* log records, and standard output and error of commands,
* every error of ours with its notes, its advice and the exceptions that it came from, and whatever a test caught,
* every event, and the `repr` of credentials, tokens and proxies,
* the arguments of programs that Pratique starts,
* files that Pratique wrote, wherever they are and also where it removed them again, and what a test left in its home and in its
  folder for temporary files.

Of short secrets (`T1`) those that are no words are looked for, as words. A test whose very point is to print or keep one says so:
`@pytest.mark.tells_secrets("why")`.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import importlib
import logging
import os
import pkgutil
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

import pratique
from pratique.auth.credentials import Credential
from pratique.auth.secret import Secret
from pratique.auth.tokens import Token
from pratique.errors import Error
from pratique.http.events import Event
from pratique.http.reach import Proxy

LEAST_CHARACTERS: Final = 8  # of a secret that is looked for everywhere: shorter ones are in many words
MOST_SAID: Final = 20_000  # things of one kind that are kept of one test
MOST_FILE_BYTES: Final = 1 << 20  # of a file that is looked into
MARK: Final = "tells_secrets"

# Passwords of tests that are also words of Pratique's own, or of the tests' names.
_WORD: Final = re.compile(r"[a-z]+|[A-Z]+", re.ASCII)
# Short ones that stand for themselves: `T`, `T1`, `P2`, `R-b`; `A` is a word as well.
_SIGN: Final = re.compile(r"[B-Z](-?[a-z0-9]{1,2})?", re.ASCII)

# What a file is called until it takes its place (`config/files.py`).
_BECOMING: Final = re.compile(r"^\.(.+)\.[a-z0-9_]{8}$", re.ASCII)

PACKAGE: Final = str(Path(pratique.__file__).parent)
TESTS: Final = str(Path(__file__).parent)

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
        self.signs: set[str] = set()
        self.written: set[str] = set()
        self.said: list[tuple[str, str]] = []
        self._errors: list[Error] = []

    def hide(self, secret: str) -> None:
        """Note a secret. What precedes the last space (`Basic `, `Bearer `) is none."""
        text = secret.rpartition(" ")[2]
        if len(text) >= LEAST_CHARACTERS and not _WORD.fullmatch(text):
            self.secrets.add(text)
        elif _SIGN.fullmatch(text):
            self.signs.add(text)

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
        heard = [*self.said, *(("an error", words) for error in self._errors for words in _words(error))]
        expressions = [re.escape(secret) for secret in self.secrets]
        expressions += [rf"(?<![\w+/.=-]){re.escape(sign)}(?![\w+/.=-])" for sign in self.signs]
        told = re.compile("|".join(expressions) or "(?!)")  # which matches nothing
        for kind, text in heard:
            if found := told.search(text):
                yield f"{kind} tells the secret {found[0]!r}: {text[:300]!r}"


def _words(error: BaseException) -> Iterator[str]:
    """What an exception says, and what it came from, as far as a traceback shows that."""
    advice = error.advice() if isinstance(error, Error) else None
    notes = getattr(error, "__notes__", [])
    yield "\n".join([str(error), repr(error), advice or "", *notes, *traceback.format_exception_only(error)])
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _words(before)


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
    WATCH.begin(sweep)
    yield sweep
    WATCH.end()
    root.removeHandler(handler)
    if request.node.get_closest_marker(MARK) is None:
        look(sweep, folders())
        assert not (told := list(sweep.told())), told[0]


def _listen(sweep: Sweep, patch: pytest.MonkeyPatch) -> None:
    _after(patch, Secret, lambda _, text: sweep.hide(text))
    _after(patch, Error, lambda error, *_, **__: sweep.meet(error))
    _after_caught(patch, sweep)
    _after(patch, Proxy, lambda proxy, *_, **__: _hide_both(sweep, proxy.authorization))
    for kind in (*_events(), Credential, Token, Proxy):
        _after(patch, kind, lambda value, *_, **__: sweep.hear(f"the repr of {type(value).__name__}", repr(value)))


def _hide_both(sweep: Sweep, authorization: str | None) -> None:
    """Note a value for Basic, and the password in it."""
    if authorization:
        sweep.hide(authorization)
        sweep.hide(base64.b64decode(authorization.rpartition(" ")[2]).decode("utf-8", "replace").partition(":")[2])


def _after_caught(patch: pytest.MonkeyPatch, sweep: Sweep) -> None:
    """Hear what a test catches, ours or not."""
    fill = pytest.ExceptionInfo.fill_unfilled

    def filled(self: Any, caught: Any) -> None:
        fill(self, caught)
        for words in _words(caught[1]):
            sweep.hear("a caught exception", words)

    patch.setattr(pytest.ExceptionInfo, "fill_unfilled", filled)


class Watch:
    """Sees which files Pratique writes and removes, and with which arguments it starts programs, in any of its threads.

    An audit hook stays for as long as the process does: there is one, which tells the sweep of the moment.
    """

    def __init__(self) -> None:
        self._sweep: Sweep | None = None
        self._hooked = False
        self._busy = threading.local()

    def begin(self, sweep: Sweep) -> None:
        if not self._hooked:
            sys.addaudithook(self._hook)
            self._hooked = True
        self._sweep = sweep

    def end(self) -> None:
        self._sweep = None

    def _hook(self, event: str, arguments: tuple[Any, ...]) -> None:
        see, sweep = _SEEN.get(event), self._sweep
        if see is None or sweep is None or getattr(self._busy, "now", False):
            return
        self._busy.now = True
        try:
            see(sweep, *arguments)
        finally:
            self._busy.now = False


def _absolute(path: str | os.PathLike[str]) -> str:
    with contextlib.suppress(FileNotFoundError):  # the folder that one is in may be gone
        return str(Path.cwd() / path)
    return str(path)


def _opened(sweep: Sweep, path: object, mode: object, flags: int) -> None:
    is_written = flags & (os.O_WRONLY | os.O_RDWR)
    if is_written and isinstance(path, str | os.PathLike) and len(sweep.written) < MOST_SAID and _is_by_us():
        sweep.written.add(_absolute(path))


def _renamed(sweep: Sweep, old: object, new: object, *_: object) -> None:
    if isinstance(old, str | os.PathLike) and _absolute(old) in sweep.written:
        sweep.written.add(_absolute(str(new)))


def _removed(sweep: Sweep, path: object, *_: object) -> None:
    if isinstance(path, str | os.PathLike) and _absolute(path) in sweep.written:
        _look_at(Path(path), sweep)


def _started(sweep: Sweep, _: object, arguments: object, *__: object) -> None:
    if isinstance(arguments, list | tuple) and _is_by_us():
        sweep.hear("an argument of a program", " ".join(map(str, arguments)))


_SEEN: Final[dict[str, Callable[..., None]]] = {
    "open": _opened,
    "os.rename": _renamed,
    "os.remove": _removed,
    "subprocess.Popen": _started,
}


def _is_by_us() -> bool:
    """Whether it is Pratique that does this, and not a test by itself."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(PACKAGE):
            return True
        if name.startswith(TESTS) and name != __file__:
            return False
        frame = frame.f_back
    return False


WATCH: Final = Watch()


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


def look(sweep: Sweep, folders: Iterable[Path]) -> None:
    """Read the files that were written, and all that is in the folders."""
    if sweep.secrets or sweep.signs:
        for path in {*map(Path, sweep.written), *(path for folder in folders for path in folder.rglob("*"))}:
            _look_at(path, sweep)


def _look_at(path: Path, sweep: Sweep) -> None:
    with contextlib.suppress(OSError):
        if not _keeps(path) and path.is_file() and path.stat().st_size <= MOST_FILE_BYTES:
            sweep.hear(f"the file {path.name}", path.read_bytes().decode("latin-1"))


def _keeps(path: Path) -> bool:
    """Whether secrets are in the file on purpose, or in what is to take its place; a stand-in for a helper has them, too."""
    name = _BECOMING.sub(r"\1", path.name)
    return name in KEEPERS or name.startswith("docker-credential-")
