"""What a person is shown of events."""

from __future__ import annotations

import pytest

from pratique.auth.events import TokenReused
from pratique.cli import trace
from pratique.cli.output import Output
from pratique.http.events import Redirected, Retried, Warned


@pytest.mark.parametrize(
    ("debug", "lines"),
    [
        (False, ["GET x: 503; again in 1.5 s", "warning: old"]),
        (True, ["redirect: to b", "token: reused for no scope", "retry: GET x: 503; again in 1.5 s", "warning: old"]),
    ],
)
def test_the_step_comes_before_its_detail(debug: bool, lines: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    tell = trace.observer(Output(debug=debug))
    for event in (Redirected("a", "b"), TokenReused(()), Retried("GET x", "503", 1.5), Warned("old")):
        tell(event)
    assert capsys.readouterr().err.splitlines() == [f"pratique: {line}" for line in lines]
