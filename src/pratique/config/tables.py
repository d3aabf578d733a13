"""TOML that people wrote: read within limits, and looked at one checked key at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from ..errors import InvalidInput
from ..values import field, frozen
from .files import read

MOST_BYTES: Final = 1 << 20  # of a file; the parser is written in Python, and a person writes no more
MOST_SHOWN: Final = 80  # characters of a value that is not understood


@frozen
class Table:
    """A table of a file; `where` is its own key and a dot, or empty. The values are not shown: they may be secrets."""

    path: Path
    where: str = ""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, path: Path) -> Table | None:
        """The table of a whole file; None where there is no file. Raises InvalidInput, naming file and line."""
        raw = read(path, MOST_BYTES)
        return None if raw is None else cls(path, "", _parse(raw, path))

    def text(self, key: str) -> str:
        """A string; empty where it is absent. Raises InvalidInput."""
        return str(self._get(key, str, "a string", ""))

    def flag(self, key: str) -> bool:
        """A boolean; False where it is absent. Raises InvalidInput."""
        return bool(self._get(key, bool, "true or false", default=False))

    def number(self, key: str, least: int, most: int) -> int | None:
        """A whole number within limits; None where it is absent. Raises InvalidInput."""
        found = self._get(key, int, "a whole number", None)
        if found is None:
            return None
        if isinstance(found, bool) or not least <= found <= most:
            self.refuse(key, f"is not a whole number from {least} to {most}")
        return int(found)

    def texts(self, key: str) -> tuple[str, ...] | None:
        """A list of strings; None where it is absent. Raises InvalidInput."""
        found = self._get(key, list, "a list of strings", None)
        if found is None:
            return None
        if not all(isinstance(item, str) for item in found):
            self.refuse(key, "is not a list of strings")
        return tuple(found)

    def table(self, key: str) -> Table:
        """A table within; an empty one where it is absent. Raises InvalidInput."""
        return Table(self.path, f"{self.where}{key}.", self._get(key, dict, "a table", {}))

    def tables(self, key: str) -> Iterator[Table]:
        """An array of tables; none where it is absent. Raises InvalidInput."""
        for number, item in enumerate(self._get(key, list, "an array of tables", [])):
            if not isinstance(item, dict):
                self.refuse(key, "is not an array of tables")
            yield Table(self.path, f"{self.where}{key}[{number}].", item)

    def check(self, known: Iterable[str]) -> None:
        """Raise InvalidInput for a key that nobody knows: it may forbid or restrict something."""
        for key in self.others(known):
            self.refuse(key[:MOST_SHOWN], "is not known", f"known are {', '.join(known)}")

    def others(self, known: Iterable[str]) -> Iterator[str]:
        """The keys that are not `known`."""
        yield from (key for key in self.values if key not in frozenset(known))

    def refuse(self, key: str, problem: str, advice: str | None = None) -> NoReturn:
        """Raise InvalidInput for a key: the file, the key and the problem."""
        raise InvalidInput(f"{self.path}: {self.where}{key} {problem}", advice=advice)

    def _get(self, key: str, kind: type, words: str, default: Any) -> Any:
        value = self.values.get(key, default)
        if key in self.values and not isinstance(value, kind):
            self.refuse(key, f"is not {words}")
        return value


def _parse(raw: bytes, path: Path) -> Mapping[str, Any]:
    import tomllib  # where there is no file, nobody waits for it

    try:
        return tomllib.loads(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidInput(f"{path} is not UTF-8") from None
    except (ValueError, RecursionError) as error:
        said = str(error) if isinstance(error, ValueError) else "nested too deeply"
        raise InvalidInput(f"{path} is not TOML: {said}") from None
