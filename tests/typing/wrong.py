"""A program that is never run: each line that ignores an error has one, to both type checkers, or ignoring it is one."""

from __future__ import annotations

import pratique
from pratique import Registries


def wrong(registries: Registries) -> None:
    app = registries.repository("ghcr.io/org/app")
    pratique.connect(nonsense=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    pratique.connect(credentials=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.connect(timeout="1s")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.connect(tell=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.copy("ghcr.io/org/app:1.2")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    pratique.copy("a", "b", nonsense=True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    pratique.copy("a", "b", form="zip")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.copy("a", "b", registries="ghcr.io")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.copy_tags("a", "b", newest="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    pratique.nonsense()  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    app.resolve()  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.resolve(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.delete("1", True)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    app.resolve("1").size = 2  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    print(app.resolve("1").nonsense)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownArgumentType]
    app.tags(sort="age")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    app.tags()[0]  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
    pratique.Digest("sha256")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
