"""Members of a tar with their headers as they came, written anew where one field has to change (POSIX.1-2017, pax; GNU tar)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ...errors import InvalidInput
from ...stores.header import (
    BLOCK,
    DEVICES,
    FILE,
    FOLDER,
    REGULAR,
    SPARSE,
    SPARSE_RECORDS,
    decoded,
    encoded,
    is_number,
    number,
)
from ...values import frozen, replace

MOST_NAME_BYTES: Final = 4096  # of a path, as in Linux's PATH_MAX
SPARSE_NAME: Final = f"{SPARSE_RECORDS}name"

_TIMES: Final = frozenset({"mtime", "atime", "ctime"})
_GNU: Final = b"ustar  \0"
_SECONDS: Final = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{0,20})?")
_SUSPECT: Final = (b"", b"/", b".")  # how names begin that have to be looked at
_SIZE_DIGITS: Final = 11


@frozen
class Member:
    """One member of a tar.

    `name` and `link` are normalised: from the root, without a slash at the beginning or end; the root itself is empty.
    `kind` is the type flag; `size` is what of content is in the tar, in bytes. `headers` are its blocks as they came, the
    `own` ones from that byte on and extended ones before them; `records` is what those of pax say.
    """

    name: bytes
    kind: bytes
    size: int
    link: bytes
    headers: bytes
    own: int
    records: Mapping[str, str]

    @property
    def is_folder(self) -> bool:
        return self.kind == FOLDER

    @property
    def is_file(self) -> bool:
        return self.kind in REGULAR or self.kind == SPARSE

    @property
    def length(self) -> int:
        """Of the content in bytes, holes of a sparse file included."""
        said = self.records.get(f"{SPARSE_RECORDS}realsize") or self.records.get(f"{SPARSE_RECORDS}size")
        if self.kind == SPARSE:
            return number(self.headers[self.own + 483 : self.own + 495])
        return int(said) if said and is_number(said) else self.size

    @property
    def is_sparse(self) -> bool:
        return self.kind == SPARSE or any(key.startswith(SPARSE_RECORDS) for key in self.records)

    @property
    def mode(self) -> int:
        """Permissions, without the type."""
        return number(self._field(100, 108)) & 0o7777

    @property
    def owner(self) -> tuple[int, int]:
        """The ids of user and group."""
        return self._id("uid", 108, 116), self._id("gid", 116, 124)

    @property
    def device(self) -> tuple[int, int]:
        """Major and minor of a device."""
        return number(self._field(329, 337)), number(self._field(337, 345))

    @property
    def modified(self) -> str:
        """When it was, in seconds since the epoch, as text: pax has fractions."""
        said = self.records.get("mtime") or str(number(self._field(136, 148)))
        if not _SECONDS.fullmatch(said):
            raise InvalidInput(f"{shown(self.name)} was modified at {said[:40]!r}, which is no time")
        return said

    def _field(self, start: int, end: int) -> bytes:
        return self.headers[self.own + start : self.own + end]

    def _id(self, key: str, start: int, end: int) -> int:
        said = self.records.get(key, "")
        return int(said) if is_number(said) else number(self._field(start, end))


def normal(name: bytes, what: str) -> bytes:
    """A name from the root, without `.` and slashes that say nothing. Raises InvalidInput for one that leaves the root."""
    name = name.rstrip(b"/")
    if name[:1] not in _SUSPECT and b"/." not in name and b"//" not in name and len(name) < MOST_NAME_BYTES:
        return name
    if len(name) > MOST_NAME_BYTES:
        raise InvalidInput(f"{what} has a name of {len(name)} bytes; at most {MOST_NAME_BYTES} are read")
    parts = [part for part in name.split(b"/") if part not in (b"", b".")]
    if b".." in parts:
        raise InvalidInput(
            f"{what} names {shown(name)}, which leads out of it",
            advice="the layer was made wrongly or with bad intent; nothing of it was written",
        )
    return b"/".join(parts)


def asked(path: str) -> bytes:
    """A path that somebody asks for as layers have names; empty for the root. Raises InvalidInput for one that leaves it."""
    if ".." in path.split("/"):
        raise InvalidInput(
            f"the path {path[:200]!r} leads out of the image", advice="name it from the root of the image"
        )
    return normal(encoded(path), "the path")


def shown(name: bytes) -> str:
    """A name for a message."""
    return repr(name[:200].decode("utf-8", "backslashreplace"))


def renamed(member: Member, name: bytes, link: bytes | None = None) -> Member:
    """The member under another name, and with another link where one is given."""
    records = {key: value for key, value in member.records.items() if key != "path"}
    own = _named(member.headers[member.own :], name, records)
    if SPARSE_NAME in records:
        records[SPARSE_NAME] = decoded(name)
    target = member.link if link is None else link
    if target:
        records.pop("linkpath", None)
        own = _linked(own, target, records)
    before = extended(records)
    return replace(member, name=name, link=target, headers=before + own, own=len(before), records=records)


def resized(member: Member, size: int) -> Member:
    """The member as a regular file with content of another size, which has no holes."""
    own = bytearray(member.headers[member.own : member.own + BLOCK])
    own[156:157] = FILE
    own[124:136] = _octal(size)
    own[157:257] = bytes(100)
    if member.kind == SPARSE:
        own[345:500] = bytes(155)
    records = {
        key: value
        for key, value in member.records.items()
        if not key.startswith(SPARSE_RECORDS) and key not in ("size", "linkpath")
    }
    bare = Member(member.name, FILE, size, b"", sealed(bytes(own)), 0, records)
    return renamed(bare, member.name)


def made(
    name: bytes,
    kind: bytes = FILE,
    *,
    mode: int = 0o644,
    size: int = 0,
    link: bytes = b"",
    moment: int = 0,
    device: tuple[int, int] = (0, 0),
) -> Member:
    """A new member of user and group 0, as modified at `moment` in seconds since the epoch."""
    head = bytearray(BLOCK)
    head[100:124] = b"%07o\0" % mode + b"0000000\0" * 2
    head[124:148] = _octal(size) + _octal(moment)
    head[156:157] = kind
    head[257:265] = b"ustar\x0000"
    if kind in DEVICES:
        head[329:345] = b"%07o\0%07o\0" % device
    return renamed(Member(name, kind, size, link, bytes(head), 0, {}), name)


def retimed(member: Member, seconds: int) -> Member:
    """The member as last modified at `seconds` since the epoch, and never read."""
    own = bytearray(member.headers[member.own :])
    own[136:148] = _octal(seconds)
    if own[257:265] == _GNU:
        own[345:369] = bytes(24)
    records = {key: value for key, value in member.records.items() if key not in _TIMES}
    sealed_own = sealed(bytes(own[:BLOCK])) + bytes(own[BLOCK:])
    if len(records) == len(member.records):
        return replace(member, headers=member.headers[: member.own] + sealed_own)
    timed = replace(member, headers=sealed_own, own=0, records=records)
    return renamed(timed, member.name)


def with_records(member: Member, records: Mapping[str, str]) -> Member:
    """The member with these records before it, and with what GNU's long names say as records."""
    return renamed(replace(member, records=records), member.name)


