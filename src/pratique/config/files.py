"""Reading and replacing small configuration files."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidInput
from ..expressions import expression

MOST_BYTES: Final = 16 << 20  # of a configuration file; a larger one is something else
SECRET_MODE: Final = 0o600

_INDENTATION = expression(r"\{\r?\n([ \t]+)")  # of the first line within an object


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file. Raises InvalidInput, naming the file."""
    raw = read(path)
    return None if raw is None else parse_json(raw, str(path))


def read(path: Path, most_bytes: int = MOST_BYTES) -> bytes | None:
    """The content of a file; None where there is no file. Raises InvalidInput, naming the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(most_bytes + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > most_bytes:
        raise InvalidInput(f"{path} has more than {most_bytes} bytes")
    return raw


def is_open_to_all(path: str | os.PathLike[str]) -> bool:
    """Whether everybody on this machine may read a file."""
    try:
        return bool(os.stat(path).st_mode & stat.S_IROTH)
    except OSError:
        return False  # it has gone since it was read


def parse_json(raw: bytes, place: str) -> dict[str, Any]:
    """The JSON object that some bytes are; nothing at all is an empty one. Raises InvalidInput, naming the place."""
    import json

    try:
        document = json.loads(raw.decode("utf-8-sig")) if raw.strip() else {}
    except UnicodeDecodeError:
        raise InvalidInput(f"{place} is not JSON: it is not UTF-8") from None
    except RecursionError:
        raise InvalidInput(f"{place} is not JSON that is read here: it is nested too deeply") from None
    except ValueError as error:
        raise InvalidInput(f"{place} is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise InvalidInput(f"{place} is not a JSON object")
    return document


def replace_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file atomically by one that only its owner may read, indented as the one before.

    Raises InvalidInput where it cannot be written.
    """
    import tempfile

    target = Path(os.path.realpath(path))  # a link stays a link
    text = _format(document, read(target) or b"")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), SECRET_MODE)
            _give(file.fileno(), target)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _format(document: Mapping[str, Any], before: bytes) -> str:
    """A document as text, in the manner of what the file held: its indentation, and whether its last line ends."""
    old = before.decode("utf-8-sig", "replace")
    if not old.strip():
        return _dump(document, indent="\t") + "\n"
    indented = _INDENTATION.search(old)
    separators = None if indented or ": " in old else (",", ":")
    text = _dump(document, indent=indented[1] if indented else None, separators=separators)
    return text + ("\n" if old.endswith("\n") else "")


def _dump(document: Mapping[str, Any], *, indent: str | None, separators: tuple[str, str] | None = None) -> str:
    """A document as JSON, in letters as they are; half of a surrogate pair can only be escaped."""
    import json

    text = json.dumps(document, indent=indent, separators=separators, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(document, indent=indent, separators=separators)
    return text


def _give(descriptor: int, target: Path) -> None:
    """Leave a file to its owner, where root changes it."""
    with contextlib.suppress(OSError):
        status = target.stat()
        os.fchown(descriptor, status.st_uid, status.st_gid)
