"""`docker-credential-pratique`: our credentials for other tools, by the protocol of credential helpers.

The action is the one argument. What comes of it, also what went wrong, is printed on standard output; the exit code is 0 or 1.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from ..version import VERSION

if TYPE_CHECKING:
    from ..config.keychain import Keychain

MOST_BYTES: Final = 1 << 20  # of what is to be stored or asked for
FAILED: Final = 1


def main(argv: Sequence[str] | None = None) -> int:
    """Do one action; the result is the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["version"], ["--version"], ["-v"]):
        print(f"docker-credential-pratique {VERSION}")
        return 0
    if len(words) != 1:
        print("usage: docker-credential-pratique get|store|erase|list|version")
        return FAILED
    return serve(words[0])


def serve(action: str) -> int:
    """Do one action of the protocol with standard input and output; the result is the exit code."""
    from ..config.keychain import Keychain
    from ..errors import Error

    do = ACTIONS.get(action)
    if do is None:
        print(f"there is no action {action[:80]!r}")
        return FAILED
    try:
        answer = do(Keychain(os.environ), sys.stdin.read(MOST_BYTES) if action != "list" else "")
    except (Error, OSError) as error:
        print(error)
        return FAILED
    except UnicodeDecodeError:
        print("standard input is not UTF-8")
        return FAILED
    if answer is not None:
        print(json.dumps(answer))
    return 0


def _get(keychain: Keychain, text: str) -> dict[str, str]:
    server = text.strip()
    username, secret = keychain.get(server)
    return {"ServerURL": server, "Username": username, "Secret": secret}


def _store(keychain: Keychain, text: str) -> None:
    from ..config.files import parse_json
    from ..errors import InvalidInput

    document = parse_json(text.encode("utf-8", "replace"), "what is to be stored")
    fields = [document.get(name, "") for name in ("ServerURL", "Username", "Secret")]
    if not all(isinstance(field, str) for field in fields):
        raise InvalidInput("'ServerURL', 'Username' and 'Secret' are strings")
    keychain.store(*fields)


def _erase(keychain: Keychain, text: str) -> None:
    keychain.erase(text.strip())


def _list(keychain: Keychain, _: str) -> dict[str, str]:
    return keychain.list()


ACTIONS: Final[dict[str, Callable[[Keychain, str], dict[str, Any] | None]]] = {
    "get": _get,
    "store": _store,
    "erase": _erase,
    "list": _list,
}


if __name__ == "__main__":
    sys.exit(main())
