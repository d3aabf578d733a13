"""Deleting: a tag as a tag, a manifest by its digest."""

from __future__ import annotations

from collections.abc import Callable

from tests.commands import Run
from tests.registries import sample

from .conftest import CREDS

INDEX = sample().root.descriptor.digest


def test_a_tag_is_deleted_and_only_the_tag(run: Run, registry: str) -> None:
    done = run("delete", "--creds", CREDS, f"{registry}/foo:1.0")
    assert done.out == f"deleted {registry}/foo:1.0 (was {INDEX})\n"
    assert run("tags", "--creds", CREDS, f"{registry}/foo").out.split() == ["0.9", "latest"]
    assert run("digest", "--creds", CREDS, f"{registry}/foo:latest").out.strip() == str(INDEX)


def test_a_manifest_is_deleted_with_its_tags(run: Run, registry: str) -> None:
    planned = run("delete", "--creds", CREDS, "--manifest", "--dry-run", "--json", f"{registry}/foo:1.0").json
    assert planned == {"would_delete": f"{registry}/foo@{INDEX}", "digest": str(INDEX), "tags": ["1.0", "latest"]}
    assert run("delete", "--creds", CREDS, "--manifest", f"{registry}/foo:1.0").code == 0
    assert run("tags", "--creds", CREDS, f"{registry}/foo").out.split() == ["0.9"]


def test_a_digest_is_explicit(run: Run, registry: str) -> None:
    assert run("delete", "--creds", CREDS, f"{registry}/foo@{INDEX}").out == f"deleted {registry}/foo@{INDEX}\n"
    assert run("manifest", "delete", "--creds", CREDS, f"{registry}/foo@{INDEX}").code == 3
    tag = run("manifest", "delete", "--creds", CREDS, f"{registry}/foo:0.9")
    assert tag.code == 2
    assert "pratique delete" in tag.err


def test_nobody_deletes_latest_by_saying_nothing(run: Run, registry: str) -> None:
    assert run("delete", "--creds", CREDS, f"{registry}/foo").code == 2


def test_what_is_missing(run: Run, registry: str) -> None:
    assert run("delete", "--creds", CREDS, f"{registry}/foo:none").code == 3
    assert (
        run("delete", "--creds", CREDS, "--ignore-missing", f"{registry}/foo:none").out
        == f"not there: {registry}/foo:none\n"
    )


def test_a_reader_may_not_delete(run: Run, registry: str) -> None:
    refused = run("delete", "--json", "--creds", "mate:secret-of-mate", f"{registry}/foo:1.0")
    assert refused.code == 4
    assert refused.error["kind"] == "Denied"
    assert "secret-of-mate" not in refused.err


def test_the_second_report(run: Run, served: Callable[..., str]) -> None:
    """A token for reading is answered 403 with the scope to ask for (google/go-containerregistry#724)."""
    address = served('scheme = "bearer"\nrefusal = 403\n[users]\nu = "p"\n', creds="u:p", repositories=("foo/bar",))
    done = run("delete", "--debug", "--creds", "u:p", f"{address}/foo/bar:1.0")
    assert done.code == 0
    requests = [line for line in done.err.splitlines() if "DELETE" in line]
    assert ["403" in requests[0], "202" in requests[1]] == [True, True]
    assert 'error="insufficient_scope"' in requests[0]
    assert run("tags", "--creds", "u:p", f"{address}/foo/bar").out.split() == ["0.9", "latest"]
