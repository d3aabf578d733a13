"""Images changed where they are, and looked into: what `append`, `mutate`, `flatten`, `export` and the like do.

```python
from pratique import surgery

quiet = surgery.configure([surgery.settings.environment({"LOUD": "no"})])
surgery.alter("ghcr.io/org/app:1.2", quiet, tags=["1.2-quiet"])
surgery.alter("ghcr.io/org/app:1.2", surgery.in_turn([quiet, surgery.flatten()]), tags=["1.2-flat"])
surgery.list_files("ghcr.io/org/app:1.2", platform="linux/arm64")
```

`docs/surgery.md` describes it. Like `pratique.copy` all that reads or writes takes `registries` and `tell`.
"""

from .client.images.additions import Addition
from .client.images.changes import (
    Change,
    append,
    based,
    configure,
    edit_layers,
    flatten,
    in_turn,
    rebase,
    recompress,
    remove_layers,
    retime,
    rewrite,
)
from .client.images.checks import BaseCheck, check_base, check_bases, validate
from .client.images.contents import export, list_files, read_file
from .client.images.differences import Differences, compare, compare_indexes
from .client.images.surgery import alter, convert, revise
from .image import settings
from .image.layers.bench import Packing
from .image.layers.editing import Edit as LayerEdit

__all__ = [
    "Addition",
    "BaseCheck",
    "Change",
    "Differences",
    "LayerEdit",
    "Packing",
    "alter",
    "append",
    "based",
    "check_base",
    "check_bases",
    "compare",
    "compare_indexes",
    "configure",
    "convert",
    "edit_layers",
    "export",
    "flatten",
    "in_turn",
    "list_files",
    "read_file",
    "rebase",
    "recompress",
    "remove_layers",
    "retime",
    "revise",
    "rewrite",
    "settings",
    "validate",
]
