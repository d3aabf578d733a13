"""The sweep hears what it is there to hear."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pratique.auth.secret import Secret
from pratique.config.files import replace_json
from pratique.config.process import run as start
from pratique.errors import InvalidInput
from pratique.http.events import Warned
from pratique.http.reach import Proxy
from tests.sweep import Sweep, look

LONG, SHORT = "a-Secret-of-9", "T7"


@pytest.fixture(autouse=True, params=[LONG, SHORT])
def secret(request: pytest.FixtureRequest, sweep: Sweep) -> Iterator[str]:
    """A secret in use, which is forgotten before the sweep of this very test."""
    yield Secret(str(request.param)).reveal()
    sweep.secrets.clear()
    sweep.signs.clear()


def said(sweep: Sweep) -> list[str]:
    look(sweep, [])
    return [told.partition(" tells ")[0] for told in sweep.told()]


def test_nothing_is_told(sweep: Sweep) -> None:
    assert said(sweep) == []


@pytest.mark.parametrize("around", ["x{}x", "{}y", "1{}", "-{}"])
def test_a_short_secret_within_a_word_is_none(sweep: Sweep, around: str) -> None:
    sweep.hear("a line", around.format(SHORT))
    assert said(sweep) == []


def test_events_and_log_lines(sweep: Sweep, secret: str) -> None:
    Warned(f"it was {secret} again")
    logging.getLogger("pratique").warning("it was %s again", secret)
    assert said(sweep) == ["the repr of Warned", "a log line"]


def test_an_error_and_what_it_came_from(sweep: Sweep, secret: str) -> None:
    def fail(*, hides: bool) -> None:
        try:
            raise ValueError(f"not a URL: http://u:{secret} @h")
        except ValueError as error:
            raise InvalidInput("not a URL") from (None if hides else error)

    with pytest.raises(InvalidInput):
        fail(hides=True)
    assert said(sweep) == []
    with pytest.raises(InvalidInput):
        fail(hides=False)
    assert set(said(sweep)) == {"an error", "a caught exception"}


def test_an_exception_that_is_not_ours(sweep: Sweep, secret: str) -> None:
    with pytest.raises(ValueError, match="not a"):
        raise ValueError(f"not a URL: http://u:{secret} @h")
    assert said(sweep) == ["a caught exception"]


def test_an_argument_of_a_program(sweep: Sweep, secret: str) -> None:
    start(sys.executable, f"-c''#{secret}", b"", environment=os.environ, seconds=60, most_bytes=1000)
    assert said(sweep) == ["an argument of a program"]


@pytest.mark.parametrize("leave", [lambda _: None, Path.unlink, lambda path: path.rename(path.with_name("n"))])
def test_a_file_that_was_written(sweep: Sweep, secret: str, tmp_path: Path, leave: Callable[[Path], object]) -> None:
    """Also where it was removed or renamed; not where other tools look for secrets."""
    replace_json(tmp_path / "config.json", {"is": secret})
    assert said(sweep) == []
    replace_json(tmp_path / "config.json.bak", {"is": secret})
    leave(tmp_path / "config.json.bak")
    assert len(said(sweep)) == 1


def test_the_password_of_a_proxy(sweep: Sweep, secret: str) -> None:
    sweep.secrets.discard(secret)
    sweep.signs.discard(secret)
    Proxy.parse(f"http://u:{secret}@proxy.test", "--proxy")
    sweep.hear("a line", f"http://u:{secret}@proxy.test")
    assert said(sweep) == ["a line"]


def test_a_file_that_the_test_wrote_is_its_own(sweep: Sweep, secret: str, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(secret)
    assert said(sweep) == []


def test_a_temporary_file_that_was_left(sweep: Sweep, secret: str, temporary: Path) -> None:
    (temporary / "left").write_text(secret)
    look(sweep, [temporary])
    assert said(sweep) == ["the file left"]
