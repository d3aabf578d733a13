"""Reading and replacing small configuration files."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from ..errors import InvalidInput

MOST_BYTES: Final = 16 << 20  # of a configuration file; a larger one is something else
SECRET_MODE: Final = 0o600


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file. Raises InvalidInput, naming the file."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}") from None
    if len(raw) > MOST_BYTES:
        raise InvalidInput(f"{path} has more than {MOST_BYTES} bytes")
    try:
        document = json.loads(raw.decode("utf-8-sig")) if raw.strip() else {}
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{path} is not JSON: {str(error) or 'nested too deeply'}") from None
    if not isinstance(document, dict):
        raise InvalidInput(f"{path} is not a JSON object")
    return document


def replace_json(path: Path, document: Mapping[str, Any]) -> None:
    """Replace a file atomically by one that only its owner may read. Raises InvalidInput where it cannot be written."""
    target = Path(os.path.realpath(path))  # a link stays a link
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(file.fileno(), SECRET_MODE)
            file.write(json.dumps(document, indent="\t", ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(target)
    except OSError as error:
        Path(temporary).unlink(missing_ok=True)
        raise InvalidInput(f"{path} cannot be written: {error.strerror}") from None
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
