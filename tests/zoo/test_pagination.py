"""The manners of lists that come in pages."""

from __future__ import annotations

import json
from functools import partial

import pytest

from pratique.http.message import Response
from pratique.server.faults.manners import lists
from pratique.server.faults.manners.tokens import Expires
from pratique.spec.endpoints import TAGS as TAGS_ENDPOINT

from .animal import Animal, Client, Seen, Ticketed, bearer, challenge, given, ok

TAGS = [f"v{number}" for number in range(250)]


def page(seen: Seen, size: int, *, link: bool = True) -> Response:
    """The tags after `last`, at most `size`; the link names another host, as behind a proxy."""
    last = seen.query.get("last", [""])[0]
    start = TAGS.index(last) + 1 if last else 0
    shown = TAGS[start : start + size]
    more = link and start + size < len(TAGS)
    links = [("Link", f'<http://internal:5000{seen.path}?last={shown[-1]}&n={size}>; rel="next"')] if more else []
    return ok(json.dumps({"name": "foo", "tags": shown}).encode(), *links)


class AtMost1000(Animal):
    """`page-size-limits`: too large a page is refused with 400 or 405 (ECR; google/go-containerregistry#681, 2020)."""

    def __init__(self, status: int) -> None:
        super().__init__(partial(lists.PageSize, most=1000, status=status))

    def answer(self, seen: Seen) -> Response:
        return page(seen, 100)


@pytest.mark.parametrize("status", [400, 405])
def test_a_page_size_that_is_refused_is_left_out(status: int) -> None:
    animal = AtMost1000(status)
    assert list(Client(animal).repository().tags(limit=10_000)) == TAGS
    assert [seen.query.get("n") for seen in animal.seen] == [["10000"], None, ["100"], ["100"]]


class Capped(Animal):
    """`page-size-limits`: too large a page is made smaller without a word (Quay; renovatebot/renovate#16822, 2022)."""

    manner = partial(lists.PageSize, most=100, status=0)

    def answer(self, seen: Seen) -> Response:
        return page(seen, max(int(seen.query["n"][0]), 100))


@pytest.mark.parametrize("limit", [None, 1, 10_000])
def test_a_short_page_is_not_the_end(limit: int | None) -> None:
    animal = Capped()
    assert list(Client(animal).repository().tags(limit=limit)) == TAGS
    assert {seen.host for seen in animal.seen} == {"r.test"}, "the link's host is the server's own idea of its name"
    assert len(animal.seen) == 3


def test_no_page_size_is_asked_for_unless_wanted() -> None:
    animal = Capped()
    list(Client(animal).repository().tags())
    assert "n" not in animal.seen[0].query


class ShortLived(Ticketed):
    """`long-pagination-token-expiry`: a token is good for two requests, and the list has five pages."""

    manner = partial(Expires, uses=(2,), ids=(TAGS_ENDPOINT.id,))

    def serve(self, seen: Seen) -> Response:
        scope = "repository:foo:pull"
        return page(seen, 50) if self.permits(seen, scope) else challenge(401, bearer(scope))


def test_a_token_that_ends_between_pages_is_renewed() -> None:
    animal = ShortLived()
    assert list(Client(animal, given()).repository().tags()) == TAGS
    assert len(animal.at("auth.test")) == 3
    answered = [seen.url for seen in animal.at("r.test") if seen.authorization]
    assert len(set(answered)) == 5
    assert len(answered) == 5 + 2, "each page once, but for the two requests whose token had ended"


class PagesOfTwoServices(Animal):
    """`long-pagination-token-expiry`: page 2 lives under another scope and another token service."""

    def answer(self, seen: Seen) -> Response:
        if seen.host.endswith("auth.test"):
            return ok(json.dumps({"token": seen.host}).encode())
        service = "2.auth.test" if "last" in seen.query else "1.auth.test"
        if seen.authorization != f"Bearer {service}":
            return challenge(401, bearer(f"registry:page:{service[0]}", realm=f"https://{service}/token"))
        return page(seen, 125)


@pytest.mark.tells_secrets("each token is named after its token service")
def test_each_page_is_asked_for_with_its_own_permission() -> None:
    animal = PagesOfTwoServices()
    assert list(Client(animal, given()).repository().tags()) == TAGS
    assert [seen.host for seen in animal.seen if "auth" in seen.host] == ["1.auth.test", "2.auth.test"]
    assert "registry:page:2" in animal.at("2.auth.test")[0].query["scope"]
