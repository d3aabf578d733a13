"""Challenges: read generously, written strictly (RFC 9110 §11)."""

from __future__ import annotations

import re
from typing import Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pratique.auth.challenge import BASIC, BEARER, MOST_CHALLENGES, MOST_PARAMETERS, Challenge, parse_challenges
from pratique.auth.scopes import NO_SCOPES, ScopeSet

Expected = list[tuple[str, list[tuple[str, str]]]]


def read(*lines: str) -> Expected:
    return [(challenge.scheme, list(challenge.parameters)) for challenge in parse_challenges(lines)]


BASIC_R: Final = (BASIC, [("realm", "r")])

STRICT: list[tuple[str, Expected]] = [
    # What the grammar allows
    ("Basic", [(BASIC, [])]),
    ('Basic realm="r"', [BASIC_R]),
    ("Basic realm=r", [BASIC_R]),
    ('BASIC REALM="r"', [BASIC_R]),
    ('basic rEaLm="r"', [BASIC_R]),
    ('Basic realm = "r"', [BASIC_R]),
    ('Basic realm\t=\t"r"', [BASIC_R]),
    ('Basic realm="r", charset="UTF-8"', [(BASIC, [("realm", "r"), ("charset", "UTF-8")])]),
    ('Basic realm=""', [(BASIC, [("realm", "")])]),
    (r'Basic realm="a \"b\" \\ c"', [(BASIC, [("realm", r'a "b" \ c')])]),
    (r'Basic realm="\r"', [BASIC_R]),
    ('Basic realm="a, b"', [(BASIC, [("realm", "a, b")])]),
    ('Basic realm="a=b"', [(BASIC, [("realm", "a=b")])]),
    ('Basic realm="Bearer realm=x"', [(BASIC, [("realm", "Bearer realm=x")])]),
    ('Basic realm="ü"', [(BASIC, [("realm", "ü")])]),
    ("Negotiate", [("negotiate", [])]),
    ('Basic realm="r", Negotiate', [BASIC_R, ("negotiate", [])]),
    ('Negotiate, Basic realm="r"', [("negotiate", []), BASIC_R]),
    ('Negotiate,Basic realm="r"', [("negotiate", []), BASIC_R]),
    (
        'Basic realm="a, b", Bearer realm="https://c"',
        [(BASIC, [("realm", "a, b")]), (BEARER, [("realm", "https://c")])],
    ),
    (
        'Basic realm="registry", Bearer realm="https://a/token",service="s",scope="repository:x:pull"',
        [
            (BASIC, [("realm", "registry")]),
            (BEARER, [("realm", "https://a/token"), ("service", "s"), ("scope", "repository:x:pull")]),
        ],
    ),
    (
        r'Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="r"',
        [("newauth", [("realm", "apps"), ("type", "1"), ("title", 'Login to "apps"')]), BASIC_R],
    ),
    (
        'Digest realm="r", nonce="a=,b", qop="auth,auth-int", algorithm=SHA-256',
        [("digest", [("realm", "r"), ("nonce", "a=,b"), ("qop", "auth,auth-int"), ("algorithm", "SHA-256")])],
    ),
    (',,Basic realm="r",,', [BASIC_R]),
    ('Basic realm="r" , , Negotiate', [BASIC_R, ("negotiate", [])]),
    ("", []),
    (" ", []),
    (",", []),
]

