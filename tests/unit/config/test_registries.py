"""`registries.conf`: what its keys mean, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.config import tables
from pratique.config.dropins import Places
from pratique.config.registries import RegistriesConf
from pratique.config.rules import Mirror, Pulls, Rule
from pratique.config.shortnames import Alias
from pratique.config.sources import Order
from pratique.errors import InvalidInput


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "registries.conf"


def load(path: Path, text: str | bytes, warnings: list[str] | None = None) -> RegistriesConf:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return RegistriesConf.load(Places.only(path), ([] if warnings is None else warnings).append)


def refusal(path: Path, text: str | bytes) -> str:
    with pytest.raises(InvalidInput) as caught:
        load(path, text)
    message = str(caught.value)
    assert message.startswith(str(path)), "an error names the file"
    assert "\n" not in message
    return message.removeprefix(str(path)).lstrip(": ")


WHOLE = """
unqualified-search-registries = ["docker.io", "quay.io:443"]
credential-helpers = ["containers-auth.json", "pass"]
short-name-mode = "enforcing"

[[registry]]
prefix = "example.com/foo"
location = "internal.test/bar"
insecure = true
blocked = true

[[registry.mirror]]
location = "m.test:5000/foo"
insecure = true

[[registry.mirror]]
location = "n.test"
pull-from-mirror = "tag-only"

[[registry]]
location = "Other.Test/"
mirror-by-digest-only = true

[[registry.mirror]]
location = "o.test"

[[registry]]
prefix = "*.wild.test"

