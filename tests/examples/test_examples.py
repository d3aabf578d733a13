"""The scripts in `examples/`, run against a registry; both type checkers and the limit of their length."""

from __future__ import annotations

import ast
import json
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import pratique
from pratique.image.sample import Content, Sample
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.testing import Embedded, registry
from tests.registries import sample

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
MOST_LINES = 50
NOTATION = "application/vnd.cncf.notary.signature"

Script = Callable[..., int]


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    with registry() as found:
        yield found


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Script:
    """Runs an example, and returns its exit code."""

    def run(name: str, *words: str) -> int:
        monkeypatch.setattr(sys, "argv", [name, *words])
        try:
            runpy.run_path(str(ROOT / "examples" / f"{name}.py"), run_name="__main__")
        except SystemExit as ended:
            if isinstance(ended.code, str):
                print(ended.code, file=sys.stderr)
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return 0

    return run


def signature(subject: Descriptor) -> Sample:
    config = Content.of(b"{}", media.OCI_EMPTY)
    document = {
        "schemaVersion": 2,
        "mediaType": media.OCI_MANIFEST,
        "artifactType": NOTATION,
        "config": config.descriptor.to_json(),
        "layers": [config.descriptor.to_json()],
        "subject": subject.to_json(),
    }
    return Sample(Content.of_json(document, media.OCI_MANIFEST), (config,))


def tags(harbour: Embedded, name: str) -> list[str]:
    with pratique.connect() as registries:
        return [*registries.repository(f"{harbour.address}/{name}").tags()]


def test_the_newest_versions_are_mirrored(
    harbour: Embedded, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    for tag in ("1.2.0", "1.10.0", "1.9.0", "latest"):
        harbour.push_image(f"app:{tag}", {"hello": tag.encode()})
    places = f"{harbour.address}/app", f"{harbour.address}/mirror/app"
    assert script("mirror", *places, "--newest", "2", "--dry-run", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["1.10.0", "1.9.0"]
    assert tags(harbour, "app") == ["1.10.0", "1.2.0", "1.9.0", "latest"]
    assert script("mirror", *places, "--newest", "2") == 0
    assert tags(harbour, "mirror/app") == ["1.10.0", "1.9.0"]
    capsys.readouterr()
    assert script("mirror", *places, "--newest", "3") == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert first.split() == ["1.10.0", "there", "already"]
    assert rest[-1].startswith("1.2.0 ")
    assert rest[-1].endswith(" bytes")


def test_what_cannot_be_mirrored_is_said(harbour: Embedded, script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    assert script("mirror", f"{harbour.address}/app", f"{harbour.address}/other") == 1
    assert capsys.readouterr().err.startswith("mirror: GET ")


def test_old_tags_are_pruned_when_that_is_said(
    harbour: Embedded, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    harbour.push(sample("old", datetime(2020, 1, 2, tzinfo=UTC)), "app:old")
    harbour.push(sample("older", datetime(2019, 1, 2, tzinfo=UTC)), "app:v1")
    harbour.push(sample("new", datetime.now(UTC)), "app:new")
    words = (f"{harbour.address}/app", "--days", "30", "--keep", "v*")
    assert script("prune", *words) == 0
    printed = capsys.readouterr()
    assert printed.out == f"2020-01-02  planned   {harbour.address}/app:old\n"
    assert printed.err.startswith("1 to delete")
    assert tags(harbour, "app") == ["new", "old", "v1"]
    assert script("prune", *words, "--delete") == 0
    assert capsys.readouterr().out == f"2020-01-02  deleted   {harbour.address}/app:old\n"
    assert tags(harbour, "app") == ["new", "v1"]


def test_images_without_a_signature_are_found(
    harbour: Embedded, script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    for tag in ("1", "2", "3"):
        harbour.push_image(f"app:{tag}", {"hello": tag.encode()})
    with pratique.connect() as registries:
        app = registries.repository(f"{harbour.address}/app")
        first, second, third = (app.resolve(tag) for tag in ("1", "2", "3"))
    harbour.push(signature(first), "app")
    harbour.push(signature(first), f"app:sha256-{second.digest.encoded}.sig")
    assert script("unsigned", f"{harbour.address}/app", "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"3": str(third.digest)}
    harbour.push(signature(third), "app")
    assert script("unsigned", f"{harbour.address}/app") == 0
    assert capsys.readouterr().out == ""


def test_sizes_count_once_what_is_shared(harbour: Embedded, script: Script, capsys: pytest.CaptureFixture[str]) -> None:
    content = {"hello": bytes(range(256)) * 100}
    harbour.push_image("org/one:1", content)
    harbour.push_image("org/one:again", content)
    harbour.push_image("org/two:1", {"hello": b"small"})
    harbour.push_image("elsewhere:1", content)
    assert script("sizes", harbour.address, "org", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    with pratique.connect() as registries:
        once = registries.repository(f"{harbour.address}/org/one").inspect("1").size
    assert [(row["repository"], row["tags"]) for row in rows] == [("org/one", 2), ("org/two", 1)]
    assert rows[0]["bytes"] == once
    assert script("sizes", harbour.address) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines] == ["elsewhere", "org/one", "org/two", "all"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_short_and_needs_only_what_is_public(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            ours = {name for name in names if name.partition(".")[0] == "pratique"}
            assert ours <= {"pratique", "pratique.aio"}
            assert not (ours and isinstance(node, ast.ImportFrom))


def test_type_checkers_have_nothing_to_say() -> None:
    command = [sys.executable, "-m", "basedpyright", "--outputjson", "--level", "error", "--pythonpath", sys.executable]
    program = ROOT / "tests" / "aio" / "program.py"
    done = subprocess.run([*command, *EXAMPLES, program], cwd=ROOT, capture_output=True, text=True)
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(EXAMPLES) + 1
    assert [f"{each['file']}: {each['message']}" for each in report["generalDiagnostics"]] == []
    done = subprocess.run([sys.executable, "-m", "mypy", "examples"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
