"""Stand-ins for credential helpers: small programs on the PATH that speak the protocol and note what they were asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

NOT_FOUND: Final = "credentials not found in native keychain"

# What was read is noted with a sign at its end, so that a line end would be seen.
NOTING: Final = """#!/bin/sh
given=$(cat; echo '|')
printf '%s\\n' "$1 $given" >> '{log}'
given=${{given%|}}
"""

# A key ring: everything that the protocol has, kept in one file.
KEY_RING: Final = """#!{python} -ISE
import json, pathlib, sys
kept, log = pathlib.Path({kept!r}), open({log!r}, "a")
ring = json.loads(kept.read_text()) if kept.exists() else {{}}
action, given = sys.argv[1], sys.stdin.read()
server = json.loads(given)["ServerURL"] if action == "store" else given
print(action, server + "|", file=log)
if action == "store":
    ring[server] = json.loads(given)
elif action == "list":
    print(json.dumps({{server: each["Username"] for server, each in ring.items()}}))
elif server not in ring:
    print({not_found!r})
    sys.exit(1)
elif action == "get":
    print(json.dumps(ring[server]))
else:
    del ring[server]
kept.write_text(json.dumps(ring))
"""


class StandIns:
    """Programs in a folder that comes first on the PATH."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder / "helpers"
        self._folder.mkdir()
        monkeypatch.setenv("PATH", f"{self._folder}{os.pathsep}{os.environ.get('PATH', os.defpath)}")

    def script(self, name: str, body: str) -> None:
        """A helper that is a few lines of shell; `$given` is what it read."""
        self._write(name, NOTING.format(log=self._log(name)) + body)

    def giving(self, name: str, credentials: Mapping[str, tuple[str, str]]) -> None:
        """A helper that has these users and secrets, by their servers, and nothing else."""
        cases = "".join(
            f"'get {server}') echo '{json.dumps({'ServerURL': server, 'Username': user, 'Secret': secret})}';;\n"
            for server, (user, secret) in credentials.items()
        )
        self.script(
            name,
            f'case "$1 $given" in\n{cases}get*) echo "{NOT_FOUND}"; exit 1;;\n*) echo "not implemented"; exit 1;;\nesac\n',
        )

    def key_ring(self, name: str) -> None:
        """A helper that keeps what it is given."""
        log, kept = str(self._log(name)), str(self._folder / f"{name}.json")
        self._write(name, KEY_RING.format(python=sys.executable, log=log, kept=kept, not_found=NOT_FOUND))

    def ours(self) -> None:
        """Our own, as it is installed."""
        self._write("pratique", f'#!/bin/sh\nexec {sys.executable} -m pratique.cli.helper "$@"\n')

    def asked(self, name: str) -> list[str]:
        """The action, and exactly what was read, of each time that it was started."""
        log = self._log(name)
        return log.read_text().splitlines() if log.exists() else []

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"

    def _write(self, name: str, text: str) -> None:
        program = self._folder / f"docker-credential-{name}"
        program.write_text(text)
        program.chmod(0o755)
