"""Requests to a registry in this process, in few words."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pratique.http.message import Body, Headers, Request, Response
from pratique.server.access.rules import Access
from pratique.server.app import RegistryApp
from pratique.server.storage.repositories import Storage
from pratique.spec import media
from pratique.spec.digest import Digest

ROOT = "http://registry.test:5000"
CONFIG = b'{"architecture":"amd64","os":"linux"}'
LAYER = b"a layer of some bytes"


@dataclass
class Answer:
    """A response, read."""

    status: int
    headers: Headers
    content: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.content)

    @property
    def code(self) -> str:
        """The first error code."""
        return str(self.json["errors"][0]["code"])

    @property
    def location(self) -> str:
        """Path and query of where it points."""
        parts = urlsplit(self.field("Location"))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def field(self, name: str) -> str:
        value = self.headers.get(name)
        assert value is not None, f"no {name}"
        return value


class Clock:
    """A clock that stands still until it is set."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Asking:
    """A registry and what one client asks it."""

    peer: str | None = None  # the client's address

    def __init__(self, folder: Path, access: Access | Callable[[], Access] | None = None) -> None:
        self.clock = Clock()
        self.storage = Storage(folder)
        self.app = RegistryApp(self.storage, access, clock=self.clock)

    def __call__(self, method: str, target: str, content: bytes | Body | None = None, **headers: str) -> Answer:
        """Send a request; `_` in a header's name stands for `-`."""
        url = target if target.startswith("http") else ROOT + target
        body = Body.of(content) if isinstance(content, bytes) else content
        lines = Headers((name.replace("_", "-"), value) for name, value in headers.items())
        return read(self.app.handle(Request(method, url, lines, body, peer=self.peer)))

    def push_blob(self, repository: str, content: bytes) -> Digest:
        """Push a blob in one request."""
        digest = Digest.of(content)
        answer = self("POST", f"/v2/{repository}/blobs/uploads/?digest={digest}", content)
        assert answer.status == 201, answer.content
        return digest

    def push_manifest(self, repository: str, reference: str, manifest: bytes) -> Answer:
        """Push a manifest under its own media type."""
        return self("PUT", f"/v2/{repository}/manifests/{reference}", manifest, Content_Type=media.OCI_MANIFEST)

    def push_image(self, repository: str, tag: str, **extra: Any) -> Digest:
        """Push a small image with its blobs; `extra` are further fields of its manifest."""
        self.push_blob(repository, CONFIG)
        self.push_blob(repository, LAYER)
        manifest = image(**extra)
        answer = self.push_manifest(repository, tag, manifest)
        assert answer.status == 201, answer.content
        return Digest.of(manifest)


def read(response: Response) -> Answer:
    """Read a response to its end."""
    headers = response.headers
    with response:
        return Answer(response.status, headers, response.stream.read())


def describe(content: bytes, media_type: str) -> dict[str, Any]:
    """The descriptor of some content."""
    return {"mediaType": media_type, "digest": str(Digest.of(content)), "size": len(content)}


def image(**extra: Any) -> bytes:
    """The manifest of a small image."""
    manifest = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "config": describe(CONFIG, media.OCI_CONFIG),
        "layers": [describe(LAYER, media.OCI_LAYER)],
    }
    return json.dumps(manifest | extra).encode()
