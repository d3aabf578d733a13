"""The examples of the documents: found in a page, run in this process, and compared with what the page shows.

A block of the language `console` is a terminal: a line after `$ ` is a command, what follows is what it prints. Every
such command of a page runs, from top to bottom, in an empty folder with the storage of a registry in `registry`. A block of
the language `pycon` is Python's prompt, in the same folder, and its names are those of all such blocks of a page. A block
whose language is followed by a name (`toml access.toml`) is written to a file of that name, and `docker-credential-NAME` can
be run. Blocks of any other language are left alone.

The pages write the ports that people would use; each `serve` gets a free one, and the output is put back. Times, tokens and
the width of columns differ from run to run and are not compared. Results go to a terminal, and standard error to a file that is
shown with them: bars that move cannot be printed.
"""

from __future__ import annotations

import doctest
import hashlib
import io
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from unittest import mock

from pratique.auth.authenticator import Authenticator
from pratique.auth.scopes import ScopeSet
from pratique.cli.main import main
from pratique.http.local import LocalTransport
from pratique.http.origin import Origin
from pratique.http.session import Session
from pratique.image.sample import Content, Sample
from pratique.server.app import RegistryApp
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.stores.registry import Repository
from tests.registries import push, sample

ROOT: Final = Path(__file__).parents[2]
HOME: Final = "/home/captain"  # what the pages call the user's home
HELPER: Final = "docker-credential-"  # what the name of a program begins with that a page has

# What is in the registry of every page; besides, `app` has an artifact that refers to its `1.0`.
SBOM: Final = "application/spdx+json"
CONTENT: Final = {
    "app": {"1.0": "hello", "1.1": "ahoy", "old": "goodbye", "stable": "hello"},
    "bar": {"1.0": "hello"},
    "foo": {"1.0": "hello"},
    "foo/bar": {"1.0": "hello", "qux": "qux"},
}

