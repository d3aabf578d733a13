"""The same verbs for coroutines, under asyncio and trio: each is done in a thread by the blocking one, and is awaited.

```python
import pratique.aio

async with pratique.aio.connect() as registries:
    app = registries.repository("ghcr.io/org/app")
    async for tag in app.tags():
        print(tag, (await app.resolve(tag)).digest)
    await pratique.aio.copy("ghcr.io/org/app:1.2", "oci:backup:1.2", registries=registries)
```

Values and errors are those of `pratique`. Whoever is cancelled comes back when what it had open is closed. `docs/library.md` says
more.
"""

from __future__ import annotations

from .blob import Blob, File, Stream
from .face import Flow
from .functions import collect, copy, copy_tags, login, logout, open, serve
from .registries import Registries, connect
from .repository import Repository

__all__ = [
    "Blob",
    "File",
    "Flow",
    "Registries",
    "Repository",
    "Stream",
    "collect",
    "connect",
    "copy",
    "copy_tags",
    "login",
    "logout",
    "open",
    "serve",
]
