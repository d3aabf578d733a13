"""What an image's config says of running it, changed a field at a time (config.md §Properties). Each function makes an edit.

A text or list is set; None takes it away.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final

from ..errors import InvalidInput, Misbehaved
from ..spec import document as reading
from ..spec.platform import Platform
from ..values import replace
from .image import Edit, Image

CREATED: Final = "org.opencontainers.image.created"

_NOTHING: Final[Mapping[str, str]] = {}


def all_of(edits: Iterable[Edit]) -> Edit:
    """Edits one after another as one."""
    listed = tuple(edits)
    return lambda image: reduce(lambda changed, edit: edit(changed), listed, image)


def environment(values: Mapping[str, str] = _NOTHING, removed: Collection[str] = ()) -> Edit:
    """Set variables, each in its place or at the end, and take others away."""
    _check(values, removed)
    for name in (*values, *removed):
        if not name or "=" in name or "\0" in name:
            raise InvalidInput(f"{name[:80]!r} is no name of a variable")

    def change(old: Sequence[str]) -> list[str] | None:
        left = dict(values)
        kept = [_assigned(entry, left) for entry in old if _name(entry) not in removed]
        return [*kept, *(f"{name}={value}" for name, value in left.items())] or None

    return lambda image: _set(image, "Env", change(_texts(image, "Env")))


def labels(values: Mapping[str, str] = _NOTHING, removed: Collection[str] = ()) -> Edit:
    """Set labels, and take others away."""
    _check(values, removed)
    return lambda image: _set(image, "Labels", _changed(_mapping(image, "Labels"), values, removed))


def annotate(values: Mapping[str, str] = _NOTHING, removed: Collection[str] = ()) -> Edit:
    """Set annotations of the manifest, and take others away."""
    _check(values, removed)
    return lambda image: image.annotated(_changed(image.annotations, values, removed) or {})


def entrypoint(words: Sequence[str] | None) -> Edit:
    """Set the program with its first arguments; Cmd is taken away, which was meant for another."""
    return lambda image: _set(_set(image, "Cmd", None), "Entrypoint", list(words) if words is not None else None)


def command(words: Sequence[str] | None) -> Edit:
    """Set the arguments, or the program where there is no entrypoint."""
    return _setting("Cmd", list(words) if words is not None else None)


def user(text: str | None) -> Edit:
    """Set the user, and group after a colon."""
    return _setting("User", text)


def folder(path: str | None) -> Edit:
    """Set the folder in which the program begins. Raises InvalidInput for a path that is not from the root."""
    if path is not None and not _is_rooted(path):
        raise InvalidInput(f"the working folder {path[:200]!r} is not named from the root")
    return _setting("WorkingDir", path)


def stop_signal(text: str | None) -> Edit:
    """Set the signal that ends the program, by name or number."""
    if text is not None and not (text.isascii() and text.replace("+", "").replace("-", "").isalnum()):
        raise InvalidInput(f"{text[:80]!r} is no signal", advice="a signal looks like SIGTERM or 15")
    return _setting("StopSignal", text)


def ports(added: Collection[str] = (), removed: Collection[str] = ()) -> Edit:
    """Add ports that the program listens on, as `80`, `80/tcp` or `53/udp`, and take others away. Raises InvalidInput."""
    return _keys("ExposedPorts", [_port(text) for text in added], [_port(text) for text in removed])


def volumes(added: Collection[str] = (), removed: Collection[str] = ()) -> Edit:
    """Add folders for data of each container, and take others away. Raises InvalidInput for one that is not from the root."""
    for path in added:
        if not _is_rooted(path):
            raise InvalidInput(f"the volume {path[:200]!r} is not named from the root")
    return _keys("Volumes", added, removed)


def healthcheck(words: Sequence[str] | None) -> Edit:
    """Set the command that tells whether the program is well, as Docker has it: `CMD` and its words, `CMD-SHELL` and a line,
    or `NONE`; how often it is asked stays.
    """

    def edit(image: Image) -> Image:
        old = _mapping(image, "Healthcheck")
        return _set(image, "Healthcheck", {**old, "Test": list(words)} if words is not None else None)

    return edit


def author(text: str | None) -> Edit:
    """Set who made the image."""
    return lambda image: image.configured(author=text)


def annotate_labels() -> Edit:
    """Set an annotation of the manifest for each label."""
    return lambda image: image.annotated({**image.annotations, **_mapping(image, "Labels")})


def platform(wanted: Platform) -> Edit:
    """Set what the image runs on."""
    fields: dict[str, Any] = {
        "architecture": wanted.architecture,
        "os": wanted.os,
        "variant": wanted.variant or None,
        "os.version": wanted.os_version or None,
        "os.features": list(wanted.os_features) or None,
    }
    return lambda image: image.configured(**fields)


def created(moment: datetime | None) -> Edit:
    """Set when the image was made, in the config and in the annotation where it has that."""
    text = written_moment(moment) if moment else None

    def edit(image: Image) -> Image:
        changed = image.configured(created=text)
        if CREATED not in changed.annotations:
            return changed
        others = {key: value for key, value in changed.annotations.items() if key != CREATED}
        return changed.annotated({**changed.annotations, CREATED: text} if text else others)

    return edit


def rewritten(change: Callable[[bytes], bytes]) -> Edit:
    """Change the config as JSON. Raises InvalidInput for what is no config any more, or the config of other layers."""

    def edit(image: Image) -> Image:
        try:
            changed = replace(image, config=reading.parse_object(change(reading.encode(image.config)), "the config"))
            is_told, _ = changed.is_told, changed.platform
        except Misbehaved as error:
            raise InvalidInput(str(error)) from None
        if changed.config.get("rootfs") != image.config.get("rootfs") or (image.is_told and not is_told):
            raise InvalidInput(
                "the diff ids and the history of the config are those of other layers than the manifest has",
                advice="`layer` and `append` change all of them together",
            )
        return changed

    return edit


def written_moment(moment: datetime) -> str:
    """A moment as configs have it (RFC 3339)."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _check(added: Collection[str], removed: Collection[str]) -> None:
    for name in added:
        if name in removed:
            raise InvalidInput(f"{name[:80]!r} is to be set and to be taken away")


