"""The registry for tests, in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pratique.testing
from pratique.errors import Denied, InvalidInput, NotFound, Unauthorized, Unreachable
from pratique.http.message import Request
from pratique.server.access.rules import Access
from pratique.server.faults.fault import Fault
from pratique.spec import media


def test_it_is_open_and_empty_and_remembers_what_it_saw() -> None:
    with pratique.testing.registry(sockets=False) as registry:
        with registry.repository("app") as repository, pytest.raises(NotFound):
            list(repository.tags())
        assert [(seen.method, seen.path, seen.status) for seen in registry.requests] == [
            ("GET", "/v2/app/tags/list", 404)
        ]
        assert registry.lines == ["GET /v2/app/tags/list 404"]


def test_what_is_there_before_is_not_seen_and_needs_no_permission() -> None:
    with pratique.testing.registry(sockets=False, users={"alice": "secret"}, faults=[{"answer": {"status": 500}}]) as r:
        index = r.push_image("app:1")
        image = r.push_image("app:2", {"file": b"content"}, platforms=["linux/arm64"])
        assert r.requests == []
    assert (index.media_type, image.media_type) == (media.OCI_INDEX, media.OCI_MANIFEST)


def test_it_is_read_and_written_as_any_registry() -> None:
    with pratique.testing.registry(sockets=False) as registry:
        pushed = registry.push_image("app:1", platforms=["linux/amd64"])
        with registry.repository("app") as repository:
            assert repository.resolve("1").digest == pushed.digest
            repository.delete("1")
            assert list(repository.tags()) == []


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_users_and_rules_say_who_may_do_what(scheme: str) -> None:
    rules = {"*": {"alice": ["pull", "push", "delete"], "bob": ["pull"]}, "open/*": {"anonymous": ["pull"]}}
    users = {"alice": "secret", "bob": 'wit"h\\quotes'}
    with pratique.testing.registry(sockets=False, users=users, rules=rules, scheme=scheme) as registry:
        for name in ("app:1", "open/app:1"):
            registry.push_image(name)
        with registry.repository("app") as anonymous, pytest.raises(Unauthorized):
            anonymous.resolve("1")
        with registry.repository("open/app") as anonymous:
            anonymous.resolve("1")
        with registry.repository("app", 'bob:wit"h\\quotes') as bob:
            bob.resolve("1")
            with pytest.raises(Denied):
                bob.delete("1")
        with registry.repository("app", "alice:secret") as alice:
            alice.delete("1")


def test_an_access_file_or_a_value_says_it_as_well(tmp_path: Path) -> None:
    for access in ('[users]\nalice = "secret"\n', Access()):
        with pratique.testing.registry(sockets=False, access=access) as registry:
            registry.transport(Request("GET", f"{registry.url}/v2/")).close()
            assert [seen.status for seen in registry.requests] == [401 if isinstance(access, str) else 200]
    with pytest.raises(InvalidInput, match="scheme"), pratique.testing.registry(sockets=False, scheme="digest"):
        pass


def test_users_of_a_file_of_htpasswd(tmp_path: Path) -> None:
    import bcrypt

    file = tmp_path / "htpasswd"
    file.write_bytes(b"alice:" + bcrypt.hashpw(b"secret", bcrypt.gensalt(4)) + b"\n")
    with pratique.testing.registry(sockets=False, htpasswd=file) as registry:
        registry.push_image("app:1")
        with registry.repository("app", "alice:secret") as repository:
            assert list(repository.tags()) == ["1"]


def test_content_stays_in_a_folder_that_is_named(tmp_path: Path) -> None:
    with pratique.testing.registry(sockets=False, storage=tmp_path / "storage") as registry:
        registry.push_image("app:1")
    with (
        pratique.testing.registry(sockets=False, storage=tmp_path / "storage") as registry,
        registry.repository("app") as repository,
    ):
        assert list(repository.tags()) == ["1"]


def test_faults_are_manners_tables_or_values() -> None:
    faults: list[Fault | dict[str, Any] | str] = [
        Fault.of("warning-headers"),
        "head-unsupported",
        {"answer": {"status": 503}, "count": 1},
    ]
    with pratique.testing.registry(sockets=False, faults=faults) as registry:
        registry.push_image("app:1")
        waited: list[float] = []
        with registry.repository("app", sleep=waited.append) as repository:
            repository.resolve("1")
        assert [seen.fault for seen in registry.faults.seen] == ["answer", "head-unsupported", "warning-headers"]
        assert len(waited) == 1
        assert registry.lines == [
            "HEAD /v2/app/manifests/1 503",
            "HEAD /v2/app/manifests/1 405",
            "GET /v2/app/manifests/1 200",
        ]


def test_a_fault_that_makes_no_sense_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="'nosuch'"), pratique.testing.registry(sockets=False, faults=["nosuch"]):
        pass


def test_every_origin_leads_to_it_but_those_that_lead_nowhere() -> None:
    with pratique.testing.registry(sockets=False) as registry:
        assert registry.transport(Request("GET", "http://elsewhere.test/v2/")).status == 200
        with pytest.raises(Unreachable, match="no connection"):
            registry.transport(Request("GET", "https://registry.invalid/v2/"))


def test_other_programs_are_given_a_credential_in_a_file() -> None:
    with pratique.testing.registry(sockets=False, users={"alice": "secret"}) as registry:
        file = registry.authfile("alice:secret")
        assert json.loads(file.read_text()) == {"auths": {"registry.test": {"auth": "YWxpY2U6c2VjcmV0"}}}
        assert file.stat().st_mode & 0o777 == 0o600
    assert not file.exists()


def test_a_name_that_is_not_there_is_an_error() -> None:
    with pytest.raises(AttributeError, match="nothing"):
        _ = pratique.testing.nothing
