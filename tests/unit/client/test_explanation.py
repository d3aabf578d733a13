"""Why something is permitted or not, and tokens for other tools."""

from __future__ import annotations

import pytest

from pratique import ANONYMOUS, Event, InvalidInput, NotFound, Registries, Unauthorized
from pratique.auth.events import CredentialSought
from pratique.http.events import Sent
from pratique.testing import Embedded, registry

from .conftest import CREDS, Connects


def test_a_conversation_is_kept(harbour: Embedded, registries: Registries, events: list[Event]) -> None:
    found = registries.explain(f"{harbour.address}/app:1.0")
    assert (found.permitted, found.verdict, found.error) == (True, "permitted", None)
    assert [event.status for event in found.events if isinstance(event, Sent)] == [401, 200]
    assert events == []  # it is told in the explanation


def test_a_refusal_is_part_of_it(harbour: Embedded, connect: Connects) -> None:
    found = connect(credentials=ANONYMOUS).explain(f"{harbour.address}/app:1.0", "push")
    assert isinstance(found.error, Unauthorized)
    assert (found.permitted, found.verdict, found.action) == (False, "", "push")


def test_it_says_where_was_looked(harbour: Embedded, connect: Connects) -> None:
    found = connect(credentials=None).explain(f"{harbour.address}/app:1.0")
    sought = next(event for event in found.events if isinstance(event, CredentialSought))
    assert found.looks[sought]
    assert not any(look.matches for look in found.looks[sought])
    assert connect().explain(f"{harbour.address}/app:1.0").looks == {}


def test_an_action_that_is_none(registries: Registries) -> None:
    with pytest.raises(InvalidInput, match="'fly' is no action"):
        registries.explain("r.test/app", "fly")


def test_a_token_for_other_tools(connect: Connects) -> None:
    with registry(sockets=False, users={"captain": "aye"}, scheme="bearer") as found:
        registries = connect(found.address, credentials=CREDS, transport=found.transport)
        permit = registries.permit(f"{found.address}/app", "pull", "push")
    assert (permit.scheme, permit.scopes) == ("Bearer", ("repository:app:pull,push",))
    assert permit.secret.reveal().count(".") == 2
    assert permit.secret.reveal() not in repr(permit)


def test_where_everything_is_open_there_is_none(connect: Connects) -> None:
    with registry(sockets=False) as found:
        found.push_image("app:1.0")
        registries = connect(credentials={}, transport=found.transport)
        with pytest.raises(NotFound, match="asks for no permission to pull"):
            registries.permit(f"{found.address}/app")
