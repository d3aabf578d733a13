"""A program that is never run: type checkers know what everything here is."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, assert_type

import pratique
from pratique import Blob, Deletion, Descriptor, Digest, Event, Failure, Image, Inspection, Manifest, Registries, Result


def read(registries: Registries) -> None:
    app = registries.repository("ghcr.io/org/app")
    assert_type(app, pratique.Repository)
    assert_type(app.tags(), Iterator[str])
    assert_type(app.tags(page_size=100), Iterator[str])
    assert_type(app.tags(sort="version"), Iterator[str])
    assert_type(app.resolve("1.2"), Descriptor)
    assert_type(app.resolve("1.2", platform="linux/arm64").digest, Digest)
    assert_type(app.resolve(Digest.parse("sha256:00")).size, int)
    assert_type(app.manifest("1.2", platform=pratique.Platform.parse("linux/arm64")), Manifest)
    assert_type(app.manifest("1.2").raw, bytes)
    assert_type(app.image("1.2", platform="linux/arm64"), Image)
    assert_type(app.image("1.2").config, Mapping[str, Any])
    assert_type(app.config("1.2").raw, bytes)
    assert_type(app.inspect("1.2"), Inspection)
    assert_type(app.inspections(["1.2", "1.3"]), Iterator[Inspection])
    assert_type(app.referrers("1.2", artifact_type="application/spdx+json"), Iterator[Descriptor])
    assert_type(registries.repositories("ghcr.io"), Iterator[str])
    blob = app.blob("sha256:00")
    assert_type(blob, Blob)
    assert_type(blob.read(), bytes)
    assert_type(blob.file(), io.BufferedReader)
    with blob.open() as stream:
        assert_type(stream.read(1), bytes)

    with pratique.open("oci:backup") as store:
        assert_type(store.manifest("1.2"), Manifest)
        assert_type(store.tag("1.2", "1"), Manifest)
        assert_type(store.tags(), Iterator[str])


def write(registries: Registries) -> None:
    app = registries.repository("ghcr.io/org/app")
    assert_type(app.tag("1.2", "1", "latest"), Manifest)
    assert_type(app.push_blob(b"content", media_type="text/plain"), Descriptor)
    assert_type(app.push_manifest(b"{}", "1.3"), Descriptor)
    deletion = app.delete("1.1", dry_run=True)
    assert_type(deletion, Deletion)
    if deletion.outcome == "planned":
        assert_type(deletion.tags, tuple[str, ...])


def copy(source: Registries, target: Registries) -> None:
    done = pratique.copy(
        "ghcr.io/org/app:1.2",
        "oci:backup:1.2",
        tags=["1"],
        platforms=["linux/arm64"],
        referrers=True,
        form="oci",
        registries=source,
        target_registries=target,
        tell=print,
    )
    assert_type(done, Result)
    if done.plan:
        assert_type(done.plan.size, int)
    for each in pratique.copy_tags("ghcr.io/org/app", "oci:backup", semver=">=1.2 <2", newest=5, keep_going=True):
        if isinstance(each, Failure):
            assert_type(each.error, pratique.Error)
        else:
            assert_type(each, Result)


class Vault:
    """Credentials of a program's own."""

    def find(self, registry: str, repository: str | None) -> pratique.Credential | None:
        return pratique.Credential.parse(f"{registry}:{repository}", "the vault")

    def places(self, registry: str) -> tuple[str, ...]:
        return (f"the vault of {registry}",)


def identities() -> None:
    credential = pratique.Credential.parse("robot:secret", "here")
    assert_type(pratique.connect(credentials=None), Registries)
    assert_type(pratique.connect("ghcr.io", credentials="robot:secret"), Registries)
    assert_type(pratique.connect("ghcr.io", credentials=credential), Registries)
    assert_type(pratique.connect(credentials={"ghcr.io": "robot:secret", "ghcr.io/org": credential}), Registries)
    assert_type(pratique.connect(credentials=Path("auth.json")), Registries)
    assert_type(pratique.connect(credentials=pratique.ANONYMOUS), Registries)
    assert_type(pratique.connect(credentials=Vault()), Registries)


def arguments() -> None:
    events: list[Event] = []
    with pratique.connect(
        "localhost:5000",
        plain_http=True,
        trust=pratique.Trust(ca_file="ca.pem", cert="me.pem"),
        machine=pratique.Machine({}, registries_conf=Path("registries.conf")),
        timeout=60,
        retries=0,
        clock=asyncio.new_event_loop().time,
        sleep=lambda seconds: None,
        tell=events.append,
    ) as registries:
        explanation = registries.explain("localhost:5000/app:1", "push")
        assert_type(explanation.permitted, bool)
        assert_type(registries.permit("localhost:5000/app", "pull").secret.reveal(), str)


def serving() -> None:
    with pratique.serve("127.0.0.1:0", storage="registry", tls=pratique.Tls(), log="json") as served:
        assert_type(served.url, str)
    assert_type([each.size for each in pratique.collect("registry", grace=60, dry_run=True)], list[int])


def errors(app: pratique.Repository) -> str | None:
    try:
        assert_type(pratique.login("ghcr.io", "robot:secret").verified, bool)
        assert_type(pratique.logout("ghcr.io"), tuple[str, ...])
        app.resolve("1.2")
    except pratique.RateLimited as error:
        assert_type(error.retry_after, float | None)
    except pratique.Refused as error:
        assert_type(error.challenges, tuple[str, ...])
    except pratique.Error as error:
        return error.advice()
    return None
