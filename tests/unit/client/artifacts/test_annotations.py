"""Files of annotations."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pratique import InvalidInput, NotFound
from pratique.client.artifacts.annotations import Annotations
from pratique.client.artifacts.parts import PushedFile


def written(folder: Path, said: object) -> Path:
    path = folder / "annotations.json"
    path.write_text(said if isinstance(said, str) else json.dumps(said), "utf-8")
    return path


def test_the_form_of_oras(tmp_path: Path) -> None:
    said = {"$manifest": {"a": "1"}, "$config": {"b": "2"}, "./hi.txt": {"c": "3"}, "docs/page": {"d": "4"}}
    found = Annotations.read(written(tmp_path, said))
    assert (found.manifest, found.config) == ({"a": "1"}, {"b": "2"})
    files = found.on([PushedFile("./hi.txt"), PushedFile("docs//page", annotations={"d": "mine"}), PushedFile("third")])
    assert [file.annotations for file in files] == [{"c": "3"}, {"d": "mine"}, {}]


def test_nothing_need_be_said(tmp_path: Path) -> None:
    found = Annotations.read(written(tmp_path, {}))
    assert found == Annotations()
    assert found.on([]) == []


@pytest.mark.parametrize("said", ["[]", "no", '{"$manifest": "x"}', '{"a": {"b": 1}}', '{"a": {"b": null}}'])
def test_what_is_no_such_file(tmp_path: Path, said: str) -> None:
    path = written(tmp_path, said)
    with pytest.raises(InvalidInput, match=r"annotations\.json"):
        Annotations.read(path)


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no file"):
        Annotations.read(tmp_path / "none")
    with pytest.raises(InvalidInput, match="'other' is annotated"):
        Annotations.read(written(tmp_path, {"other": {"a": "b"}})).on([PushedFile("hi.txt")])