GENEROUS: list[tuple[str, Expected]] = [
    # What real servers send, and what follows from it
    ("bearer realm=https://a/token", [(BEARER, [("realm", "https://a/token")])]),
    ("basic realm=zot", [(BASIC, [("realm", "zot")])]),
    (
        "Bearer realm=https://a/token?x=1&y=2,service=s,scope=repository:a:pull",
        [(BEARER, [("realm", "https://a/token?x=1&y=2"), ("service", "s"), ("scope", "repository:a:pull")])],
    ),
    (
        "Bearer realm=https://a/token,service=s,scope=repository:a:pull,push",
        [(BEARER, [("realm", "https://a/token"), ("service", "s"), ("scope", "repository:a:pull,push")])],
    ),
    (
        "Bearer scope=repository:a:pull,push,delete, service=s",
        [(BEARER, [("scope", "repository:a:pull,push,delete"), ("service", "s")])],
    ),
    ("Bearer scope=repository:a:pull,*", [(BEARER, [("scope", "repository:a:pull,*")])]),
    (
        'Bearer scope="repository:a:pull",push, Basic realm="r"',
        [(BEARER, [("scope", "repository:a:pull,push")]), BASIC_R],
    ),
    (
        'Bearer scope=repository:a:pull, Push, Basic realm="r"',
        [(BEARER, [("scope", "repository:a:pull")]), ("push", []), BASIC_R],
    ),
    ("Bearer scope=a:b:pull,push=1", [(BEARER, [("scope", "a:b:pull"), ("push", "1")])]),
    ("Bearer scope=a:b:pull,push = 1", [(BEARER, [("scope", "a:b:pull"), ("push", "1")])]),
    ("Bearer scope=a:b:pull,pushy", [(BEARER, [("scope", "a:b:pull")]), ("pushy", [])]),
    (
        'Bearer realm="https://a/t" service="s" scope="x"',
        [(BEARER, [("realm", "https://a/t"), ("service", "s"), ("scope", "x")])],
    ),
    ('Bearer  realm="https://a/t" ,  service="s"', [(BEARER, [("realm", "https://a/t"), ("service", "s")])]),
    ('Bearer,realm="https://a/t"', [(BEARER, [("realm", "https://a/t")])]),
    ('Bearer realm="https://a/t",service="s",', [(BEARER, [("realm", "https://a/t"), ("service", "s")])]),
    ('Bearer realm="https://a/t" Basic realm="r"', [(BEARER, [("realm", "https://a/t")]), BASIC_R]),
    ('Bearer realm="https://a/t', [(BEARER, [("realm", "https://a/t")])]),
    ('Bearer realm="https://a/t\\', [(BEARER, [("realm", "https://a/t")])]),
    ("Bearer realm=", [(BEARER, [("realm", "")])]),
    ("Bearer realm=,service=s", [(BEARER, [("realm", ""), ("service", "s")])]),
    ("Bearer realm", [(BEARER, []), ("realm", [])]),
    ('Bearer realm="a";service="s"', [(BEARER, [("realm", "a"), ("service", "s")])]),
    (
        'Bearer scope="repository:a:pull,push",scope="repository:b:pull"',
        [(BEARER, [("scope", "repository:a:pull,push"), ("scope", "repository:b:pull")])],
    ),
    ('realm="r"', [("realm", []), ("r", [])]),
    ('"junk" Basic realm="r"', [("junk", []), BASIC_R]),
    ('=, Basic realm="r"', [BASIC_R]),
    ('\x00\x01Basic realm="r"', [BASIC_R]),
    ('Bäsic, Basic realm="r"', [("b", []), ("sic", []), BASIC_R]),
    ('Basic\r\n realm="r"', [BASIC_R]),
]


@pytest.mark.parametrize(("line", "expected"), STRICT + GENEROUS)
def test_one_line(line: str, expected: Expected) -> None:
    assert read(line) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('NTLM TlRMTVNT=, Basic realm="r"', [("ntlm", "TlRMTVNT="), (BASIC, "")]),
        ("Negotiate YII", [("negotiate", "YII")]),
        ("Negotiate a.b_c~d+e/f-g==", [("negotiate", "a.b_c~d+e/f-g==")]),
        ("Negotiate   YII=  ,Basic", [("negotiate", "YII="), (BASIC, "")]),
        ('Negotiate a=b, Basic realm="r"', [("negotiate", ""), (BASIC, "")]),
        ("Basic realm=", [(BASIC, "")]),
        ("Bearer realm==", [(BEARER, "")]),
    ],
)
def test_token68(line: str, expected: list[tuple[str, str]]) -> None:
    assert [(challenge.scheme, challenge.token68) for challenge in parse_challenges([line])] == expected


PERMUTED = ['Bearer realm="https://a/t",service="s"', 'Basic realm="r"', "Negotiate", 'Digest realm="d",nonce="n"']


