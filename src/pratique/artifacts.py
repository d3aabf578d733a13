"""Artifacts and what refers to images: push, pull, attach, list, back up and restore; and indexes.

```python
from pratique.artifacts import attach, push_artifact

push_artifact("ghcr.io/org/notes:1", ["notes.txt:text/plain"])
attach("ghcr.io/org/app:1.2", ["sbom.json"], artifact_type="application/spdx+json")
```

`docs/artifacts.md` describes it. Like `pratique.copy` all of them take `registries` and `tell`.
"""

from .client.artifacts.backups import backup, restore
from .client.artifacts.making import attach, push_artifact
from .client.artifacts.parts import PushedFile
from .client.artifacts.pulling import Pulled, PulledFile, pull_artifact
from .client.artifacts.referrers import Referrer, referrers
from .client.images.indexes import add_to_index, change_index, create_index
from .client.images.listed import Listed

__all__ = [
    "Listed",
    "Pulled",
    "PulledFile",
    "PushedFile",
    "Referrer",
    "add_to_index",
    "attach",
    "backup",
    "change_index",
    "create_index",
    "pull_artifact",
    "push_artifact",
    "referrers",
    "restore",
]
