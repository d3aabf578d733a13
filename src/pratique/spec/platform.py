"""Platforms of images (image specification, image-index.md) and which one fits another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidInput
from ..values import frozen, replace
from . import document as field

# Names that people and `uname` use for what the specification, following Go, calls otherwise.
_OPERATING_SYSTEMS: Final = {"macos": "darwin"}
_ARCHITECTURES: Final = {
    "x86_64": ("amd64", ""),
    "x86-64": ("amd64", ""),
    "i386": ("386", ""),
    "i686": ("386", ""),
    "aarch64": ("arm64", ""),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
}
# Variants that say no more than the architecture does.
_IMPLIED_VARIANTS: Final = {("arm64", "v8"), ("arm64", "8"), ("amd64", "v1")}
_DEFAULT_VARIANTS: Final = {"arm": "v7"}


@frozen
class Platform:
    """What an image runs on; empty fields are unknown (or, in a wish, anything)."""

    os: str
    architecture: str
    variant: str = ""
    os_version: str = ""
    os_features: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Read `os/architecture[/variant][:os.version]`, for instance `linux/arm64/v8` or `windows/amd64:10.0.20348`.

        Raises InvalidInput.
        """
        name, _, version = text.partition(":")
        parts = name.split("/")
        if not 2 <= len(parts) <= 3 or not all(parts) or not text.isprintable() or len(text) > 255:
            raise InvalidInput(
                f"not a platform: {text[:80]!r}", advice="a platform looks like linux/amd64 or linux/arm64/v8"
            )
        return cls(parts[0], parts[1], parts[2] if len(parts) == 3 else "", version)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], what: str = "platform") -> Platform:
        """Read the object of a descriptor's `platform`, or an image's config; `what` is for the error. Raises Misbehaved."""
        return cls(
            field.line(document, "os", what),
            field.line(document, "architecture", what),
            field.line(document, "variant", what),
            field.line(document, "os.version", what),
            field.texts(document, "os.features", what),
        )

    def to_json(self) -> dict[str, Any]:
        """The object as a descriptor's `platform` has it."""
        optional = {"variant": self.variant, "os.version": self.os_version, "os.features": list(self.os_features)}
        required: dict[str, Any] = {"architecture": self.architecture, "os": self.os}
        return required | {key: value for key, value in optional.items() if value}

    def normalised(self) -> Platform:
        """The same platform by the specification's names: `linux/aarch64` and `linux/arm64/v8` are `linux/arm64`."""
        architecture, variant = _ARCHITECTURES.get(self.architecture.lower(), (self.architecture.lower(), ""))
        variant = self.variant.lower() or variant or _DEFAULT_VARIANTS.get(architecture, "")
        if variant.isdigit() and architecture == "arm":
            variant = f"v{variant}"
        if (architecture, variant) in _IMPLIED_VARIANTS:
            variant = ""
        system = _OPERATING_SYSTEMS.get(self.os.lower(), self.os.lower())
        return replace(self, os=system, architecture=architecture, variant=variant)

    def satisfies(self, wish: Platform) -> bool:
        """Whether this platform is what `wish` asks for (image-index.md).

        Operating system, architecture and variant are compared by their normal names; of `os.version` the components
        that the wish has; every one of its `os.features` must be there.
        """
        mine, wanted = self.normalised(), wish.normalised()
        return (
            (mine.os, mine.architecture, mine.variant) == (wanted.os, wanted.architecture, wanted.variant)
            and _version_fits(mine.os_version, wanted.os_version)
            and set(wanted.os_features) <= set(mine.os_features)
        )

    def __str__(self) -> str:
        variant = f"/{self.variant}" if self.variant else ""
        version = f":{self.os_version}" if self.os_version else ""
        return f"{self.os}/{self.architecture}{variant}{version}"


def wished(platform: str | Platform) -> Platform:
    """A platform, or the one that a text is. Raises InvalidInput."""
    return Platform.parse(platform) if isinstance(platform, str) else platform


def _version_fits(version: str, wanted: str) -> bool:
    parts = wanted.split(".") if wanted else []
    return version.split(".")[: len(parts)] == parts
