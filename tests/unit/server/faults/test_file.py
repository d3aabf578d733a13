"""Faults on purpose: which requests they happen to, how often, and how a file says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pratique.errors import InvalidInput
from pratique.http.message import Request, Response, Unanswered
from pratique.server.faults.fault import EFFECTS, ENDPOINTS, MANNERS, Fault
from pratique.server.faults.file import Faults

DIGEST = "sha256:" + "0" * 64
BUSY: dict[str, Any] = {"answer": {"status": 503}}


def registry(request: Request) -> Response:
    """Answers everything."""
    return Response.of(200, b"content")


def statuses(faults: Faults, *requests: str) -> list[int]:
    """What is answered to requests like `GET /v2/`, in turn."""
    handle = faults.before(registry)
    found = []
    for line in requests:
        method, target = line.split(" ")
        with handle(Request(method, f"https://r.test{target}")) as response:
            found.append(response.status)
    return found


def load(folder: Path, text: str) -> Faults:
    path = folder / "faults.toml"
    path.write_text(text)
    return Faults.load(path)


@pytest.mark.parametrize(
    ("match", "fits", "does_not"),
    [
        ({}, "GET /v2/", ""),
        ({"method": "PUT"}, "PUT /v2/foo/manifests/1", "GET /v2/foo/manifests/1"),
        ({"method": ["put", "patch"]}, "PATCH /v2/foo/blobs/uploads/1", "POST /v2/foo/blobs/uploads/"),
        ({"path": "/v2/*/blobs/*"}, "GET /v2/a/b/blobs/x", "GET /v2/a/manifests/1"),
        ({"path": "/v2/a/*"}, "GET /v2/%61/tags/list", "GET /v2/b/tags/list"),
        ({"repository": "team/*"}, "GET /v2/team/app/tags/list", "GET /v2/app/tags/list"),
        ({"repository": "*"}, "GET /v2/app/tags/list", ""),
        ({"query": "*from=base*"}, "POST /v2/a/blobs/uploads/?mount=x&from=base", "POST /v2/a/blobs/uploads/"),
        ({"endpoint": "ping"}, "GET /v2/", "GET /v2/_catalog"),
        ({"endpoint": "blob"}, f"HEAD /v2/a/blobs/{DIGEST}", f"DELETE /v2/a/blobs/{DIGEST}"),
        ({"endpoint": "upload-end"}, "PUT /v2/a/blobs/uploads/1?digest=x", "PATCH /v2/a/blobs/uploads/1"),
        ({"endpoint": "token"}, "GET /token?service=x", "GET /v2/"),
        ({"endpoint": "tags", "method": "GET", "repository": "a"}, "GET /v2/a/tags/list", "GET /v2/b/tags/list"),
    ],
    ids=str,
)
def test_a_fault_happens_to_the_requests_that_fit(match: dict[str, Any], fits: str, does_not: str) -> None:
    faults = Faults([Fault.of(BUSY | match)])
    lines = [fits, does_not] if does_not else [fits]
    assert statuses(faults, *lines) == [503, 200][: len(lines)]


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_end_point_has_a_name(name: str) -> None:
    assert Fault.of(BUSY | {"endpoint": name}).match.endpoint == name


@pytest.mark.parametrize(
    ("turn", "expected"),
    [
        ({}, "xxxxxxxx"),
        ({"count": 2}, "xx......"),
        ({"after": 3}, "...xxxxx"),
        ({"after": 3, "count": 1}, "...x...."),
        ({"every": 3}, "x..x..x."),
        ({"every": 3, "after": 1, "count": 2}, ".x..x..."),
        ({"probability": 0}, "........"),
        ({"probability": 1.0}, "xxxxxxxx"),
    ],
    ids=str,
)
def test_a_fault_happens_as_often_as_it_is_told(turn: dict[str, Any], expected: str) -> None:
    found = statuses(Faults([Fault.of(BUSY | turn)]), *["GET /v2/"] * 8)
    assert "".join("x" if status == 503 else "." for status in found) == expected


def test_requests_that_do_not_fit_do_not_count() -> None:
    faults = Faults([Fault.of(BUSY | {"endpoint": "ping", "after": 1, "count": 1})])
    assert statuses(faults, "GET /v2/", "GET /v2/_catalog", "GET /v2/_catalog", "GET /v2/") == [200, 200, 200, 503]


def test_chance_is_the_same_for_the_same_seed() -> None:
    def thrown(seed: int) -> list[int]:
        return statuses(Faults([Fault.of(BUSY | {"probability": 0.5})], seed), *["GET /v2/"] * 64)

    assert thrown(1) == thrown(1) != thrown(2)
    assert 16 < thrown(1).count(503) < 48


def test_the_first_fault_is_the_outermost() -> None:
    first = Fault.of({"answer": {"status": 500}, "count": 1})
    assert statuses(Faults([first, Fault.of(BUSY)]), *["GET /v2/"] * 2) == [500, 503]


def test_what_happened_is_seen_and_counted() -> None:
    faults = Faults([Fault.of(BUSY | {"count": 2, "name": "busy"}), Fault.of({"cut": {"at": "before"}, "count": 1})])
    handle = faults.before(registry)
    for _ in range(2):
        handle(Request("GET", "https://r.test/v2/?secret=1"))
    with pytest.raises(Unanswered):
        handle(Request("PUT", "https://r.test/v2/a/manifests/1"))
    assert [(seen.fault, seen.method, seen.path) for seen in faults.seen] == [
        ("busy", "GET", "/v2/"),
        ("busy", "GET", "/v2/"),
        ("cut", "PUT", "/v2/a/manifests/1"),
    ]
    assert (faults.count("busy"), faults.count("cut"), faults.count("other")) == (2, 1, 0)


def test_a_manner_is_seen_where_it_shows() -> None:
    faults = Faults([Fault.of("head-unsupported")])
    assert statuses(faults, "GET /v2/a/manifests/1", "HEAD /v2/a/manifests/1", "HEAD /v2/") == [200, 405, 200]
    assert [(seen.fault, seen.method) for seen in faults.seen] == [("head-unsupported", "HEAD")]


def test_what_happens_is_logged_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pratique.server.faults.file"):
        statuses(Faults([Fault.of(BUSY)]), "GET /v2/?sig=geheim&n=5")
    assert caplog.messages == ["fault answer: GET https://r.test/v2/?sig=…&n=5"]


# --- The file


def test_a_file_says_it_all(tmp_path: Path) -> None:
    faults = load(
        tmp_path,
        """
        seed = 7
        [[faults]]
        method = "PUT"
        count = 1
        answer = { status = 429, retry-after = 5 }
        [[faults]]
        manner = { name = "head-unsupported", status = 403 }
        [[faults]]
        manner = "ping-404-or-redirect"
        """,
    )
    assert statuses(faults, "PUT /v2/a/manifests/1", "PUT /v2/a/manifests/1", "HEAD /v2/a/manifests/1", "GET /v2/") == [
        429,
        200,
        403,
        404,
    ]


@pytest.mark.parametrize("text", ["", "seed = 3", "faults = []"])
def test_an_empty_file_leaves_everything_as_it_is(tmp_path: Path, text: str) -> None:
    assert statuses(load(tmp_path, text), "GET /v2/") == [200]


EXAMPLES: dict[str, dict[str, Any]] = {
    "answer": {"status": 500},
    "mask": {},
    "cut": {"at": "before"},
    "slow": {"delay": 0},
    "corrupt": {"offset": 1},
    "header": {"set": {"X": "y"}, "remove": ["ETag"]},
    "expired": {"uses": [1, 2]},
    "redirect": {"to": "https://cdn.test"},
}


@pytest.mark.parametrize("effect", [*EFFECTS, *MANNERS])
def test_every_effect_has_its_key(effect: str) -> None:
    fault = Fault.of({effect: EXAMPLES[effect]})
    assert fault.name in (effect, MANNERS.get(effect))
    fault.before(registry)


BAD = [
    ("x = 1", "x is not known"),
    ("seed = 'a'", "seed is not a whole number"),
    ("faults = 1", "faults is not an array of tables"),
    ("[[faults]]", r"faults\[0\] has 0 effects"),
    ("[[faults]]\nanswer = {status = 1}\ncut = {at = 'before'}", r"faults\[0\] has 2 effects"),
    ("[[faults]]\nansver = {}", r"faults\[0\].ansver is not known"),
    ("[[faults]]\nanswer = 1", r"faults\[0\].answer is not a table"),
    ("[[faults]]\nanswer = {}", r"faults\[0\].answer: .*status"),
    ("[[faults]]\nanswer = {status = 'a'}", r"faults\[0\].answer: status is not a whole number"),
    ("[[faults]]\nanswer = {status = true}", "status is not a whole number"),
    ("[[faults]]\nanswer = {statuz = 1}", "unknown key 'statuz'"),
    ("[[faults]]\nanswer = {status = 1, clock = 1}", "unknown key 'clock'"),
    ("[[faults]]\ncut = {at = 'half'}", r"faults\[0\].cut: at: 'half'"),
    ("[[faults]]\nheader = {set = {a = 1}}", "set is not a table of texts"),
    ("[[faults]]\nexpired = {uses = ['a']}", "uses is not a list of whole numbers"),
    ("[[faults]]\nmanner = 'none'", "unknown manner 'none'"),
    ("[[faults]]\nmanner = 'ping-401-post-only-auth'", "is a matter of access"),
    ("[[faults]]\nmanner = {name = 'head-unsupported', x = 1}", "unknown key 'x'"),
    ("[[faults]]\nmanner = 'head-unsupported'\nendpoint = 'x'", r"faults\[0\].endpoint is none: 'x'"),
    ("[[faults]]\nmanner = 'head-unsupported'\ncount = 0", r"faults\[0\].count is not a whole number from 1"),
    ("[[faults]]\nmanner = 'head-unsupported'\nevery = 0", r"faults\[0\].every is not"),
    ("[[faults]]\nmanner = 'head-unsupported'\nprobability = 2", r"faults\[0\].probability is not"),
    ("[[faults]]\nmanner = 'head-unsupported'\nmethod = 1", r"faults\[0\].method is not"),
    ("[[faults", "is not TOML"),
]


@pytest.mark.parametrize(("text", "told"), BAD, ids=[text for text, _ in BAD])
def test_what_makes_no_sense_is_told_with_the_file_and_the_key(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidInput, match=told) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "faults.toml"))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_told_of(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no such file"):
        Faults.load(tmp_path / "none.toml")
