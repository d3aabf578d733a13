"""What the header of a tar's member says, which is a block of 512 bytes (POSIX.1-2017, pax, §ustar and §pax; GNU tar).

`tarfile` needs ten times as long for one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final
from zlib import adler32

from ..errors import InvalidInput

BLOCK: Final = 512  # bytes
MOST_EXTENDED_BYTES: Final = 1 << 20  # of one extended header, which is read into memory

FILE: Final = b"0"
LINK: Final = b"1"
SYMBOLIC: Final = b"2"
CHARACTER_DEVICE: Final = b"3"
BLOCK_DEVICE: Final = b"4"
FOLDER: Final = b"5"
PIPE: Final = b"6"
SPARSE: Final = b"S"
GLOBAL: Final = b"g"
DEVICES: Final = frozenset({CHARACTER_DEVICE, BLOCK_DEVICE})
LINKS: Final = frozenset({LINK, SYMBOLIC})
REGULAR: Final = frozenset({FILE, b"\0", b"7"})
WITHOUT_CONTENT: Final = frozenset({FOLDER, PIPE}) | LINKS | DEVICES

SPARSE_RECORDS: Final = "GNU.sparse."  # how the keywords begin by which pax has sparse files
_OFFSET: Final = f"{SPARSE_RECORDS}offset"
_SPAN: Final = f"{SPARSE_RECORDS}numbytes"

_PAX: Final = frozenset({b"x", b"X"})
_LONG: Final = {b"L": "path", b"K": "linkpath"}  # GNU's headers before pax
EXTENDED: Final = _PAX | _LONG.keys() | {GLOBAL}

_OVERALL: Final = frozenset({"path", "linkpath", "size"})  # what a global header must not say
_MODULUS: Final = 65521  # of adler32
_MOST_SIZE: Final = 2**63 - 1  # bytes; sizes are int64
_MOST_DIGITS: Final = 19


def is_whole(block: bytes) -> bool:
    """Whether the checksum of a header is right."""
    field = block[148:156]
    try:
        said = int(field.strip(b" \0"), 8)
    except ValueError:
        return False
    # The low half of adler32 is one more than the sum of the bytes, at a tenth of the cost of `sum`.
    return ((adler32(block) & 0xFFFF) - said - sum(field) + 255) % _MODULUS == 0 or _signed(block) == said


def _signed(block: bytes) -> int:
    """The sum as programs of long ago made it, of bytes with signs."""
    summed = block[:148] + b" " * 8 + block[156:]
    return sum(byte - 256 if byte > 127 else byte for byte in summed)


def number(field: bytes) -> int:
    """A number in octal digits, or in base 256 as GNU writes large ones. Raises InvalidInput for anything else."""
    digits = field.rstrip(b"\0 ").lstrip(b" ") or b"0"
    try:
        if digits.isdigit():  # `int` also takes signs and underscores
            return int(digits, 8)
    except ValueError:  # of an 8 or a 9
        pass
    if not field[0] & 0x80:
        raise InvalidInput(f"a header of a tar has {field!r} in the place of a number")
    return int.from_bytes(field, "big", signed=True) if field[0] == 0xFF else int.from_bytes(field[1:], "big")


def is_number(said: str) -> bool:
    """Whether a record of pax says a number that is not too long to be one."""
    return said.isascii() and said.isdigit() and len(said) <= _MOST_DIGITS


def text(field: bytes) -> bytes:
    """A field up to its end."""
    return field.split(b"\0", 1)[0]


def decoded(name: bytes) -> str:
    """A name as text, from which the same bytes can be had again."""
    return name.decode("utf-8", "surrogateescape")


def encoded(name: str) -> bytes:
    """A name of a tar, from its text."""
    return name.encode("utf-8", "surrogateescape")


def name_of(block: bytes) -> bytes:
    """The name in a header, with the prefix of ustar."""
    if block[257:263] == b"ustar\0" and block[345]:
        return text(block[345:500]) + b"/" + text(block[:100])
    return text(block[:100])


def link_of(block: bytes) -> bytes:
    """What a header says that a link leads to."""
    return text(block[157:257])


def kind_of(block: bytes, name: bytes) -> bytes:
    """The type flag of a member of this name; folders were written without a type of their own once."""
    kind = block[156:157]
    return FOLDER if kind == b"\0" and name.endswith(b"/") else kind


def size_of(block: bytes, records: Mapping[str, str], kind: bytes, what: str) -> int:
    """How long the content after a header is, in bytes. Raises InvalidInput, which names `what` it is in."""
    if kind in WITHOUT_CONTENT:
        return 0
    said = records.get("size")
    if said is not None and not is_number(said):
        raise InvalidInput(f"{what} has a member of {said[:40]!r} bytes")
    size = number(block[124:136]) if said is None else int(said)
    if not 0 <= size <= _MOST_SIZE:
        raise InvalidInput(f"{what} has a member of {size} bytes")
    return size


def extended_size(block: bytes, what: str) -> int:
    """How long an extended header is, in bytes. Raises InvalidInput for one that is not to be read into memory."""
    size = number(block[124:136])
    if not 0 <= size <= MOST_EXTENDED_BYTES:
        raise InvalidInput(f"{what} has an extended header of {size} bytes")
    return size


def extension(kind: bytes, raw: bytes, what: str) -> dict[str, str]:
    """The records of an extended header; GNU's long names are such, too.

    Raises InvalidInput, also for a global one that gives all members one name.
    """
    if kind in _LONG:
        return {_LONG[kind]: decoded(text(raw))}
    records = dict(_records(raw, what))
    if _OFFSET in records:
        records = _mapped(records, [value for key, value in _records(raw, what) if key in (_OFFSET, _SPAN)])
    if kind == GLOBAL and records.keys() & _OVERALL:
        raise InvalidInput(f"{what} gives all of its members one name or size")
    return records


def _mapped(records: Mapping[str, str], spans: list[str]) -> dict[str, str]:
    """Records in which the two that GNU's first sparse files repeat for each of their parts are the list of its second ones."""
    others = {key: value for key, value in records.items() if key not in (_OFFSET, _SPAN)}
    return others | {f"{SPARSE_RECORDS}map": ",".join(spans)}


def _records(raw: bytes, what: str) -> Iterator[tuple[str, str]]:
    """The records `length keyword=value` of a pax header; `length` counts all of the record, with its end of line."""
    position = 0
    while position < len(raw):
        digits = raw[position : position + _MOST_DIGITS + 1].partition(b" ")[0]
        length = int(digits) if digits.isdigit() and len(digits) <= _MOST_DIGITS else 0
        record = raw[position + len(digits) + 1 : position + length]
        keyword, equals, value = record.removesuffix(b"\n").partition(b"=")
        if not (keyword and equals and record.endswith(b"\n")) or position + length > len(raw):
            raise InvalidInput(f"{what} has an extended header that cannot be read")
        yield decoded(keyword), decoded(value)
        position += length
