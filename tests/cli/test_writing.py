"""`manifest put`, `blob put` and `blob delete`: content as it is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique.spec.digest import Digest
from pratique.testing import registry
from tests.commands import Run

LAYER = b"a layer"


def manifest(*layers: bytes) -> bytes:
    described = [
        {"mediaType": "application/octet-stream", "digest": str(Digest.of(each)), "size": len(each)} for each in layers
    ]
    document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": described}
    document["config"] = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": str(Digest.of(b"{}")), "size": 2}
    return json.dumps(document).encode()


def test_what_is_put_is_there_byte_for_byte(run: Run, tmp_path: Path) -> None:
    (tmp_path / "layer").write_bytes(LAYER)
    (tmp_path / "config").write_bytes(b"{}")
    (tmp_path / "manifest").write_bytes(manifest(LAYER))
    with registry(sockets=True) as made:
        app = f"{made.address}/app"
        for name in ("layer", "config"):
            done = run("blob", "put", "--json", app, str(tmp_path / name))
            digest = Digest.of((tmp_path / name).read_bytes())
            assert json.loads(done.out)["digest"] == str(digest)
            assert done.code == 0
        assert run("manifest", "put", f"{app}:1", str(tmp_path / "manifest")).code == 0
        assert run("manifest", "get", f"{app}:1").out.encode() == manifest(LAYER)
        assert run("blob", "delete", f"{app}@{Digest.of(LAYER)}").out == f"{app}@{Digest.of(LAYER)}\n"
        assert run("blob", "head", f"{app}@{Digest.of(LAYER)}").code == 3


@pytest.mark.parametrize(
    ("content", "reference", "said"),
    [
        (b"nonsense", "app:1", "is not JSON"),
        (b"{}", f"app@{Digest.of(b'other')}", f"is not {Digest.of(b'other')}"),
        (b" " * (5 << 20), "app:1", "has more than 4194304 bytes"),
    ],
)
def test_what_is_no_manifest_is_not_sent(run: Run, tmp_path: Path, content: bytes, reference: str, said: str) -> None:
    (tmp_path / "file").write_bytes(content)
    with registry(sockets=True) as made:
        done = run("manifest", "put", f"{made.address}/{reference}", str(tmp_path / "file"))
        assert (done.code, made.requests) == (2, [])
        assert said in done.err


def test_an_abbreviated_option_is_not_taken(run: Run) -> None:
    done = run("tags", "--includ", "x", "r.test/app")
    assert done.code == 2
    assert "--include" in done.err