_FENCE = re.compile(r"^```(\S*)[ ]*(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_ASSIGNMENT = re.compile(r"[A-Z_]+=")  # a variable of the environment for one command
_CHANGING: Final = (
    (re.compile(r"\b\d+ ms\b"), "1 ms"),
    (re.compile(r'"seconds": [0-9.e-]+'), '"seconds": 0.001'),
    (re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+"), "eyJ…"),
)


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, the name after it, and where its text is in the page."""

    language: str
    name: str
    start: int
    text: str


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page."""
    for found in _FENCE.finditer(page):
        yield Block(found[1], found[2], found.start(3), found[3])


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a terminal, and what is shown below each."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, shown = part.partition("\n")
        yield command, shown


def normal(text: str) -> str:
    """Output without what differs from run to run."""
    lines = (re.sub(r" {2,}", "  ", line.strip()) for line in constant(text).splitlines())
    return "\n".join(lines).strip("\n")


def constant(text: str) -> str:
    """Output with one time and one token for all."""
    for pattern, replacement in _CHANGING:
        text = pattern.sub(replacement, text)
    return text


def run_page(page: str, folder: Path) -> str:
    """The page as it would be if every output were the one of now; what differs only from run to run stays."""
    pieces: list[str] = []
    end = 0
    with Shell(folder) as shell:
        for block in blocks(page):
            if block.name:
                shell.write(block.name, block.text)
            if block.language == "console":
                pieces += [page[end : block.start], *(_again(shell, *each) for each in commands(block.text))]
            elif block.language == "pycon":
                pieces += [page[end : block.start], *(_typed(shell, each) for each in statements(block.text))]
            else:
                continue
            end = block.start + len(block.text)
    return "".join([*pieces, page[end:]])


def _again(shell: Shell, command: str, shown: str) -> str:
    printed = shell.run(command)
    if normal(printed) != normal(shown):
        shown = constant(printed).rstrip("\n")
        shown += "\n" if shown else ""
    return f"$ {command}\n{shown}"


def statements(text: str) -> Iterator[doctest.Example]:
    """The statements at Python's prompt, and what is shown below each."""
    yield from doctest.DocTestParser().get_examples(text)


def _typed(shell: Shell, statement: doctest.Example) -> str:
    first, *more = statement.source.splitlines()
    lines = [f">>> {first}", *(f"... {line}".rstrip() for line in more)]
    printed = shell.interpret(statement.source)
    shown = statement.want if normal(printed) == normal(statement.want) else constant(printed)
    return "\n".join([*lines, shown])


class Shell:
    """As much of a shell as the pages use: pipes, `<`, `>`, `&` behind `serve`, `echo $?`, `cat`, `sha256sum`, `sh FILE`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports: dict[str, str] = {}  # of the page, and the real ones
        self._code = 0
        self._names: dict[str, object] = {"__name__": "__main__"}  # of Python
        self._ending = ExitStack()
        self._programs: dict[str, Callable[[list[str]], int]] = {
            "pratique": _pratique,
            "echo": self._echo,
            "cat": _cat,
            "sha256sum": _sha256sum,
            "sh": self._sh,
        }

    def __enter__(self) -> Shell:
        fill(self._folder / "registry")
        self._ending.enter_context(_inside(self._folder))
        path = f"{self._folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        self._ending.enter_context(mock.patch.dict(os.environ, PATH=path))
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.close()

    def write(self, name: str, text: str) -> None:
        file = self._folder / name
        file.write_text(self._real(text))
        file.chmod(0o755 if name.startswith(HELPER) else 0o600)

    def run(self, command: str) -> str:
        """Everything that a command prints, as the page would have it."""
        lexer = shlex.shlex(self._real(command), posix=True, punctuation_chars="|&<>")
        lexer.whitespace_split = True
        words = list(lexer)
        if words[-1] == "&":
            return self._paged(self._serve(words[1:-1]))
        terminal, stdin = Stream(is_terminal=True), b""
        errors = Stream(beside=terminal)
        *before, last = _split(words, "|")
        for stage in before:
            pipe = Stream()
            self._call(stage, stdin, pipe, errors)
            stdin = pipe.content
        self._call(last, stdin, terminal, errors)
        return self._paged(terminal.content.decode())

    def interpret(self, source: str) -> str:
        """Everything that a statement of Python prints, as the page would have it; an error as its last line."""
        with redirect_stdout(io.StringIO()) as printed, mock.patch.object(sys, "displayhook", sys.__displayhook__):
            try:
                exec(compile(self._real(source), "an example", "single"), self._names)  # noqa: S102
            except Exception as error:
                print(f"Traceback (most recent call last):\n  ...\n{type(error).__qualname__}: {error}")
        return self._paged(printed.getvalue())

    def _call(self, words: list[str], stdin: bytes, out: Stream, errors: Stream) -> None:
        """Run one program, whose `<` and `>` name files."""
        source, target = _taken(words, "<"), _taken(words, ">")
        stdin = Path(source).read_bytes() if source else stdin
        out = Stream() if target else out
        variables = {}
        while _ASSIGNMENT.match(words[0]):
            name, _, value = words.pop(0).partition("=")
            variables[name] = value
        with (
            mock.patch.dict(os.environ, variables),
            mock.patch.object(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8")),
            redirect_stdout(out),
            redirect_stderr(errors),
        ):
            self._code = self._programs[words[0]](words[1:])
        if target:
            Path(target).write_bytes(out.content)

    def _serve(self, words: list[str]) -> str:
        """Start a registry on a free port instead of the page's."""
        at = words.index("--address") + 1
        host, _, port = words[at].rpartition(":")
        words[at] = f"{host}:0"
        server = self._ending.enter_context(
            subprocess.Popen([sys.executable, "-m", "pratique", *words], stdout=subprocess.PIPE, text=True)
        )
        self._ending.callback(server.terminate)
        assert server.stdout is not None
        line = server.stdout.readline()
        found = re.search(r"://[^:]+:(\d+)", line)
        assert found, f"the registry did not start: {line}"
        self._ports[port] = found[1]
        return line

    def _echo(self, words: list[str]) -> int:
        print(*(str(self._code) if word == "$?" else word for word in words))
        return 0

    def _sh(self, words: list[str]) -> int:
        """Run a script of the page by the system's shell, with a `pratique` that is this one."""
        programs = self._folder / ".programs"
        programs.mkdir(exist_ok=True)
        program = programs / "pratique"
        program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pratique "$@"\n')
        program.chmod(0o755)
        path = f"{programs}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", *words], env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
        )
        sys.stderr.write(done.stderr)
        sys.stdout.write(done.stdout)
        return done.returncode

    def _real(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = re.sub(rf":{shown}\b", f":{real}", text)
        return text

    def _paged(self, text: str) -> str:
        for shown, real in self._ports.items():
            text = re.sub(rf":{real}\b", f":{shown}", text)
        return text.replace(os.environ["HOME"], HOME)


class Stream(io.TextIOWrapper):
    """Where a command prints to: a terminal, a pipe, or what another stream is shown in."""

    def __init__(self, *, is_terminal: bool = False, beside: Stream | None = None) -> None:
        self._bytes: io.BytesIO = beside._bytes if beside else io.BytesIO()
        self._is_terminal = is_terminal
        super().__init__(self._bytes, "utf-8", write_through=True)

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def content(self) -> bytes:
        return self._bytes.getvalue()


def _pratique(words: list[str]) -> int:
    try:
        return main(words)
    except SystemExit as ended:
        return int(ended.code or 0)


def _cat(words: list[str]) -> int:
    for word in words:
        print(Path(word).read_text(), end="")
    return 0


def _sha256sum(_: list[str]) -> int:
    print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest(), " -")
    return 0


def _taken(words: list[str], sign: str) -> str | None:
    """Take a sign and the file that it names out of some words."""
    if sign not in words:
        return None
    at = words.index(sign)
    name = words[at + 1]
    del words[at : at + 2]
    return name


def _split(words: list[str], sign: str) -> Iterator[list[str]]:
    part: list[str] = []
    for word in words:
        if word == sign:
            yield part
            part = []
        else:
            part.append(word)
    yield part


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


# --- The registry of a page


def fill(folder: Path) -> None:
    """Push what every page's registry has to a storage, whoever may do what with it later."""
    origin = Origin.of("https://registry.test")
    transport = LocalTransport({origin: RegistryApp(Storage(folder)).handle})
    session: Session[ScopeSet] = Session(transport, Authenticator())
    for name, tags in CONTENT.items():
        repository = Repository(session, origin.netloc, name)
        for tag, greeting in tags.items():
            push(repository, sample(greeting), tag)
    push(Repository(session, origin.netloc, "app"), bill_of_materials(sample("hello").root))


def bill_of_materials(subject: Content) -> Sample:
    """A small artifact that refers to a manifest (image specification, manifest.md, `subject`)."""
    config = Content.of(b"{}", media.OCI_EMPTY)
    layer = Content.of(b'{"spdxVersion": "SPDX-2.3"}', SBOM)
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": SBOM,
        "config": config.descriptor.to_json(),
        "layers": [layer.descriptor.to_json()],
        "subject": subject.descriptor.to_json(),
    }
    return Sample(Content.of_json(document, media.OCI_MANIFEST), (config, layer))
