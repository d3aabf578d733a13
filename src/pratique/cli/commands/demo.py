"""Show what Pratique does, on a registry of its own: both reports that the project began with, and what came of them.

It starts the embedded registry on a free port of this machine, pushes an image for two platforms that it makes on the
spot, and runs the commands that it prints. Nothing is left behind.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ...client.connection import connect
from ...client.machine import Machine
from ...errors import Denied, Error, Unauthorized
from ...http.message import Body
from ...image.sample import Sample, image, index
from ...spec.platform import Platform
from ...spec.reference import Reference
from .. import options
from ..output import Output

EXAMPLES: Final = """examples:
  pratique demo"""

CREDS: Final = "captain:pratique"
PLATFORMS: Final = ("linux/amd64", "linux/arm64")

OPEN_PING: Final = """\
ping = "open"                 # /v2/ says that no credentials are needed ...
[users]
captain = "pratique"
[[repositories]]
pattern = "foo"               # ... and foo asks for them all the same
allow = { captain = ["pull", "push", "delete"] }
[[repositories]]
pattern = "bar"               # bar is for everybody
allow = { anonymous = ["pull"], captain = ["push"] }
"""

TOKENS: Final = """\
scheme = "bearer"
refusal = 403                 # a token that does not suffice is refused with 403 and the scope to ask for
[users]
captain = "pratique"
[[repositories]]
pattern = "foo"
allow = { captain = ["pull", "push", "delete"] }
"""


def configure(parser: argparse.ArgumentParser) -> None:
    options.add_global(parser)
    parser.set_defaults(run=run)


def run(_: argparse.Namespace, output: Output) -> int:
    with tempfile.TemporaryDirectory(prefix="pratique-demo-") as folder:
        stage = Stage(Path(folder), output)
        stage.first_report()
        stage.second_report()
    output.line("")
    output.line("Both went through. The registry is stopped, and nothing of it is left behind.")
    return 0


class Stage:
    """A folder, the registries on it, and the commands shown."""

    def __init__(self, folder: Path, output: Output) -> None:
        self._folder = folder
        self._output = output

    def first_report(self) -> None:
        """`/v2/` is open and a repository is not."""
        self._say("1. A registry says at /v2/ that no credentials are needed, and a repository of it asks for them.")
        with self._serving("open-ping.toml", OPEN_PING) as address:
            for repository in ("foo", "bar"):
                for tag, greeting in (("1.0", b"hello"), ("old", b"good old days")):
                    push(address, repository, tag, sample(greeting))
            self._output.line(
                f"(made an image for {' and '.join(PLATFORMS)}, and pushed it as foo:1.0, foo:old, bar:1.0, bar:old)"
            )
            self._shown("tags", f"{address}/foo", refused=Unauthorized.exit_code)
            self._shown("tags", "--creds", CREDS, f"{address}/foo")
            self._shown("tags", f"{address}/bar")
            self._shown("tags", "--details", f"{address}/bar")
            self._shown("inspect", "--creds", CREDS, f"{address}/foo:1.0")
            self._shown("auth", "explain", "--creds", CREDS, f"{address}/foo:1.0")

    def second_report(self) -> None:
        """A token does not suffice, and the 403 names the scope that does."""
        self._say(
            "2. A registry with tokens refuses a DELETE with 403, and says in the challenge which scope to ask for."
        )
        with self._serving("tokens.toml", TOKENS) as address:
            self._shown("tags", "--anonymous", f"{address}/foo", refused=Denied.exit_code)
            self._shown("delete", "--debug", "--creds", CREDS, f"{address}/foo:old")
            self._shown("tags", "--creds", CREDS, f"{address}/foo")

    @contextmanager
    def _serving(self, name: str, access: str) -> Iterator[str]:
        file = self._folder / name
        file.write_text(access)
        for line in access.splitlines():
            self._output.line(f"    {line}")
        words = ["serve", "--address", "127.0.0.1:0", "--storage", "registry", "--access", name, "--json"]
        self._prompt(words)
        with subprocess.Popen(  # noqa: S603
            _command(words), cwd=self._folder, env=self._environment(), stdout=subprocess.PIPE
        ) as server:
            try:
                yield self._address(server)
            finally:
                server.terminate()
                server.wait()

    def _address(self, server: subprocess.Popen[bytes]) -> str:
        line = server.stdout.readline() if server.stdout else b""
        if not line:
            raise Error("the registry did not start")
        self._output.line(line.decode().rstrip())
        address: str = json.loads(line)["address"]
        return address

    def _shown(self, *words: str, refused: int = 0) -> None:
        """Run a command and show what came of it; it is part of the show that some are refused."""
        self._prompt(words)
        done = subprocess.run(  # noqa: S603
            _command(words),
            cwd=self._folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        for line in done.stdout.splitlines():
            self._output.line(line)
        if done.returncode != refused:
            raise Error(f"the demo went wrong: pratique {' '.join(words)} ended with {done.returncode}")

    def _environment(self) -> dict[str, str]:
        # The user's own logins play no part.
        return {
            **os.environ,
            "HOME": str(self._folder),
            "DOCKER_CONFIG": str(self._folder),
            "XDG_STATE_HOME": str(self._folder),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),  # this very Pratique, whatever it was started from
        }

    def _say(self, text: str) -> None:
        self._output.line("")
        self._output.line(text)
        self._output.line("")

    def _prompt(self, words: list[str] | tuple[str, ...]) -> None:
        self._output.line("")
        self._output.line(f"$ pratique {' '.join(words)}")


def sample(greeting: bytes) -> Sample:
    """An image for two platforms that says something."""
    script = b"#!/bin/sh\necho '" + greeting + b"'\n"
    labels = {"org.opencontainers.image.title": "demo"}
    return index(image(Platform.parse(platform), {"hello": script}, labels=labels) for platform in PLATFORMS)


def push(address: str, repository: str, tag: str, content: Sample) -> None:
    """Push an image to the demo's registry; what is stored on this machine plays no part."""
    with connect(address, credentials=CREDS, machine=Machine({}, registries_conf="none")) as registries:
        target = registries.target(Reference(address, repository))
        for part in content.below:
            target.push(part.descriptor, Body.of(part.raw).open)
        target.push(content.root.descriptor, Body.of(content.root.raw).open, tags=[tag])


def _command(words: list[str] | tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "pratique", *words]
