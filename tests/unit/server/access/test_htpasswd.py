"""Files of names and hashes, as `htpasswd -B` writes them."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.auth.secret import Secret
from pratique.errors import InvalidInput
from pratique.server.access import htpasswd

# Written by `htpasswd -niB` of Debian's apache2-utils 2.4.71, and what other methods of it write.
ALICE = "$2y$05$FHr7.LspeywL0zKUMNsFJeSYTyBI2FxesDn.QWn10JOjLMvXZ7SQC"  # "secret"
BOB = "$2y$05$StjJPTH.50C5F5oJRwxcL.1EXxAmyHX45/Y4dxdi0q7u1F1.JYK8y"  # "pass:wörd"
OTHERS = {
    "$apr1$ArY79b8Q$bw8gsLtkTTB/DmWmK9Zx91": "MD5",
    "{SHA}NMfTLf4kql4x98PMVl16orqGin0=": "SHA-1",
    "$6$9eixGRhLhfXvjDxN$6/T8k8lQYEF7I6GX.8uQN7G7ipV1GfLLpLiMXg4PTnbbYJy0SZ052oPU9NapT3jXRB5YeD37nlfexX4MFGbcJ.": "SHA-512",
    "bu7E5wbp4vyj.": "not hashed by bcrypt",
    "open sesame": "not hashed by bcrypt",
    ALICE[:-1]: "damaged",
    ALICE.replace("2y", "2x"): "unknown kind",
    ALICE[:-1] + "D": "damaged",
    "": "not hashed by bcrypt",
}


def load(folder: Path, content: str | bytes) -> dict[str, Secret]:
    path = folder / "users"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return htpasswd.load(path)


def test_names_comments_and_empty_lines(tmp_path: Path) -> None:
    users = load(tmp_path, f"# our users\n\nalice:{ALICE}\r\n  bob:{BOB}  \n#carol:x\nzoë:{ALICE.replace('2y', '2b')}")
    assert users == {"alice": Secret(ALICE), "bob": Secret(BOB), "zoë": Secret(ALICE.replace("2y", "2b"))}


@pytest.mark.parametrize("prefix", ["$2y$", "$2b$", "$2a$"])
def test_the_three_kinds_of_bcrypt(prefix: str) -> None:
    assert htpasswd.is_hash(prefix + ALICE[4:])


@pytest.mark.parametrize(("stored", "words"), OTHERS.items())
def test_other_hashes_are_refused_by_name_and_line(tmp_path: Path, stored: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as caught:
        load(tmp_path, f"alice:{ALICE}\nbob:{stored}\n")
    assert f"{tmp_path / 'users'}, line 2: " in str(caught.value)
    assert "'bob'" in str(caught.value)
    assert "htpasswd -B" in str(caught.value.advice())
    assert not stored or stored not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "has no users"),
        (b"# nobody\n", "has no users"),
        (b"alice\n", "line 1: is not `name:hash`"),
        (f":{ALICE}".encode(), "line 1: '' cannot be a user's name"),
        (f"a\x07b:{ALICE}".encode(), "line 1: 'a\\\\x07b' cannot be"),
        (f"alice:{ALICE}\nalice:{BOB}".encode(), "line 2: has the user 'alice' again"),
        (b"\xe4:" + ALICE.encode(), "line 1: is not UTF-8"),
        (f"alice:{ALICE.replace('$05$', '$03$')}".encode(), "cost 3"),
        (f"alice:{ALICE.replace('$05$', '$18$')}".encode(), "cost 18"),
        (b"x" * (htpasswd.MOST_BYTES + 1), "has more than"),
    ],
)
def test_what_a_file_cannot_be(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        load(tmp_path, content)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        htpasswd.load(tmp_path / "users")


def test_what_a_line_says_is_not_shown(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(tmp_path, "my-password-without-a-name")
    assert "my-password" not in str(caught.value)


@given(st.from_regex(r"\A\$2[aby]\$04\$[./A-Za-z0-9]{53}\Z"))
def test_bcrypt_can_read_every_hash_that_is_one(text: str) -> None:
    if htpasswd.is_hash(text):
        assert not bcrypt.checkpw(b"a word", text.encode())


@given(content=st.binary(max_size=200))
def test_any_file(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        users = load(tmp_path_factory.getbasetemp(), content)
    except InvalidInput:
        return
    assert all(htpasswd.is_hash(secret.reveal()) for secret in users.values())
