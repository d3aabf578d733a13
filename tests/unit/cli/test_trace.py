"""What events are called."""

from __future__ import annotations

from pratique.auth import events as of_auth
from pratique.cli import trace
from pratique.http import events as of_http
from pratique.stores import events as of_stores


def test_names_are_those_of_events() -> None:
    """A name that no class has would be one that nobody is ever shown."""
    known = {name for module in (of_auth, of_http, of_stores) for name in vars(module)}
    assert set(trace._NAMES) <= known
    assert set(trace._STEPS) <= set(trace._NAMES)


def test_an_event_is_found_by_its_class() -> None:
    assert trace.name(of_auth.TokenDenied("no")) == "token_denied"
    assert trace.step(of_stores.PassedOver("", "", "")) == "route"
    assert trace.step(of_http.Event()) == "note"
