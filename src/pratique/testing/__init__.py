"""Registries for tests of whatever uses one: the embedded registry, in this process or on a socket.

```python
import pratique.testing

with pratique.testing.registry(users={"alice": "secret"}) as registry:
    registry.push_image("app:1")
    ...  # something that reads registry.url, or registry.repository("app", "alice:secret")
    assert [seen.status for seen in registry.requests] == [401, 200]
```

`docs/testing.md` describes it. Nothing is imported before it is used: pytest loads this package for its fixtures.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from .embedded import Embedded, registry
    from .recording import Recording, Seen

__all__ = ["Embedded", "Recording", "Seen", "registry"]

_HOMES: Final = {"Embedded": "embedded", "registry": "embedded", "Recording": "recording", "Seen": "recording"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