[aliases]
debian = "docker.io/library/debian"
"team/app" = "r.test/team/app"
gone = ""
"""


def test_a_file_as_values(path: Path) -> None:
    found = load(path, WHOLE)
    source = str(path)
    assert found.rules == (
        Rule(
            "example.com/foo",
            "internal.test/bar",
            source,
            insecure=True,
            blocked=True,
            mirrors=(Mirror("m.test:5000/foo", insecure=True), Mirror("n.test", pulls=Pulls.TAG)),
        ),
        Rule("other.test", "other.test", source, mirrors=(Mirror("o.test", pulls=Pulls.DIGEST),)),
        Rule("*.wild.test", "", source),
    )
    assert found.names.registries == ("docker.io", "quay.io")
    assert found.names.mode == "enforcing"
    assert found.helpers == Order(("containers-auth.json", "pass"), source)
    assert found.names.aliases == {
        "debian": Alias("docker.io/library/debian", source),
        "team/app": Alias("r.test/team/app", source),
        "gone": Alias("", source),
    }


def test_no_helpers_are_the_files(path: Path) -> None:
    assert load(path, "credential-helpers = []").helpers == Order(("containers-auth.json",), str(path))
    assert load(path, "").helpers is None


@pytest.mark.parametrize("text", ["", "# nothing\n", "registry = []"])
def test_a_file_without_rules(path: Path, text: str) -> None:
    assert load(path, text).rules == ()


def test_version_1_has_no_mirrors_and_is_read(path: Path) -> None:
    found = load(
        path,
        "[registries.search]\nregistries = ['a.test']\n"
        "[registries.insecure]\nregistries = ['b.test', 'c.test']\n"
        "[registries.block]\nregistries = ['c.test']\n",
    )
    assert found.rules == (
        Rule("c.test", "c.test", str(path), insecure=True, blocked=True),
        Rule("b.test", "b.test", str(path), insecure=True),
    )
    assert found.names.registries == ("a.test",)


# --- Several files


def test_later_files_replace_what_they_name(tmp_path: Path) -> None:
    main, folder = tmp_path / "registries.conf", tmp_path / "registries.conf.d"
    folder.mkdir()
    main.write_text(WHOLE)
    (folder / "20.conf").write_text('short-name-mode = "disabled"\n[aliases]\ndebian = ""\n')
    (folder / "10.conf").write_text(
        'unqualified-search-registries = []\nshort-name-mode = "permissive"\n[aliases]\ndebian = "z.test/debian"\n'
        '[[registry]]\nlocation = "other.test"\nblocked = true\n[[registry]]\nlocation = "new.test"\n'
    )
    (folder / "30.ignored").write_text("not TOML")
    (folder / "40.conf").mkdir()
    found = RegistriesConf.load(Places(main, (folder,)))
    assert [(rule.prefix, rule.blocked, len(rule.mirrors)) for rule in found.rules] == [
        ("example.com/foo", True, 2),
        ("other.test", True, 0),
        ("*.wild.test", False, 0),
        ("new.test", False, 0),
    ]
    assert found.names.registries == ()
    assert found.names.source == str(folder / "10.conf")
    assert found.names.mode == "disabled"
    assert found.names.aliases["debian"] == Alias("", str(folder / "20.conf"))
    assert found.helpers == Order(("containers-auth.json", "pass"), str(main))


def test_a_file_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        RegistriesConf.load(Places.only(tmp_path / "nothing.conf"))
    assert RegistriesConf.load(Places(tmp_path / "nothing.conf")).rules == ()


# --- What is refused: each names the file and the key


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[registry]]\nlocation = 'a.test'\nblokced = true", "registry[0].blokced is not known"),
        ("[[registry]]\nlocation = 'a.test'\n'bl\\nock' = true", r"registry[0].bl\nock is not known"),
        ("[[registry]]\nlocation = 'a.test'\npull-from-mirror = 'all'", "registry[0].pull-from-mirror is not known"),
        ("[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation = 'b.test'\nblocked = true",
         "registry[0].mirror[0].blocked is not known"),
        ("[[registry]]\ninsecure = true", "registry[0].location is missing"),
        ("[[registry]]\nprefix = ''\nlocation = ''", "registry[0].location is missing"),
        ("[[registry]]\nprefix = 'a.test'", "registry[0].location is missing for the prefix 'a.test'"),
        ("[[registry]]\nlocation = 'https://a.test'", "registry[0].location is a URL"),
        ("[[registry]]\nlocation = 'a.test/b:1'", "registry[0].location has no name of a repository"),
        ("[[registry]]\nlocation = 'debian'", "registry[0].location does not begin with a host: 'debian'"),
        ("[[registry]]\nprefix = 'a.*.test'\nlocation = 'b.test'", "registry[0].prefix has a wildcard in the wrong place"),
        ("[[registry]]\nlocation = '*.a.test'", "registry[0].location does not begin with a host"),
        ("[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\n", "registry[0].mirror[0].location is missing"),
        ("[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation = 'b.test'\npull-from-mirror = 'none'",
         "registry[0].mirror[0].pull-from-mirror is not known"),
        ("[[registry]]\nlocation = 'a.test'\nmirror-by-digest-only = true\n"
         "[[registry.mirror]]\nlocation = 'b.test'\npull-from-mirror = 'all'",
         "registry[0].mirror[0].pull-from-mirror does not go with mirror-by-digest-only"),
        ("[[registry]]\nlocation = 'a.test'\nblocked = 'yes'", "registry[0].blocked is not true or false"),
        ("[[registry]]\nlocation = 'a.test'\nblocked = 1", "registry[0].blocked is not true or false"),
        ("[[registry]]\nlocation = 1", "registry[0].location is not a string"),
        ("registry = 'a.test'", "registry is not an array of tables"),
        ("registry = ['a.test']", "registry is not an array of tables"),
        ("[registry]\nlocation = 'a.test'", "registry is not an array of tables"),
        ("[[registry]]\nlocation = 'a.test'\nmirror = ['b.test']", "registry[0].mirror is not an array of tables"),
        ("[[registry]]\nprefix = 'a.test'\nlocation = 'c.test'\nblocked = true\n"
         "[[registry]]\nprefix = 'b.test'\nlocation = 'c.test'",
         "registry[1].blocked is not as for 'a.test', which is the same place"),
        ("unqualified-search-registries = 'a.test'", "unqualified-search-registries is not a list of strings"),
        ("unqualified-search-registries = [1]", "unqualified-search-registries is not a list of strings"),
        ("unqualified-search-registries = ['a.test/b']", "unqualified-search-registries has what is not a registry"),
        ("credential-helpers = [true]", "credential-helpers is not a list of strings"),
        ("short-name-mode = 'guess'", "short-name-mode is not known"),
        ("additional-layer-store-auth-helper = 'x'", "additional-layer-store-auth-helper is not supported"),
        ("[[proxy]]\nurl = 'x'", "proxy is not supported"),
        ("[rewrite]\na = 'x'", "rewrite is not supported"),
        ("aliases = 'x'", "aliases is not a table"),
        ("[aliases]\ndebian = 1", "aliases.debian is not a string"),
        ("[aliases]\n'r.test/a' = 'r.test/b'", "aliases: 'r.test/a' is not a short name"),
        ("[aliases]\n'a:1' = 'r.test/b'", "aliases: 'a:1' is not a short name"),
        ("[aliases]\na = 'b'", "aliases: 'a' does not begin with a host"),
        ("[aliases]\na = 'r.test'", "aliases: 'a' stands for no repository"),
        ("[aliases]\na = 'r.test/b:1'", "aliases: 'a' has no name of a repository"),
        ("[registries.search]\nregistries = []\n[[registry]]\nlocation = 'a.test'", "registry does not go with registries"),
        ("[registries.searhc]\nregistries = []", "registries.searhc is not known"),
        ("[registries.block]\nregistries = 'a.test'", "registries.block.registries is not a list of strings"),
        ("[registries.block]\nregistries = ['a test']", "registries.block.registries does not begin with a host"),
        ("[[registry]\n", "is not TOML"),
        ("a = 1\na = 2", "is not TOML"),
        (b"\xff\xfe", "is not UTF-8"),
        ("a = " + "[" * 5000 + "]" * 5000, "is not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(path: Path, text: str | bytes, said: str) -> None:
    assert refusal(path, text).startswith(said)


def test_a_file_is_read_within_bounds(path: Path) -> None:
    said = refusal(path, b"#" * (tables.MOST_BYTES + 1))
    assert said == f"has more than {tables.MOST_BYTES} bytes"


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop.conf"
    loop.symlink_to(loop)
    for path in (tmp_path, loop):
        with pytest.raises(InvalidInput, match=rf"{path} cannot be read: "):
            RegistriesConf.load(Places.only(path))


def test_a_link_is_followed(tmp_path: Path, path: Path) -> None:
    load(path, WHOLE)
    link = tmp_path / "link.conf"
    link.symlink_to(path)
    assert len(RegistriesConf.load(Places.only(link)).rules) == 3


# --- What is warned of


def test_an_unknown_key_that_says_nothing_of_registries_is_warned_of(path: Path) -> None:
    warnings: list[str] = []
    load(path, "colour = 'blue'", warnings)
    assert warnings == [f"{path}: colour is not known, and passed over"]


def test_the_first_of_several_tables_of_a_prefix_counts(path: Path) -> None:
    warnings: list[str] = []
    found = load(
        path,
        "[[registry]]\nlocation = 'a.test'\n[[registry]]\nlocation = 'a.test'\n[[registry.mirror]]\nlocation = 'b.test'",
        warnings,
    )
    assert [rule.mirrors for rule in found.rules] == [()]
    assert warnings == [f"{path}: 'a.test' has several [[registry]] tables, of which the first counts"]


# --- Whatever is in a file, nothing but InvalidInput comes of it

VALUES = st.sampled_from(
    ["true", "1", "'a.test'", "''", "'*.a.test'", "[]", "['a.test']", "{}", "{a = 1}", "1979-05-27", "nan", "[{}]"]
)
KEYS = st.sampled_from(
    ["registry", "aliases", "registries", "unqualified-search-registries", "credential-helpers", "short-name-mode", "x"]
)
INNER = st.sampled_from(["prefix", "location", "insecure", "blocked", "mirror", "mirror-by-digest-only"])


@given(st.dictionaries(KEYS, VALUES), st.lists(st.dictionaries(INNER, VALUES), max_size=2))
def test_reading_a_file_raises_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, values: dict[str, str], registries: list[dict[str, str]]
) -> None:
    text = "".join(f"{key} = {value}\n" for key, value in values.items())
    for registry in registries:
        text += "[[registry]]\n" + "".join(f"{key} = {value}\n" for key, value in registry.items())
    try:
        load(tmp_path_factory.getbasetemp() / "any.conf", text)
    except InvalidInput:
        return
