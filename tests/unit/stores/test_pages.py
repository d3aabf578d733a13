"""Lists that come in pages: every form that a Link may have, and every one that it must not."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pratique.errors import Misbehaved, NotFound
from pratique.http.message import Headers, Request, Response
from pratique.http.origin import Origin
from pratique.stores.pages import MOST_EMPTY_PAGES, MOST_PAGE_BYTES, next_page, sized

from .asking import Asked

URL = "https://r.test:5000/v2/foo/tags/list?n=2"
NEXT = "https://r.test:5000/v2/foo/tags/list?n=2&last=b"


def linked(*lines: str) -> Response:
    return Response(200, Headers(("Link", line) for line in lines))


@pytest.mark.parametrize(
    "line",
    [
        '</v2/foo/tags/list?n=2&last=b>; rel="next"',
        "</v2/foo/tags/list?n=2&last=b>; rel=next",
        "</v2/foo/tags/list?n=2&last=b>;rel=next",
        "  </v2/foo/tags/list?n=2&last=b>  ;  rel  =  next  ",
        '</v2/foo/tags/list?n=2&last=b>; REL="NEXT"',
        '</v2/foo/tags/list?n=2&last=b>; rel="prefetch next"',
        '</v2/foo/tags/list?n=2&last=b>; title="a, b; rel=prev"; rel=next',
        '</v2/foo/tags/list?n=2&last=b>; title="say \\"hi\\""; rel=next; type="text/html"',
        '</v2/foo/tags/list?n=2&last=b>; crossorigin; rel="next"; rel="prev"',
        '</first>; rel="first", </v2/foo/tags/list?n=2&last=b>; rel="next", </last>; rel="last"',
        '</a,b;c="d">; rel="first", </v2/foo/tags/list?n=2&last=b>; rel="next"',
        '<list?n=2&last=b>; rel="next"',
        '<?n=2&last=b>; rel="next"',
        '<//r.test:5000/v2/foo/tags/list?n=2&last=b>; rel="next"',
        f'<{NEXT}>; rel="next"',
        f'<{NEXT}#fragment>; rel="next"',
        '</v2/foo/tags/list?n=2&last=b>; rel="next',
    ],
)
def test_every_form_of_a_link_is_understood(line: str) -> None:
    assert next_page(URL, linked(line)) == NEXT


def test_a_link_may_come_on_any_line() -> None:
    lines = ('</first>; rel="first"', "nonsense", '</v2/foo/tags/list?n=2&last=b>; rel="next"')
    assert next_page(URL, linked(*lines)) == NEXT


@pytest.mark.parametrize(
    "line",
    [
        "", "nonsense", "<", "<>", "</a>", "</a>; rel", '</a>; rel=""', '</a>; rel="prev"', "</a>; rel=nextish",
        '</a>; rel="prev"; rel="next"', '</a>; title="; rel=next"', "rel=next", '/a; rel="next"', '</a>, rel="next"',
    ],
)  # fmt: skip
def test_what_names_no_next_page_is_the_end(line: str) -> None:
    assert next_page(URL, linked(line)) is None


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/v2/foo/tags/list?n=2&last=b",
        "//evil.test/v2/foo/tags/list?n=2&last=b",
        "http://r.test:5000/v2/foo/tags/list?n=2&last=b",
        "https://r.test/v2/foo/tags/list?n=2&last=b",
        "http://internal:8080/v2/foo/tags/list?n=2&last=b",
    ],
)
def test_the_next_page_is_on_the_same_origin_whatever_the_link_says(target: str) -> None:
    assert next_page(URL, linked(f'<{target}>; rel="next"')) == NEXT


@pytest.mark.parametrize(
    "target",
    [
        "ftp://r.test/", "javascript:alert(1)", "file:///etc/passwd", "https://[::1", "https://u:hunter2@r.test/",
        "https://r.test:99999/", "/a b", "/a\x1b[2J", "/é",
    ],
)  # fmt: skip
def test_a_link_that_leads_nowhere_is_the_servers_mistake(target: str) -> None:
    with pytest.raises(Misbehaved, match="the next page of") as caught:
        next_page(URL, linked(f'<{target}>; rel="next"'))
    assert "hunter2" not in str(caught.value)
    assert str(caught.value).isprintable()


fragments = st.sampled_from(
    ["<", ">", '"', "\\", ";", ",", "=", "rel", "next", " ", "/", ":", "[", "?", "é", "\x00", "#"]
)
link_like = st.lists(fragments | st.text(max_size=3)).map("".join)


@given(st.one_of(st.text(), link_like, link_like.map(lambda target: f'<{target}>; rel="next"')))
@example('<http://[>; rel="next"')
@example('<\\"' * 20)
def test_any_link_leads_home_or_is_the_servers_mistake(line: str) -> None:
    try:
        following = next_page(URL, linked(line))
    except Misbehaved:
        return
    assert following is None or Origin.of(following) == Origin.of(URL)


@pytest.mark.parametrize("piece", ['<>\\"', '<>; "', "<", ";", '<a>;rel="\\', "\\", '"', "<>;a"])
def test_no_line_takes_long(piece: str) -> None:
    """So much longer than a transport lets through that the square of its length would take hours, and run out of time."""
    next_page(URL, linked(piece * 500_000))


def test_the_page_size_is_put_into_the_query() -> None:
    assert sized("https://r.test/v2/_catalog", None) == "https://r.test/v2/_catalog"
    assert sized("https://r.test/v2/_catalog", 100) == "https://r.test/v2/_catalog?n=100"
    assert sized("https://r.test/v2/_catalog?a=b", 100) == "https://r.test/v2/_catalog?a=b&n=100"


def page(names: object, following: str | None = None) -> Response:
    links = [("Link", f'<{following}>; rel="next"')] if following else []
    return Response.of(200, json.dumps({"name": "foo", "tags": names}).encode(), *links)


def test_pages_are_asked_for_when_they_are_wanted() -> None:
    asked = Asked(lambda request: page(["a"], "?last=a") if "last" not in request.url else page(["b"]))
    listed = asked.repository.tags()
    assert asked.lines == []
    assert next(listed) == "a"
    assert asked.lines == ["GET /v2/foo/tags/list"]
    assert list(listed) == ["b"]
    assert asked.lines == ["GET /v2/foo/tags/list", "GET /v2/foo/tags/list?last=a"]


@pytest.mark.parametrize("names", [None, []])
def test_no_tags_are_an_empty_list(names: object) -> None:
    assert list(Asked(lambda _: page(names)).repository.tags()) == []


def test_a_list_may_lack_its_key() -> None:
    assert list(Asked(lambda _: Response.of(200, b'{"name":"foo"}')).repository.tags()) == []


@pytest.mark.parametrize("names", ["latest", {"a": 1}, 7, True, ["a", 7], ["a", None], [["a"]], ["a\x1b[2J"], ["a\nb"]])
def test_tags_of_the_wrong_type_are_the_servers_mistake(names: object) -> None:
    with pytest.raises(Misbehaved, match="'tags' is not a list of names"):
        list(Asked(lambda _: page(names)).repository.tags())


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b"{", b"<html>", b"\xff", b'{"tags":NaN}', b"[" * 100_000, b'{"tags":' * 100_000]
)
def test_what_is_no_list_is_the_servers_mistake(raw: bytes) -> None:
    with pytest.raises(Misbehaved):
        list(Asked(lambda _: Response.of(200, raw)).repository.tags())


def test_a_page_without_end_is_not_read() -> None:
    endless = Response(200, Headers([("Content-Length", str(MOST_PAGE_BYTES + 1))]))
    with pytest.raises(Misbehaved, match="bytes are read"):
        list(Asked(lambda _: endless).repository.tags())


def test_pages_that_go_in_circles_are_the_servers_mistake() -> None:
    asked = Asked(lambda _: page(["a"], "?last=a"))
    with pytest.raises(Misbehaved, match="in circles"):
        list(asked.repository.tags())
    assert len(asked.lines) == 2


def test_empty_pages_without_end_are_the_servers_mistake() -> None:
    asked = Asked(lambda _: page([], f"?last={len(asked.lines)}"))
    with pytest.raises(Misbehaved, match="in circles"):
        list(asked.repository.tags())
    assert len(asked.lines) == MOST_EMPTY_PAGES + 1


def test_an_empty_page_with_a_link_is_not_the_end() -> None:
    pages = iter([page(["a"], "?last=1"), page([], "?last=2"), page(None, "?last=3"), page(["b"])])
    assert list(Asked(lambda _: next(pages)).repository.tags()) == ["a", "b"]


def test_an_error_on_a_later_page_is_told() -> None:
    asked = Asked(lambda request: Response.of(404) if "last" in request.url else page(["a"], "?last=a"))
    listed = asked.repository.tags()
    assert next(listed) == "a"
    with pytest.raises(NotFound, match="last=a"):
        next(listed)


@pytest.mark.parametrize("status", [400, 405])
def test_a_page_size_that_is_not_liked_is_left_out(status: int) -> None:
    asked = Asked(lambda request: Response.of(status) if "n=" in request.url else page(["a"]))
    assert list(asked.repository.tags(limit=10_000)) == ["a"]
    assert asked.lines == ["GET /v2/foo/tags/list?n=10000", "GET /v2/foo/tags/list"]


def test_a_refusal_of_the_list_itself_is_told_once() -> None:
    asked = Asked(lambda _: Response.of(400))
    with pytest.raises(Misbehaved):
        list(asked.repository.tags())
    assert asked.lines == ["GET /v2/foo/tags/list"]


def test_repositories_have_the_names_of_repositories() -> None:
    def catalog(*names: str) -> Asked:
        return Asked(lambda _: Response.of(200, json.dumps({"repositories": names}).encode()))

    assert list(catalog("a", "b/c").registry.repositories()) == ["a", "b/c"]
    for name in ("../etc", "A", "a//b", "a b", "", "a" * 300):
        with pytest.raises(Misbehaved, match="not a repository name"):
            list(catalog(name).registry.repositories())


def test_a_request_says_what_it_accepts() -> None:
    asked = Asked(lambda _: page(["a"]))
    list(asked.repository.tags())
    request: Request = asked.requests[0]
    assert request.headers.all("Accept") == ("application/json",)
