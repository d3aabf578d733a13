"""The state machine of uploads as tables: what was answered, and what is asked next."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import Misbehaved
from pratique.http.message import Headers
from pratique.spec.digest import Digest
from pratique.stores.upload import (
    FIRST_CHUNK_BYTES,
    MOST_FAILURES,
    MOST_SESSIONS,
    NO_ANSWER,
    Answer,
    Kind,
    Manner,
    Place,
    Step,
    Upload,
    Way,
    naming,
    position_of,
    resolve,
)

UPLOADS = "https://r.test/v2/foo/blobs/uploads/"
SESSION = "https://r.test/v2/foo/blobs/uploads/1?state=x"
DIGEST = Digest.of(b"blob")
BLOB = f"https://r.test/v2/foo/blobs/{DIGEST}"
MIB = 1 << 20

# Answers, as (status, what is in Range); a location is in every good one.
Told = tuple[int, str] | int


def upload(size: int = 1000, chunk: int | None = None, *refused: Way) -> Upload:
    return Upload(UPLOADS, BLOB, DIGEST, size, Manner(chunk, frozenset(refused)))


def answer(told: Told, **fields: str) -> Answer:
    status, said = (told, "") if isinstance(told, int) else told
    lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
    lines += [("Range", said)] if said else []
    lines += [("Location", SESSION)] if 200 <= status < 300 else []
    return Answer(status, Headers(lines), UPLOADS)


def shown(step: Step | None) -> str:
    """A step in a word: its method, and the bytes of its body."""
    if step is None:
        return "done"
    chunk = "" if step.content_range is None else f" at {step.content_range}"
    return f"{step.method}{f' {step.size}' if step.size else ''}{chunk}"


def play(machine: Upload, *answers: Told) -> list[str]:
    """Everything that is asked while these are the answers, and what is asked then; `fails` where that is the end."""
    steps = []
    for told in answers:
        step = machine.next()
        steps.append(shown(step))
        assert step is not None
        if not machine.take(step, answer(told)):
            return [*steps, "fails"]
    return [*steps, shown(machine.next())]


TABLE: list[tuple[str, int | None, list[Told], list[str]]] = [
    ("one put", None, [202, 201], ["POST", "PUT 1000", "done"]),
    ("put is answered 204", None, [202, 204], ["POST", "PUT 1000", "done"]),
    ("put is only accepted", None, [202, 202], ["POST", "PUT 1000", "fails"]),
    ("chunks", 600, [202, 202, 202, 201], ["POST", "PATCH 600 at 0-599", "PATCH 400 at 600-999", "PUT", "done"]),
    ("a chunk is answered 201", 600, [202, (201, "0-9")], ["POST", "PATCH 600 at 0-599", "PATCH 400 at 600-999"]),
    ("begin again", None, [500, NO_ANSWER, 202], ["POST", "POST", "POST", "PUT 1000"]),
    ("begin is refused", None, [400], ["POST", "fails"]),
    ("begin is forbidden", None, [403], ["POST", "fails"]),
    ("cut, nothing arrived", None, [202, 0, (204, "0-0")], ["POST", "PUT 1000", "GET", "PUT 1000"]),
    ("cut, half arrived", None, [202, 0, (204, "0-499")], ["POST", "PUT 1000", "GET", "PATCH 500 at 500-999"]),
    ("cut, all arrived", None, [202, 0, (204, "0-999")], ["POST", "PUT 1000", "GET", "PUT"]),
    ("cut, all and one", None, [202, 0, (204, "0-1000")], ["POST", "PUT 1000", "GET", "PUT"]),
    ("cut, more than all", None, [202, 0, (204, "0-9999")], ["POST", "PUT 1000", "GET", "PUT"]),
    ("cut, no range", None, [202, 0, 204], ["POST", "PUT 1000", "GET", "POST"]),
    ("cut, and no server", None, [202, 0, 0], ["POST", "PUT 1000", "GET", "fails"]),
    ("cut, and it was done", None, [202, 0, 404, 200], ["POST", "PUT 1000", "GET", "HEAD", "done"]),
    ("cut, and it was not", None, [202, 0, 404, 404], ["POST", "PUT 1000", "GET", "HEAD", "POST"]),
    (
        "a chunk is cut, and its session is gone",
        600,
        [202, 0, 404],
        ["POST", "PATCH 600 at 0-599", "GET", "POST"],
    ),
    ("a chunk is cut", 600, [202, 0, (204, "0-99")], ["POST", "PATCH 600 at 0-599", "GET", "PATCH 600 at 100-699"]),
    (
        "a chunk is out of order",
        600,
        [202, 202, (416, "0-499")],
        ["POST", "PATCH 600 at 0-599", "PATCH 400 at 600-999", "PATCH 500 at 500-999"],
    ),
    (
        "a chunk is out of order, and only status says where",
        600,
        [202, 202, 416, (204, "0-499")],
        ["POST", "PATCH 600 at 0-599", "PATCH 400 at 600-999", "GET", "PATCH 500 at 500-999"],
    ),
    (
        "one too many is believed, and taken back",
        None,
        [202, 0, (204, "0-500"), (416, "0-500")],
        ["POST", "PUT 1000", "GET", "PATCH 499 at 501-999", "PATCH 500 at 500-999"],
    ),
    ("the session is gone", None, [202, 404], ["POST", "PUT 1000", "POST"]),
    ("and gone again", None, [202, 404, 202, 404], ["POST", "PUT 1000", "POST", "PUT 1000", "POST"]),
    ("put is not taken", None, [202, 405, 202, 202], ["POST", "PUT 1000", "POST", "PATCH 1000", "PUT"]),
    ("patch is not taken", 600, [202, 400, 202], ["POST", "PATCH 600 at 0-599", "POST", "PUT 1000"]),
    (
        "nothing is taken",
        None,
        [202, 400, 202, 400, 202, 400],
        ["POST", "PUT 1000", "POST", "PATCH 1000", "POST", "PATCH 1000 at 0-999", "fails"],
    ),
    ("quota", None, [202, 412], ["POST", "PUT 1000", "fails"]),
    ("forbidden", None, [202, 403], ["POST", "PUT 1000", "fails"]),
    ("out of room", None, [202, 507], ["POST", "PUT 1000", "fails"]),
    (
        "what may not be resumed begins anew",
        None,
        [202, 0, (204, "0-499"), 400, 202, 0, (204, "0-499")],
        ["POST", "PUT 1000", "GET", "PATCH 500 at 500-999", "POST", "PUT 1000", "GET", "POST"],
    ),
]


@pytest.mark.parametrize(("chunk", "answers", "steps"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_what_is_asked_next(chunk: int | None, answers: list[Told], steps: list[str]) -> None:
    assert play(upload(1000, chunk), *answers) == steps


def chunk_of(size: int) -> str:
    return f"PATCH {size} at 0-{size - 1}"


SIZES: list[tuple[str, int, int | None, list[Told], list[str]]] = [
    ("413 of a put", 20 * MIB, None, [202, 413], [f"PUT {20 * MIB}", chunk_of(10 * MIB)]),
    ("413 of a long put", 90 * MIB, None, [202, 413], [f"PUT {90 * MIB}", chunk_of(16 * MIB)]),
    ("413 of a chunk", 20 * MIB, 8 * MIB, [202, 413], [chunk_of(8 * MIB), chunk_of(4 * MIB)]),
    ("416 at the right place", 20 * MIB, 8 * MIB, [202, (416, "0-0")], [chunk_of(8 * MIB), chunk_of(4 * MIB)]),
    (
        "413 of a short put",
        MIB,
        None,
        [202, 413, 202, 413, 202, 413],
        [f"PUT {MIB}", "POST", f"PATCH {MIB}", "POST", chunk_of(MIB), "fails"],
    ),
]


@pytest.mark.parametrize(("size", "chunk", "answers", "steps"), [row[1:] for row in SIZES], ids=[r[0] for r in SIZES])
def test_what_is_too_long_becomes_shorter(size: int, chunk: int | None, answers: list[Told], steps: list[str]) -> None:
    assert play(upload(size, chunk), *answers) == ["POST", *steps]


def test_the_shortest_chunk_of_the_server_holds() -> None:
    machine = upload(30 * MIB, 2 * MIB)
    step = machine.next()
    assert step is not None
    assert machine.take(step, answer(202, OCI_Chunk_Min_Length=str(5 * MIB)))
    assert shown(machine.next()) == f"PATCH {5 * MIB} at 0-{5 * MIB - 1}"
    assert play(machine, 413)[-1] == "POST"  # less than that is not worth trying


def test_what_was_learnt_is_told() -> None:
    machine = upload()
    play(machine, 202, 405, 202, 202, 201)
    assert machine.done
    assert machine.manner == Manner(None, frozenset({Way.WHOLE}))
    machine = upload(20 * MIB)
    play(machine, 202, 413)
    assert machine.manner == Manner(10 * MIB)


def test_what_was_learnt_is_used() -> None:
    assert play(upload(1000, None, Way.WHOLE), 202)[-1] == "PATCH 1000"
    assert play(upload(1000, None, Way.WHOLE, Way.STREAM), 202)[-1] == "PATCH 1000 at 0-999"
    assert play(upload(99 * MIB, None, Way.WHOLE, Way.STREAM), 202)[-1].startswith(f"PATCH {FIRST_CHUNK_BYTES} at")
    assert play(upload(1000, 300, Way.CHUNKS), 202)[-1] == "PUT 1000"


def test_an_empty_blob() -> None:
    assert play(upload(0), 202, 201) == ["POST", "PUT", "done"]
    assert play(upload(0, 300), 202, 201) == ["POST", "PUT", "done"]


@pytest.mark.parametrize(
    ("told", "following"),
    [
        ((204, "0-399"), "PATCH 600 at 400-999"),
        ((204, "0-400"), "PATCH 600 at 400-999"),  # one too many, as what was kept tells
        ((204, "0-599"), "PATCH 400 at 600-999"),
        ((204, "0-0"), "PUT 1000"),
        ((204, "0-999"), "PUT"),
        (204, "POST"),
        (404, "POST"),
        (403, "POST"),
        (500, "POST"),
    ],
)
def test_a_session_of_an_earlier_run_is_asked_first(told: Told, following: str) -> None:
    machine = Upload(UPLOADS, BLOB, DIGEST, 1000, Manner(), Place(SESSION, 400), earlier=True)
    assert play(machine, told) == ["GET", following]


def test_an_upload_that_was_begun_elsewhere_goes_on() -> None:
    machine = Upload(UPLOADS, BLOB, DIGEST, 1000, Manner(), Place(SESSION))
    assert play(machine, 201) == ["PUT 1000", "done"]


def test_where_another_run_could_go_on() -> None:
    machine = upload(1000, 600)
    assert not machine.place
    play(machine, 202, 202)
    assert machine.place == Place(SESSION, 600)
    assert "state" not in repr(machine.place)


def test_a_session_without_a_place_is_none() -> None:
    machine = upload()
    step = machine.next()
    assert step is not None
    assert not machine.take(step, Answer(202, url=UPLOADS))


def test_failures_are_counted_until_more_arrived_than_ever() -> None:
    machine = upload()
    play(machine, 202, 0)
    assert machine.failures == 1
    play(machine, (204, "0-99"))
    assert machine.failures == 0
    play(machine, 0, (204, "0-99"), 0, (204, "0-98"))
    assert machine.failures == 2


def test_patience_ends() -> None:
    machine = upload()
    troubles: list[Told] = [0, (204, "0-0")]
    assert play(machine, 202, *troubles * MOST_FAILURES)[-1] == "PUT 1000"
    assert play(machine, 0)[-1] == "fails"
    assert play(upload(), *[500] * (MOST_FAILURES + 1))[-1] == "fails"


STATUSES = [0, 200, 201, 202, 204, 302, 400, 401, 403, 404, 405, 408, 410, 413, 416, 429, 500, 501, 503]
RANGES = ["", "0-0", "bytes=0--1", "0-9", "bytes=0-39", "0-40", "20-29", "0-99", "0-100", "7-3", "x"]


@given(
    st.integers(0, 100),
    st.none() | st.integers(1, 120),
    st.lists(st.tuples(st.sampled_from(STATUSES), st.sampled_from(RANGES), st.booleans()), min_size=1),
    st.booleans(),
)
def test_whatever_is_answered_it_ends(
    size: int, chunk: int | None, script: list[tuple[int, str, bool]], earlier: bool
) -> None:
    machine = Upload(
        UPLOADS, BLOB, DIGEST, size, Manner(chunk), Place(SESSION, 3) if earlier else None, earlier=earlier
    )
    steps = 0
    while (step := machine.next()) is not None:
        assert 0 <= step.first <= step.last <= size
        status, said, located = script[steps % len(script)]
        lines = [("Range", said)] if said else []
        lines += [("Location", SESSION)] if located else []
        steps += 1
        assert steps <= (MOST_FAILURES + 1) * (size + 2) * (size + 4) * MOST_SESSIONS
        if not machine.take(step, Answer(status, Headers(lines), UPLOADS)):
            break
    else:
        assert machine.done


@given(st.lists(st.sampled_from([0, 202, 404, 413, 416, 500, 503]), max_size=30), st.none() | st.integers(1, 120))
def test_after_whatever_trouble_all_bytes_are_there_in_order(troubles: list[int], chunk: int | None) -> None:
    content = bytes(range(100))
    machine = Upload(UPLOADS, BLOB, DIGEST, len(content), Manner(chunk))
    stored: bytes | None = None
    for status in [*troubles, *[0] * 200]:
        step = machine.next()
        if step is None:
            assert stored == content
            return
        stored, told = server(step, stored, content, status)
        if not machine.take(step, told):
            return
    pytest.fail("it does not end")


def server(step: Step, stored: bytes | None, content: bytes, trouble: int) -> tuple[bytes | None, Answer]:
    """A good server, but for requests with content, of which every second byte count arrives where there is trouble."""
    body = content[step.first : step.last]
    if step.kind is Kind.BEGIN:
        return b"", answer((202, "0-0"))
    if stored is None:
        return None, answer(404)
    if trouble not in (0, 202) and body:
        stored = stored + body[: len(body) // 2] if trouble in (500, 503) and step.first == len(stored) else stored
        return stored, answer(trouble)
    if step.kind is Kind.ASK:
        return stored, answer((204, f"0-{len(stored) - 1}" if stored else "0-0"))
    if step.content_range is not None and step.first != len(stored):
        return stored, answer((416, f"0-{max(len(stored) - 1, 0)}"))
    stored += body
    if step.kind is Kind.END:
        return (stored, answer(201)) if stored == content else (None, answer(400))
    return stored, answer((202, f"0-{len(stored) - 1}"))


@pytest.mark.parametrize(
    ("said", "own", "position"),
    [
        ("0-0", 0, 0),
        ("0-0", 1, 1),
        ("0-0", 5, 0),
        ("0-9", 0, 10),
        ("0-9", 10, 10),
        ("0-9", 9, 9),
        ("bytes=0-9", 0, 10),
        ("bytes 0-9/*", 0, 10),
        ("bytes=0--1", 0, 0),
        ("5-9", 0, 10),
        (" 0-9 ", 0, 10),
        ("", 0, None),
        ("9", 0, None),
        ("a-b", 0, None),
        ("-5", 0, None),
        ("0-" + "9" * 30, 0, None),
        ("\u0660-\u0669", 0, None),
    ],
)
def test_how_much_a_session_has(said: str, own: int, position: int | None) -> None:
    assert position_of(answer((204, said)), own) == position


@given(st.text(), st.integers(0, 1000))
def test_whatever_range_says_it_is_read(said: str, own: int) -> None:
    position = position_of(answer((204, said)), own)
    assert position is None or position >= 0


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("/v2/foo/blobs/uploads/1", "https://r.test/v2/foo/blobs/uploads/1"),
        ("1?a=b%2F", "https://r.test/v2/foo/blobs/uploads/1?a=b%2F"),
        ("https://other.test/x?sig=%2B", "https://other.test/x?sig=%2B"),
        ("//other.test/x", "https://other.test/x"),
        ("http://r.test/x?y", "https://r.test/x?y"),
        ("http://r.test:443/x", "https://r.test/x"),
        ("/x#y", "https://r.test/x"),
    ],
)
def test_where_a_location_leads(location: str, expected: str) -> None:
    assert resolve(UPLOADS, location, UPLOADS) == expected


@pytest.mark.parametrize(
    "location",
    ["http://other.test/x", "http://r.test:8080/", "ftp://r.test/", "https://u:p@r.test/", "https://[", "a b"],
)
def test_a_location_that_leads_nowhere(location: str) -> None:
    with pytest.raises(Misbehaved, match="the upload would go to"):
        resolve(UPLOADS, location, UPLOADS)


def test_a_registry_on_plain_http_may_name_what_it_likes() -> None:
    home = "http://r.test/v2/foo/blobs/uploads/"
    assert resolve(home, "http://other.test/x", home) == "http://other.test/x"
    assert resolve(home, "https://other.test/x", home) == "https://other.test/x"


@given(st.text())
def test_whatever_location_says_it_is_read(location: str) -> None:
    with suppress(Misbehaved):
        assert resolve(UPLOADS, location, UPLOADS).startswith("https://")


def test_the_digest_joins_the_query() -> None:
    assert naming("https://r.test/x", DIGEST) == f"https://r.test/x?digest={DIGEST}"
    assert naming("https://r.test/x?a=b", DIGEST) == f"https://r.test/x?a=b&digest={DIGEST}"