@pytest.mark.parametrize("turn", range(len(PERMUTED)))
def test_several_lines_are_as_one(turn: int) -> None:
    lines = PERMUTED[turn:] + PERMUTED[:turn]
    assert parse_challenges(lines) == parse_challenges([", ".join(lines)])
    assert [str(challenge) for challenge in parse_challenges(lines)] == lines


def test_what_is_not_understood_leads_to_the_next() -> None:
    assert read('Bearer realm="https://g/v2/token"', "Basic") == [
        (BEARER, [("realm", "https://g/v2/token")]),
        (BASIC, []),
    ]
    assert read("", "\x00", "Negotiate", ",", 'Basic realm="r"') == [("negotiate", []), BASIC_R]
    assert read() == []


# Its parts


def test_parameters() -> None:
    (challenge,) = parse_challenges(
        ['Bearer realm="https://a/t",service="s",scope="repository:a:delete",error="insufficient_scope",realm="other"']
    )
    assert challenge.realm == "https://a/t"
    assert challenge.service == "s"
    assert challenge.error == "insufficient_scope"
    assert challenge.scopes == ScopeSet.parse("repository:a:delete")
    assert challenge.all("realm") == ("https://a/t", "other")
    assert challenge.get("charset") is None
    assert challenge.without("scope").scopes == NO_SCOPES
    assert challenge.without("scope").without("realm").parameters == (("service", "s"), ("error", "insufficient_scope"))


def test_absent_parameters() -> None:
    (challenge,) = parse_challenges(["Bearer"])
    assert (challenge.realm, challenge.service, challenge.error) == ("", None, None)
    assert challenge.scopes == NO_SCOPES


@pytest.mark.parametrize(
    ("scope", "scopes"),
    [
        ('scope="repository:a:pull,push",scope="repository:b:pull"', "repository:a:pull,push repository:b:pull"),
        ('scope="repository:a:pull,push repository:b:pull"', "repository:a:pull,push repository:b:pull"),
        ('scope="repository:b:pull repository:a:push,pull"', "repository:a:pull,push repository:b:pull"),
        ('scope="*"', "*"),
        ('scope=""', ""),
        ("scope=repository:a:pull,push", "repository:a:pull,push"),
    ],
)
def test_every_scope_that_is_named_counts(scope: str, scopes: str) -> None:
    (challenge,) = parse_challenges([f'Bearer realm="https://a/t",{scope}'])
    assert str(challenge.scopes) == scopes


# Writing

TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
QUOTED = r'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\U0010ffff]|\\[\t \x21-\x7e\x80-\U0010ffff])*"'
GRAMMAR = re.compile(rf"{TOKEN}(?: (?:[A-Za-z0-9._~+/-]+=*|{TOKEN}={QUOTED}(?:,{TOKEN}={QUOTED})*))?")


@pytest.mark.parametrize(
    ("challenge", "text"),
    [
        (Challenge(BASIC, (("realm", "r"),)), 'Basic realm="r"'),
        (Challenge(BEARER, (("realm", "https://a/t"), ("scope", "a:b:c"))), 'Bearer realm="https://a/t",scope="a:b:c"'),
        (Challenge("negotiate"), "Negotiate"),
        (Challenge("ntlm", token68="abc="), "Ntlm abc="),
        (Challenge(BASIC, (("realm", 'a "b" \\'),)), r'Basic realm="a \"b\" \\"'),
        (Challenge(BASIC, (("realm", "a\r\nSet-Cookie: b\x00\x7f\tc"),)), 'Basic realm="a  Set-Cookie: b  \tc"'),
    ],
)
def test_writing(challenge: Challenge, text: str) -> None:
    assert str(challenge) == text
    assert GRAMMAR.fullmatch(text)


tokens = st.from_regex(TOKEN, fullmatch=True).filter(lambda text: len(text) < 20).map(str.lower)
parameter_names = st.sampled_from(["realm", "service", "scope", "error", "pull", "push", "*"]) | tokens
sane = st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from('"\\, =\t'), max_size=12)
parameters = st.lists(st.tuples(parameter_names, sane), max_size=6).map(tuple)
challenges = st.builds(Challenge, st.sampled_from([BASIC, BEARER, "digest"]) | tokens, parameters) | st.builds(
    Challenge,
    tokens.filter(lambda scheme: scheme not in (BASIC, BEARER)),
    token68=st.from_regex(r"[A-Za-z0-9._~+/-]{1,10}={0,2}", fullmatch=True),
)


