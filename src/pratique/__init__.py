"""Pratique: an OCI registry client whose permission belongs to one request and its answer.

```python
import pratique

with pratique.connect() as registries:
    app = registries.repository("ghcr.io/org/app")
    for tag in app.tags():
        print(tag, app.resolve(tag).digest)
pratique.copy("ghcr.io/org/app:1.2", "oci:backup:1.2", referrers=True)
```

`docs/library.md` describes it. Nothing is imported before it is used. Every error is in the tree of `pratique.errors`; registries
for tests are in `pratique.testing`.
"""

from __future__ import annotations

from .version import VERSION as __version__

TYPE_CHECKING = False  # what type checkers take for the one of `typing`, which takes longer than the version needs
if TYPE_CHECKING:
    from typing import Final

    from .auth.credentials import ANONYMOUS, Credential
    from .client.blob import Blob
    from .client.connection import connect, open
    from .client.copying import copy, copy_tags
    from .client.deletion import Deletion
    from .client.explanation import Explanation
    from .client.logins import Login, login, logout
    from .client.machine import Machine
    from .client.registries import Registries
    from .client.repository import Repository
    from .client.serving import Served, Tls, collect, serve
    from .errors import (
        ContentMismatch,
        Denied,
        Error,
        InvalidDigest,
        InvalidInput,
        InvalidReference,
        Misbehaved,
        NotFound,
        RateLimited,
        Refused,
        Unauthorized,
        Unreachable,
        Unsupported,
    )
    from .http.events import Event
    from .http.trust import Trust
    from .spans import Spans
    from .spec.descriptor import Descriptor
    from .spec.digest import Digest
    from .spec.manifest import Manifest
    from .spec.platform import Platform
    from .spec.reference import Reference
    from .stores.inspection import Image, Inspection
    from .transfer.copy import Result
    from .transfer.repository import Failure

__all__ = [
    "ANONYMOUS",
    "Blob",
    "ContentMismatch",
    "Credential",
    "Deletion",
    "Denied",
    "Descriptor",
    "Digest",
    "Error",
    "Event",
    "Explanation",
    "Failure",
    "Image",
    "Inspection",
    "InvalidDigest",
    "InvalidInput",
    "InvalidReference",
    "Login",
    "Machine",
    "Manifest",
    "Misbehaved",
    "NotFound",
    "Platform",
    "RateLimited",
    "Reference",
    "Refused",
    "Registries",
    "Repository",
    "Result",
    "Served",
    "Spans",
    "Tls",
    "Trust",
    "Unauthorized",
    "Unreachable",
    "Unsupported",
    "__version__",
    "collect",
    "connect",
    "copy",
    "copy_tags",
    "login",
    "logout",
    "open",
    "serve",
]

# Where each name lives.
_HOMES: Final = {
    "ANONYMOUS": "auth.credentials",
    "Blob": "client.blob",
    "ContentMismatch": "errors",
    "Credential": "auth.credentials",
    "Deletion": "client.deletion",
    "Denied": "errors",
    "Descriptor": "spec.descriptor",
    "Digest": "spec.digest",
    "Error": "errors",
    "Event": "http.events",
    "Explanation": "client.explanation",
    "Failure": "transfer.repository",
    "Image": "stores.inspection",
    "Inspection": "stores.inspection",
    "InvalidDigest": "errors",
    "InvalidInput": "errors",
    "InvalidReference": "errors",
    "Login": "client.logins",
    "Machine": "client.machine",
    "Manifest": "spec.manifest",
    "Misbehaved": "errors",
    "NotFound": "errors",
    "Platform": "spec.platform",
    "RateLimited": "errors",
    "Reference": "spec.reference",
    "Refused": "errors",
    "Registries": "client.registries",
    "Repository": "client.repository",
    "Result": "transfer.copy",
    "Served": "client.serving",
    "Spans": "spans",
    "Tls": "client.serving",
    "Trust": "http.trust",
    "Unauthorized": "errors",
    "Unreachable": "errors",
    "Unsupported": "errors",
    "collect": "client.serving",
    "connect": "client.connection",
    "copy": "client.copying",
    "copy_tags": "client.copying",
    "login": "client.logins",
    "logout": "client.logins",
    "open": "client.connection",
    "serve": "client.serving",
}

if not TYPE_CHECKING:  # type checkers know the names above, and no others

    def __getattr__(name: str) -> object:
        """A name of this package, imported when it is first wanted (PEP 562)."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        found = globals()[name] = getattr(import_module(f".{_HOMES[name]}", __name__), name)
        return found

    def __dir__() -> list[str]:
        return sorted({*globals(), *_HOMES})
