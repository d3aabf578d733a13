"""Which files count, in which order (containers-registries.conf.d(5))."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.config.dropins import MOST_LOOKED_AT_BYTES, Places, is_mute
from pratique.errors import InvalidInput


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """The system's folder, with a file and two to drop in."""
    folder = tmp_path / "etc"
    write(folder / "registries.conf")
    write(folder / "registries.conf.d" / "b.conf")
    write(folder / "registries.conf.d" / "a.conf")
    return folder


def write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def files(tmp_path: Path, system: Path, **environment: str) -> list[str]:
    found = Places.usual({"HOME": str(tmp_path / "home"), **environment}, system)
    return [path.removeprefix(f"{tmp_path}/") for path in found.files()]


SYSTEM = ["etc/registries.conf", "etc/registries.conf.d/a.conf", "etc/registries.conf.d/b.conf"]


def test_the_system_s_file_and_what_is_dropped_in(tmp_path: Path, system: Path) -> None:
    assert files(tmp_path, system) == SYSTEM


def test_what_the_user_drops_in_comes_after_the_system_s(tmp_path: Path, system: Path) -> None:
    write(tmp_path / "home/.config/containers/registries.conf.d/0.conf")
    assert files(tmp_path, system) == [*SYSTEM, "home/.config/containers/registries.conf.d/0.conf"]


def test_a_user_s_own_file_takes_the_place_of_all_the_system_s(tmp_path: Path, system: Path) -> None:
    write(tmp_path / "home/.config/containers/registries.conf")
    write(tmp_path / "home/.config/containers/registries.conf.d/0.conf")
    assert files(tmp_path, system) == [
        "home/.config/containers/registries.conf",
        "home/.config/containers/registries.conf.d/0.conf",
    ]


@pytest.mark.parametrize("name", ["CONTAINERS_REGISTRIES_CONF", "REGISTRIES_CONFIG_PATH"])
def test_a_file_that_the_environment_names_is_the_main_one(tmp_path: Path, system: Path, name: str) -> None:
    write(tmp_path / "home/.config/containers/registries.conf")
    write(tmp_path / "home/.config/containers/registries.conf.d/0.conf")
    assert files(tmp_path, system, **{name: str(tmp_path / "mine.conf")}) == [
        "mine.conf",
        *SYSTEM[1:],
        "home/.config/containers/registries.conf.d/0.conf",
    ]


def test_settings_that_were_moved_elsewhere_are_found_there_first(tmp_path: Path, system: Path) -> None:
    moved = {"XDG_CONFIG_HOME": str(tmp_path / "moved")}
    write(tmp_path / "home/.config/containers/registries.conf")
    assert files(tmp_path, system, **moved) == ["home/.config/containers/registries.conf"]
    write(tmp_path / "moved/containers/registries.conf")
    assert files(tmp_path, system, **moved) == ["moved/containers/registries.conf"]


def test_an_empty_variable_names_nothing(tmp_path: Path, system: Path) -> None:
    assert files(tmp_path, system, CONTAINERS_REGISTRIES_CONF="", XDG_CONFIG_HOME="") == SYSTEM


def test_nothing_is_there(tmp_path: Path) -> None:
    assert files(tmp_path, tmp_path / "etc") == []


def test_a_folder_is_no_file_that_was_dropped_in(tmp_path: Path, system: Path) -> None:
    (system / "registries.conf.d" / "c.conf").mkdir()
    assert files(tmp_path, system) == SYSTEM


def test_a_folder_that_is_something_else_is_no_folder(tmp_path: Path, system: Path) -> None:
    folder = tmp_path / "home/.config/containers/registries.conf.d"
    write(folder)
    assert files(tmp_path, system) == SYSTEM


def test_a_folder_that_cannot_be_read_is_an_error(tmp_path: Path, system: Path) -> None:
    folder = tmp_path / "home/.config/containers/registries.conf.d"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(folder)
    with pytest.raises(InvalidInput, match=rf"{folder} cannot be read"):
        files(tmp_path, system)


# --- What need not be parsed


@pytest.mark.parametrize(
    ("text", "mute"),
    [
        ("", True),
        ("# a comment\n\n  # another", True),
        ('[aliases]\n  # debian\n  "debian" = "docker.io/library/debian"\n"a" = "" # nothing\n', True),
        ('[aliases]\r\n"a" = "b"\r\n', True),
        ('unqualified-search-registries = ["a"]', False),
        ('"registry" = "a"', False),
        ('[aliases]\n"a" = "b"\n[[registry]]\nlocation = "r.test"', False),
        ('[aliases]\n"a" = "b"\n[other]\n"a" = "b"', False),
        ("[aliases]\na = 'b'", False),
        ('[aliases]\n"a" = """\n[[registry]]"""', False),
        ('[aliases]\n"a" = "b" "c"', False),
        ('[aliases]\n"é" = "b"', False),
        ("#" * (MOST_LOOKED_AT_BYTES + 1), False),
    ],
)
def test_a_file_with_plain_aliases_says_nothing_of_registries(tmp_path: Path, text: str, mute: bool) -> None:
    path = tmp_path / "any.conf"
    path.write_text(text, newline="")
    assert is_mute(path) is mute


def test_a_file_that_cannot_be_read_is_left_to_the_parser(tmp_path: Path) -> None:
    assert not is_mute(tmp_path)
    assert not is_mute(tmp_path / "nothing")