@given(challenges)
def test_a_challenge_is_read_as_it_is_written(challenge: Challenge) -> None:
    assert GRAMMAR.fullmatch(str(challenge))
    assert parse_challenges([str(challenge)]) == (challenge,)


@given(st.lists(challenges, max_size=4))
def test_several_are_read_as_they_are_written(several: list[Challenge]) -> None:
    assert parse_challenges(map(str, several)) == tuple(several)
    assert parse_challenges([", ".join(map(str, several))]) == tuple(several)


@given(st.lists(st.tuples(parameter_names, st.text(max_size=10)), max_size=3).map(tuple))
def test_whatever_is_in_it_one_line_is_written(pairs: tuple[tuple[str, str], ...]) -> None:
    text = str(Challenge(BEARER, pairs))
    assert not set(text) & {"\r", "\n", "\x00"}
    assert [name for challenge in parse_challenges([text]) for name, _ in challenge.parameters] == [
        name for name, _ in pairs
    ]


# Whatever comes

pieces = st.lists(
    st.sampled_from(
        [
            "Basic",
            "Bearer",
            "realm",
            "scope",
            "pull",
            "push",
            "*",
            "=",
            '"',
            "\\",
            ",",
            " ",
            "\t",
            "a",
            "https://a/t",
            ";",
        ]
    ),
    max_size=30,
).map("".join)


@given(st.lists(st.text(max_size=40) | pieces, max_size=4))
def test_arbitrary_lines_raise_nothing(lines: list[str]) -> None:
    for challenge in parse_challenges(lines):
        assert re.fullmatch(TOKEN, challenge.scheme)
        assert challenge.scheme == challenge.scheme.lower()
        assert all(re.fullmatch(TOKEN, name) for name, _ in challenge.parameters)
        assert "\n" not in str(challenge)
        assert isinstance(challenge.scopes, ScopeSet)


@given(pieces, pieces)
def test_a_good_line_is_read_whatever_came_before_it(before: str, between: str) -> None:
    assume(len(parse_challenges([before, between])) < MOST_CHALLENGES)
    found = parse_challenges([before, between, 'Bearer realm="https://a/t"'])
    assert found[-1] == Challenge(BEARER, (("realm", "https://a/t"),))


SIZE = 1 << 17


@pytest.mark.parametrize(
    "piece",
    [
        "a",
        " ",
        ",",
        "=",
        '"',
        "\\",
        "a ",
        "a,",
        "a=",
        "a =",
        'a="',
        'a="\\',
        'a="b",',
        "a=b,",
        "a b",
        "a =b ",
        "Negotiate a  ",
        "Negotiate " + "=" * 40,
        "Bearer scope=a:b:pull",
        ",push",
        " push",
        ",push ,pull\t",
        "\x00",
        "ü",
        "(",
        "Basic,",
    ],
)
@pytest.mark.parametrize("start", ["", "Bearer scope=a:b:pull", "Negotiate ", 'Bearer realm="', "Bearer "])
def test_long_lines_are_read_in_linear_time(start: str, piece: str) -> None:
    """A reader that went back over what it has read would not come to an end here."""
    found = parse_challenges([start + piece * (SIZE // len(piece))])
    assert len(found) <= MOST_CHALLENGES
    assert all(len(challenge.parameters) <= MOST_PARAMETERS for challenge in found)
    assert sum(len(value) for challenge in found for _, value in challenge.parameters) <= 2 * SIZE


def test_no_more_than_so_many_are_kept() -> None:
    assert len(parse_challenges(["Basic, " * 1000])) == MOST_CHALLENGES
    assert len(parse_challenges(["Basic"] * 1000)) == MOST_CHALLENGES
    (challenge,) = parse_challenges(["Bearer " + "a=b," * 1000])
    assert len(challenge.parameters) == MOST_PARAMETERS
