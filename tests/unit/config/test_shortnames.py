"""Short names: aliases, and registries to search (containers-registries.conf(5), Short-Name Aliasing)."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.config.registries import load_aliases
from pratique.config.shortnames import Alias, ShortNames, cached_path, is_short
from pratique.errors import InvalidInput, InvalidReference

DIGEST = "sha256:" + "a" * 64
ALIASED = {"debian": Alias("docker.io/library/debian", "a.conf"), "gone": Alias("", "b.conf")}


def meant(names: ShortNames, text: str) -> list[str]:
    return [str(reference) for reference in names.meant(text)]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("debian", True),
        ("debian:12", True),
        (f"debian@{DIGEST}", True),
        ("team/app", True),
        ("docker.io/debian", False),
        ("localhost/app", False),
        ("r.test:5000/app", False),
        ("docker://debian", False),
    ],
)
def test_a_short_name_names_no_registry(text: str, short: bool) -> None:
    assert is_short(text) is short


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("debian", "docker.io/library/debian"),
        ("debian:12", "docker.io/library/debian:12"),
        (f"debian@{DIGEST}", f"docker.io/library/debian@{DIGEST}"),
    ],
)
def test_an_alias_decides_and_keeps_tag_and_digest(text: str, reference: str) -> None:
    assert meant(ShortNames(ALIASED, ("q.test",), "enforcing"), text) == [reference]


def test_without_an_alias_the_registries_are_searched_in_order() -> None:
    names = ShortNames(ALIASED, ("q.test", "docker.io"), "disabled")
    assert meant(names, "app:1") == ["q.test/app:1", "docker.io/library/app:1"]
    assert meant(names, "team/app") == ["q.test/team/app", "docker.io/team/app"]
    assert meant(names, "gone") == ["q.test/gone", "docker.io/library/gone"], "an empty alias undoes one"


def test_where_guessing_is_forbidden_several_registries_are_an_error() -> None:
    names = ShortNames({}, ("q.test", "r.test"), "enforcing", "c.conf")
    with pytest.raises(InvalidInput, match=r"may mean q\.test/app, r\.test/app; c\.conf forbids to guess"):
        names.meant("app")
    assert meant(ShortNames({}, ("q.test",), "enforcing"), "app") == ["q.test/app"]


@pytest.mark.parametrize("registries", [None, ()])
def test_nothing_to_search_is_an_error(registries: tuple[str, ...] | None) -> None:
    with pytest.raises(InvalidInput, match="without an alias"):
        ShortNames(ALIASED, registries).meant("app")


def test_a_name_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidReference):
        ShortNames(ALIASED, ("q.test",)).meant("App:1:2")


def test_the_file_of_chosen_aliases(tmp_path: Path) -> None:
    path = tmp_path / "aliases.conf"
    assert load_aliases(path).aliases == {}
    path.write_text('[aliases]\n  "debian" = "r.test/debian"\n')
    assert load_aliases(path).aliases == {"debian": Alias("r.test/debian", str(path))}
    path.write_text("[aliases")
    with pytest.raises(InvalidInput, match=str(path)):
        load_aliases(path)


def test_where_other_tools_keep_what_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert str(cached_path({"HOME": "/h"})) == "/h/.cache/containers/short-name-aliases.conf"
    assert str(cached_path({"HOME": "/h", "XDG_CACHE_HOME": "/c"})) == "/c/containers/short-name-aliases.conf"
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert str(cached_path({"HOME": "/root"})) == "/var/cache/containers/short-name-aliases.conf"