def extended(records: Mapping[str, str]) -> bytes:
    """The extended header with these records; nothing where there are none (pax, §pax Extended Header)."""
    if not records:
        return b""
    body = b"".join(_record(key, value) for key, value in records.items())
    head = bytearray(BLOCK)
    head[:15] = b"././@PaxHeader\0"
    head[100:124] = b"0000644\0" + b"0000000\0" * 2
    head[124:148] = _octal(len(body)) + _octal(0)
    head[156:157] = b"x"
    head[257:265] = b"ustar\x0000"
    return sealed(bytes(head)) + body + bytes(-len(body) % BLOCK)


def sealed(block: bytes) -> bytes:
    """A header with its checksum."""
    total = sum(block[:148]) + 8 * 32 + sum(block[156:BLOCK])
    return block[:148] + b"%06o\0 " % total + block[156:]


def parents(name: bytes) -> Iterator[bytes]:
    """The folders that a name is in, from the nearest up to the root."""
    while name:
        name = parent(name)
        yield name


def parent(name: bytes) -> bytes:
    """The folder that a name is in; the root's is the root."""
    return name.rpartition(b"/")[0]


def _named(own: bytes, name: bytes, records: dict[str, str]) -> bytes:
    """A header with a name, or with a record for one that is too long."""
    written = (name or b".") + b"/" if own[156:157] == FOLDER else name
    head = bytearray(own[:BLOCK])
    if own[257:263] == b"ustar\0":
        head[345:500] = bytes(155)
    if len(written) > 100 or not written.isascii():
        records["path"] = decoded(written)
    head[:100] = written[:100].ljust(100, b"\0")
    return sealed(bytes(head)) + own[BLOCK:]


def _linked(own: bytes, link: bytes, records: dict[str, str]) -> bytes:
    head = bytearray(own[:BLOCK])
    if len(link) > 100 or not link.isascii():
        records["linkpath"] = decoded(link)
    head[157:257] = link[:100].ljust(100, b"\0")
    return sealed(bytes(head)) + own[BLOCK:]


def _record(key: str, value: str) -> bytes:
    body = b" %b=%b\n" % (encoded(key), encoded(value))
    length = len(body)
    while length != len(b"%d" % length) + len(body):  # the length counts its own digits
        length = len(b"%d" % length) + len(body)
    return b"%d" % length + body


def _octal(value: int) -> bytes:
    if 0 <= value < 8**_SIZE_DIGITS:
        return b"%011o\0" % value
    return bytes([0x80 if value >= 0 else 0xFF]) + value.to_bytes(_SIZE_DIGITS, "big", signed=value < 0)