def _is_rooted(path: str) -> bool:
    """Whether a path is named from the root, or from a drive of Windows."""
    return path.startswith("/") or path[1:2] == ":"


def _setting(key: str, value: Any) -> Edit:
    return lambda image: _set(image, key, value)


def _set(image: Image, key: str, value: Any) -> Image:
    old = reading.mapping(image.config, "config", "the config") or {}
    if value is None and key not in old:
        return image
    settings = {**old, key: value}
    return image.configured(config={name: held for name, held in settings.items() if held is not None})


def _texts(image: Image, key: str) -> Sequence[str]:
    return reading.texts(reading.mapping(image.config, "config", "the config") or {}, key, "the config")


def _mapping(image: Image, key: str) -> Mapping[str, Any]:
    return reading.mapping(reading.mapping(image.config, "config", "the config") or {}, key, "the config") or {}


def _changed(old: Mapping[str, str], values: Mapping[str, str], removed: Collection[str]) -> dict[str, str] | None:
    return {key: value for key, value in {**old, **values}.items() if key not in removed} or None


def _keys(key: str, added: Collection[str], removed: Collection[str]) -> Edit:
    _check(added, removed)

    def change(old: Mapping[str, Any]) -> dict[str, Any] | None:
        kept = {name: value for name, value in old.items() if name not in removed}
        return {**kept, **{name: {} for name in added if name not in kept}} or None

    return lambda image: _set(image, key, change(_mapping(image, key)))


def _assigned(entry: str, left: dict[str, str]) -> str:
    name = _name(entry)
    return f"{name}={left.pop(name)}" if name in left else entry


def _name(entry: str) -> str:
    return entry.partition("=")[0]


def _port(text: str) -> str:
    number, _, protocol = text.partition("/")
    if not (number.isascii() and number.isdigit() and 0 < int(number[:6]) < 1 << 16):
        raise InvalidInput(f"{text[:80]!r} is no port", advice="a port looks like 8080 or 53/udp")
    if protocol not in ("", "tcp", "udp", "sctp"):
        raise InvalidInput(f"{text[:80]!r} is a port of the unknown protocol {protocol[:20]!r}")
    return f"{number}/{protocol or 'tcp'}"
