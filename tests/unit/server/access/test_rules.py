"""The file that says who may do what."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.auth.scopes import ScopeSet
from pratique.auth.secret import Secret
from pratique.errors import InvalidInput
from pratique.server.access.file import load as load_access
from pratique.server.access.rules import Access, Rule, Tokens

from .test_htpasswd import ALICE as HASH

EXAMPLE = """
scheme = "bearer"
ping = "open"
refusal = 403
catalog = ["alice"]
htpasswd = "more/users"

[users]
alice = "secret"
bob = "pass:word"

[[repositories]]
pattern = "foo*"
allow = { alice = ["pull", "push", "delete"], anonymous = ["pull"] }

[[repositories]]
pattern = "*/shared"
allow = { bob = ["push"] }

[tokens]
realm = "https://auth.test/token"
service = "registry.test"
others = ["other.test"]
issuer = "auth.test"
life = 60
algorithm = "EdDSA"
rotate = 90
x5c = false
"""


@pytest.fixture
def access(tmp_path: Path) -> Access:
    return load(tmp_path, EXAMPLE)


def load(folder: Path, text: str) -> Access:
    (folder / "more").mkdir(exist_ok=True)
    (folder / "more" / "users").write_text(f"carol:{HASH}\n")
    path = folder / "access.toml"
    path.write_text(text, "utf-8")
    return load_access(path)


def test_everything_that_a_file_can_say(access: Access) -> None:
    assert access == Access(
        scheme="bearer",
        ping="open",
        refusal=403,
        catalog=("alice",),
        users={"alice": Secret("secret"), "bob": Secret("pass:word"), "carol": Secret(HASH)},
        rules=(
            Rule("foo*", {"alice": frozenset({"pull", "push", "delete"}), "anonymous": frozenset({"pull"})}),
            Rule("*/shared", {"bob": frozenset({"push"})}),
        ),
        tokens=Tokens(
            realm="https://auth.test/token",
            service="registry.test",
            others=("other.test",),
            issuer="auth.test",
            life=60,
            algorithm="EdDSA",
            rotate=90,
            x5c=False,
        ),
    )


def test_the_files_that_it_came_from(access: Access, tmp_path: Path) -> None:
    assert access.files == (tmp_path / "access.toml", tmp_path / "more" / "users")


def test_a_file_of_htpasswd_alone(tmp_path: Path) -> None:
    path = tmp_path / "users"
    path.write_text(f"carol:{HASH}\n")
    access = Access.of_htpasswd(path)
    assert access == Access(users={"carol": Secret(HASH)})
    assert access.files == (path,)
    assert not access.is_open
    asked = ScopeSet.parse("repository:foo:pull,push,delete registry:catalog:*")
    assert access.permitted("carol", asked) == asked
    assert not access.permitted("anonymous", asked)


def test_a_hash_in_the_file_itself(tmp_path: Path) -> None:
    assert load(tmp_path, f'users = {{ dave = "{HASH}" }}').users == {"dave": Secret(HASH)}


@pytest.mark.parametrize(
    ("user", "asked", "permitted"),
    [
        ("alice", "repository:foo:pull,push", "repository:foo:pull,push"),
        ("alice", "repository:foo/bar:*", "repository:foo/bar:pull,push,delete"),
        ("alice", "repository:other:pull", ""),
        ("alice", "repository:a/shared:push", ""),
        ("bob", "repository:foo:pull,push", "repository:foo:pull"),
        ("bob", "repository:foo/shared:pull,push,delete", "repository:foo/shared:pull,push"),
        ("anonymous", "repository:foo:pull,push", "repository:foo:pull"),
        ("anonymous", "repository:foo/shared:push", ""),
        ("anonymous", "repository:afoo:pull", ""),
        ("alice", "registry:catalog:*", "registry:catalog:*"),
        ("alice", "registry:catalog:pull", ""),
        ("bob", "registry:catalog:*", ""),
        ("alice", "repository(plugin):foo:pull foo repository:foo", ""),
    ],
)
def test_what_is_permitted(access: Access, user: str, asked: str, permitted: str) -> None:
    assert access.permitted(user, ScopeSet.parse(asked)) == ScopeSet.parse(permitted)


def test_an_empty_file_opens_everything(tmp_path: Path) -> None:
    access = load(tmp_path, "")
    asked = ScopeSet.parse("repository:foo:pull,push,delete registry:catalog:*")
    assert access.permitted("anonymous", asked) == asked
    assert access.is_ping_open


def test_users_without_rules_may_do_everything_and_others_nothing(tmp_path: Path) -> None:
    access = load(tmp_path, 'users = { alice = "x" }')
    asked = ScopeSet.parse("repository:foo:pull,push,delete registry:catalog:*")
    assert access.permitted("alice", asked) == asked
    assert not access.permitted("anonymous", asked)
    assert not access.is_ping_open


def test_passwords_are_not_shown(access: Access) -> None:
    assert "pass:word" not in repr(access)
    assert HASH not in repr(access)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("scheme = \n", "line 1"),
        ('a = 1\nscheme = "x\n', "line 2"),
        ('schema = "basic"', "schema is not known"),
        ('scheme = "digest"', "'digest'"),
        ("scheme = 1", "scheme"),
        ('ping = "ajar"', "'ajar'"),
        ("refusal = 404", "404"),
        ('refusal = "403"', "refusal"),
        ("refusal = true", "refusal"),
        ('users = ["alice"]', "users"),
        ("users = { alice = 7 }", "users.alice"),
        ('users = { anonymous = "x" }', "'anonymous'"),
        ('users = { "a:b" = "x" }', "'a:b'"),
        ('repositories = "foo"', "repositories"),
        ('repositories = [{ pattern = "a" }]', "repositories[0].allow is missing"),
        ('repositories = [{ pattern = "a", allow = { bob = ["pull"] } }]', "'bob'"),
        ('repositories = [{ pattern = "a", allow = { anonymous = ["read"] } }]', "'read'"),
        ('repositories = [{ pattern = "a", allow = { anonymous = "pull" } }]', "repositories[0].allow.anonymous"),
        ('repositories = [{ pattern = "a", allow = {}, deny = {} }]', "repositories[0].deny is not known"),
        ('catalog = ["bob"]', "'bob'"),
        ("tokens = { life = 0 }", "tokens.life is not a whole number from 1"),
        ("tokens = { lives = 9 }", "tokens.lives is not known"),
        ('tokens = { algorithm = "HS256" }', "'HS256' is not one of 'ES256', 'EdDSA'"),
        ("tokens = { rotate = -1 }", "tokens.rotate is not a whole number from 0 to 3650"),
        ("tokens = { rotate = 9999 }", "tokens.rotate is not a whole number from 0 to 3650"),
        ("tokens = { x5c = 1 }", "tokens.x5c is not true or false"),
        ('users = { alice = "$apr1$x$y" }', "'alice' is hashed by Apache's MD5"),
        (f'users = {{ alice = "{HASH[:-1]}" }}', "damaged"),
        ('users = { "a\\u0007" = "x" }', "'a\\x07' cannot be"),
        ('htpasswd = "missing"', "missing: cannot be read"),
        ('htpasswd = "access.toml"', "line 1: is not `name:hash`"),
        ('htpasswd = ["more/users"]', "htpasswd is not a string"),
        ('htpasswd = "more/users"\nusers = { carol = "x" }', "users.carol stands in more/users, too"),
    ],
)
def test_what_a_file_cannot_say(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, text)
    assert words in str(caught.value)
    assert "access.toml" in str(caught.value)


def test_a_password_of_a_wrong_type_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, "users = { alice = 12345678 }")
    assert "12345678" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no such file"):
        load_access(tmp_path / "missing.toml")
    (tmp_path / "latin.toml").write_bytes(b'users = { "\xe4" = "x" }')
    with pytest.raises(InvalidInput, match="is not UTF-8"):
        load_access(tmp_path / "latin.toml")
