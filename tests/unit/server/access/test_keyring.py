"""The folder of keys: the first, the next, those that somebody puts there, and those that have ended."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest
from cryptography import x509

from pratique.errors import InvalidInput
from pratique.server.access.keyring import DELAY, Keyring
from pratique.server.access.keys import SigningKey
from pratique.server.access.rules import EDDSA, ES256, Tokens

from ..asking import Clock

DAY = 24 * 3600
KEPT = 30 * DAY
ROTATED = Tokens(rotate=90)


class Rings:
    """Keyrings over one folder, as several processes have them."""

    def __init__(self, private: Path) -> None:
        self.private = private
        self.clock = Clock()
        self.looks = Clock()

    def __call__(self, tokens: Tokens = ROTATED) -> Keyring:
        return Keyring(self.private, tokens, KEPT, self.clock, looks=self.looks)

    def files(self) -> list[str]:
        """The names of the keys."""
        return sorted(path.name for path in (self.private / "keys").iterdir())

    def put(self, name: str, key: SigningKey) -> None:
        """Put a key into the folder, as a person does."""
        (self.private / "keys" / name).write_bytes(key.pem)


@pytest.fixture
def rings(tmp_path: Path) -> Rings:
    return Rings(tmp_path / "private")


def look(rings: Rings, ring: Keyring) -> None:
    """Let the files be looked at until they stood still."""
    for _ in range(4):
        rings.looks.now += 1
        assert set(ring.public) == {"keys"}


def ids(ring: Keyring) -> list[str]:
    return [key["kid"] for key in ring.public["keys"]]


def test_the_first_key_signs_at_once_and_is_its_owner_s(rings: Rings) -> None:
    ring = rings()
    assert ring.read(ring.signer().sign({"a": 1})).claims == {"a": 1}
    [name] = rings.files()
    assert stat.S_IMODE((rings.private / "keys" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((rings.private / "keys").stat().st_mode) == 0o700


def test_a_key_stays_over_restarts(rings: Rings) -> None:
    token = rings().signer().sign({"a": 1})
    assert rings().read(token).claims == {"a": 1}
    assert len(rings.files()) == 1


def test_many_that_start_at_once_have_one_key(rings: Rings) -> None:
    made: list[Keyring] = []
    threads = [threading.Thread(target=lambda: made.append(rings())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({ring.signer().id for ring in made}) == 1
    assert len(rings.files()) == 1


def test_without_rotation_the_first_key_stays(rings: Rings) -> None:
    ring = rings(Tokens())
    first = ring.signer().id
    rings.clock.now += 9 * 365 * DAY
    assert ring.signer().id == first


def test_the_next_key_is_known_seven_days_before_it_signs(rings: Rings) -> None:
    ring = rings()
    first, begun = ring.signer(), rings.clock.now - DELAY
    rings.clock.now = begun + 83 * DAY - 1
    assert (ring.signer().id, len(ids(ring))) == (first.id, 1)
    rings.clock.now = begun + 83 * DAY
    assert (ring.signer().id, len(ids(ring))) == (first.id, 2)
    rings.clock.now = begun + 90 * DAY + DELAY - 1
    assert ring.signer().id == first.id
    rings.clock.now += 1
    second = ring.signer()
    assert [first.id, second.id] == ids(ring)
    assert second.begins == begun + 90 * DAY


def test_keys_change_for_years_and_tokens_outlive_them(rings: Rings) -> None:
    ring = rings()
    signers = []
    for _ in range(400):
        token = ring.signer().sign({"a": 1})
        signers.append(ring.signer().id)
        rings.clock.now += 29.5 * DAY
        ring.signer()
        assert ring.read(token).claims == {"a": 1}
        rings.clock.now -= 27.5 * DAY
    assert len(set(signers)) == 9
    assert len(rings.files()) <= 3


@pytest.mark.parametrize(("rotate", "days"), [(1, 0.5), (2, 1), (14, 7), (365, 7)])
def test_how_long_before_its_turn_a_key_is_known(rings: Rings, rotate: int, days: float) -> None:
    ring = rings(Tokens(rotate=rotate))
    ring.signer()
    rings.clock.now += rotate * DAY - DELAY - days * DAY - 1
    ring.signer()
    assert len(ids(ring)) == 1
    rings.clock.now += 1
    ring.signer()
    assert len(ids(ring)) == 2


def test_a_key_ends_when_its_tokens_have(rings: Rings) -> None:
    ring = rings()
    token = ring.signer().sign({"a": 1})
    for _ in range(12):
        rings.clock.now += 30 * DAY
        ring.signer()
    with pytest.raises(ValueError, match="not known"):
        ring.read(token)


def test_after_a_long_sleep_the_next_key_is_announced_as_well(rings: Rings) -> None:
    first = rings().signer().id
    rings.clock.now += 1000 * DAY
    ring = rings()
    assert ring.signer().id == first
    rings.clock.now += 7 * DAY + DELAY
    assert ring.signer().id != first
    assert len(rings.files()) == 2


def test_another_process_has_the_new_key_before_it_signs(rings: Rings) -> None:
    one, other = rings(), rings()
    rings.clock.now += 89 * DAY
    one.signer()
    other.signer()
    assert len(rings.files()) == 2
    look(rings, other)
    rings.clock.now += DAY + DELAY
    assert other.read(one.signer().sign({"a": 1})).claims == {"a": 1}
    assert one.signer().id == other.signer().id


def test_a_key_that_somebody_puts_there_signs_soon(rings: Rings) -> None:
    ring = rings(Tokens())
    old = ring.signer().sign({"a": 1})
    mine = SigningKey.make("mine", rings.clock.now)
    rings.put("mine.pem", mine)
    look(rings, ring)
    assert ring.signer().id != mine.id
    assert mine.id in ids(ring)
    rings.clock.now += DELAY
    assert ring.signer().id == mine.id
    assert ring.read(old).claims == {"a": 1}


def test_a_key_that_somebody_removes_is_not_believed_any_more(rings: Rings) -> None:
    ring = rings(Tokens())
    token = ring.signer().sign({"a": 1})
    (rings.private / "keys" / rings.files()[0]).unlink()
    look(rings, ring)
    with pytest.raises(ValueError, match="not known"):
        ring.read(token)
    assert ring.read(ring.signer().sign({"a": 2})).claims == {"a": 2}


def test_a_file_that_is_no_key_changes_nothing(rings: Rings, caplog: pytest.LogCaptureFixture) -> None:
    ring = rings(Tokens())
    token = ring.signer().sign({"a": 1})
    (rings.private / "keys" / "mine.pem").write_text("-----BEGIN")
    look(rings, ring)
    assert ring.read(token).claims == {"a": 1}
    assert "mine.pem: not a key and its certificate" in caplog.text
    with pytest.raises(InvalidInput, match=r"mine\.pem"):
        rings()


@pytest.mark.parametrize("name", [".half.tmp", "README", ".hidden.pem"])
def test_other_files_are_none_of_ours(rings: Rings, name: str) -> None:
    rings()
    (rings.private / "keys" / name).write_text("nothing")
    assert len(ids(rings())) == 1


def test_another_algorithm_has_a_key_of_its_own(rings: Rings) -> None:
    old = rings(Tokens()).signer()
    ring = rings(Tokens(algorithm=EDDSA))
    assert (ring.signer().algorithm, old.algorithm) == (EDDSA, ES256)
    assert ring.read(old.sign({"a": 1})).claims == {"a": 1}
    assert rings(Tokens()).signer().id == old.id


def test_the_certificates_of_all_keys_stand_in_one_file(rings: Rings) -> None:
    ring = rings()
    rings.clock.now += 89 * DAY
    ring.signer()
    bundle = (rings.private / "certificates.pem").read_bytes()
    assert bundle == ring.certificates
    assert len(x509.load_pem_x509_certificates(bundle)) == 2
    assert b"PRIVATE" not in bundle


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "private").write_text("a file")
    with pytest.raises(InvalidInput, match="cannot be made"):
        Rings(tmp_path / "private")()


def test_more_keys_than_anybody_has(rings: Rings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pratique.server.access.keyring.MOST_KEYS", 1)
    rings()
    rings.put("mine.pem", SigningKey.make("mine", 0))
    with pytest.raises(InvalidInput, match="more than 1 keys"):
        rings()
