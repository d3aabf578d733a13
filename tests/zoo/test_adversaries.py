"""What no registry was seen to do, or only a hostile one would: the principles of AUTH.md decide, and everything ends."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from contextlib import closing
from functools import partial
from io import BytesIO

import pytest

from pratique.auth.credentials import Credentials
from pratique.auth.realms import Reach, RealmPolicy
from pratique.auth.scopes import repository_scopes
from pratique.errors import Denied, Error, Misbehaved, NotFound, Refused, Unauthorized
from pratique.http.message import Response, Transport
from pratique.server.faults.effects import Masks
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest

from .animal import (
    DIGEST,
    REALM,
    Animal,
    Client,
    Seen,
    Stored,
    Ticketed,
    basic,
    bearer,
    challenge,
    error,
    given,
    manifest,
    ok,
    tags,
    token,
)

SECRET = "correct-horse"
PULL = repository_scopes("foo", "pull")
BOTH_WAYS = pytest.mark.parametrize("stored", [False, True])


def known(stored: bool) -> Credentials:
    return Stored("foo", SECRET) if stored else given("foo", SECRET)


def told(client: Client, caught: BaseException) -> str:
    """Everything that a person gets to see."""
    notes = getattr(caught, "__notes__", [])
    advice = caught.advice() if isinstance(caught, Error) else ""
    return f"{caught!r} {caught} {vars(caught)} {advice} {notes} {client.events!r}"


def outcome(client: Client, method: str, content: bytes | None = None) -> str:
    """The status, or everything that is told instead."""
    try:
        return str(client.send(method, "/v2/foo/manifests/1", PULL, content))
    except Error as caught:
        return told(client, caught)


class Endless(Animal):
    """Every answer is a new challenge."""

    def __init__(self, line: Callable[[int], str], status: int = 401) -> None:
        super().__init__()
        self._line = line
        self._status = status
        self._numbers = itertools.count(1)

    def answer(self, seen: Seen) -> Response:
        number = next(self._numbers)
        return challenge(self._status, self._line(number)) if seen.host == "r.test" else token(f"T{number}")


ENDLESS: dict[str, Callable[[int], str]] = {
    "scopes": lambda n: bearer(f"repository:foo:a{n}", problem="insufficient_scope"),
    "repositories": lambda n: bearer(f"repository:r{n}:pull"),
    "scopes, and more of them": lambda n: bearer(" ".join(f"repository:r{i}:pull" for i in range(n))),
    "realms": lambda n: bearer("repository:foo:pull", realm=f"https://a{n}.test/token"),
    "services": lambda n: bearer("repository:foo:pull", service=f"s{n}"),
    "schemes": lambda n: bearer() if n % 2 else 'Basic realm="r"',
    "schemes and realms": lambda n: bearer(realm=f"https://a{n}.test/") if n % 2 else 'Basic realm="r"',
    "invalid tokens": lambda n: bearer("repository:foo:pull", problem="invalid_token"),
    "invalid tokens and scopes": lambda n: bearer(f"repository:foo:a{n}", problem="invalid_token"),
    "nothing": lambda n: "",
    "words": lambda n: f"Scheme{n} x=y",
}


@BOTH_WAYS
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("line", ENDLESS.values(), ids=ENDLESS.keys())
def test_every_conversation_ends(line: Callable[[int], str], status: int, method: str, stored: bool) -> None:
    animal = Endless(line, status)
    client = Client(animal, known(stored))
    with pytest.raises(Refused) as caught:
        client.send(method, "/v2/foo/blobs/uploads/", PULL)
    assert len(animal.at("r.test")) <= 9  # `/v2/` is asked at most once
    assert len(animal.seen) <= 16
    shown = [seen.authorization for seen in animal.at("r.test") if seen.path != "/v2/" and seen.authorization]
    assert len(shown) == len(set(shown))  # nothing that was refused is shown again
    assert SECRET not in told(client, caught.value)


@pytest.mark.parametrize("name", ["scopes", "repositories", "scopes, and more of them", "invalid tokens"])
def test_one_answer_and_one_more_for_one_token_service(name: str) -> None:
    animal = Endless(ENDLESS[name])
    with pytest.raises(Refused):
        Client(animal, given()).send("GET", "/v2/foo/tags/list", PULL)
    assert len(animal.at("r.test")) == 3
    assert len(animal.at("auth.test")) == 2


class ManyRealms(Animal):
    """One answer with more token services than anybody needs, and all of them refuse."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status

    def answer(self, seen: Seen) -> Response:
        if seen.host != "r.test":
            return Response.of(self._status)
        return challenge(401, *(bearer("x:y:z", realm=f"https://a{number}.test/token") for number in range(1000)))


@pytest.mark.parametrize("status", [400, 401, 403, 404])
@pytest.mark.parametrize(
    "credentials", [given("foo", SECRET, "other.test"), given("foo", SECRET), Stored("foo", SECRET)]
)
def test_one_answer_does_not_send_the_client_everywhere(credentials: Credentials, status: int) -> None:
    animal = ManyRealms(status)
    with pytest.raises(Refused):
        Client(animal, credentials).send("GET", "/v2/foo/tags/list", PULL)
    assert len(animal.seen) - len(animal.at("r.test")) <= 16  # eight, each by GET and by POST
    assert len(animal.at("r.test")) <= 2


class BasicAt403(Animal):
    """403 with a Basic challenge."""

    def answer(self, seen: Seen) -> Response:
        return tags("1") if seen.authorization == basic("foo", SECRET) else challenge(403, 'Basic realm="r"')


@BOTH_WAYS
def test_a_403_with_a_basic_challenge_is_a_challenge(stored: bool) -> None:
    animal = BasicAt403()
    assert list(Client(animal, known(stored)).repository().tags()) == ["1"]
    assert [seen.authorization for seen in animal.seen] == [None, basic("foo", SECRET)]


def test_a_403_after_basic_is_the_end() -> None:
    animal = BasicAt403()
    with pytest.raises(Denied):
        list(Client(animal, Stored("foo", "wrong")).repository().tags())
    assert [seen.authorization for seen in animal.seen] == [None, basic("foo", "wrong")]


class BothForTokens(Ticketed):
    """Bearer and Basic, again and again, in either order; the token is never good enough."""

    def __init__(self, *lines: str) -> None:
        super().__init__()
        self._lines = lines

    def serve(self, seen: Seen) -> Response:
        return tags("1") if seen.authorization == basic("foo", SECRET) else challenge(401, *self._lines)


@pytest.mark.parametrize("lines", [(bearer(), "Basic"), ("Basic", bearer())])
def test_basic_is_left_when_the_token_is_refused(lines: tuple[str, ...]) -> None:
    animal = BothForTokens(*lines)
    client = Client(animal, given("foo", SECRET))
    assert list(client.repository().tags()) == ["1"]
    assert list(client.repository().tags()) == ["1"]
    assert [(seen.authorization or "-").split()[0] for seen in animal.at("r.test")] == ["-", "Bearer", "Basic", "Basic"]


class SameAgain(BothForTokens):
    """A token service that gives everybody the same token, whatever is asked for."""

    def issue(self, seen: Seen) -> Response:
        return token("T")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("problem", ["invalid_token", "insufficient_scope", None])
@pytest.mark.parametrize("scope", ["repository:foo:pull", "repository:foo:other", None])
def test_the_same_token_is_not_shown_twice(scope: str | None, problem: str | None, method: str) -> None:
    animal = SameAgain(bearer(scope, problem=problem))
    for credentials in (given("foo", SECRET), Stored("foo", SECRET), given("foo", SECRET, "other.test")):
        animal.seen.clear()
        with pytest.raises(Refused):
            Client(animal, credentials, anonymous_first=True).send(method, "/v2/foo/manifests/1")
        assert [seen.authorization for seen in animal.at("r.test")] == [None, "Bearer T"]
        assert len(animal.at("auth.test")) <= 4


class OnlyAnonymously(BothForTokens):
    """The token service refuses every login, and the registry the anonymous token."""

    def issue(self, seen: Seen) -> Response:
        return super().issue(seen) if seen.authorization is None else challenge(401)


@pytest.mark.parametrize("lines", [(bearer(), "Basic"), ("Basic", bearer())])
def test_who_goes_on_anonymously_stays_anonymous(lines: tuple[str, ...]) -> None:
    animal = OnlyAnonymously(*lines)
    client = Client(animal, Stored("foo", "stale"))
    with pytest.raises(Unauthorized):
        list(client.repository().tags())
    assert [seen.authorization for seen in animal.at("r.test")] == [None, "Bearer T1"]
    assert len(client.warnings) == 1


class Masked(Ticketed):
    """Hides from anybody what it has: the refusal has no challenge, only `/v2/` has one."""

    def __init__(self, status: int, line: str) -> None:
        super().__init__(partial(self.mask, status=status))
        self._line = line

    @staticmethod
    def mask(script: Transport, status: int) -> Transport:
        """The mask, before everything but `/v2/`."""
        masked = Masks(script, status=status)
        return lambda request: (script if request.path == "/v2/" else masked)(request)

    def serve(self, seen: Seen) -> Response:
        if seen.path == "/v2/":
            return challenge(401, self._line)
        name = seen.path.split("/")[2]
        allowed = seen.authorization == basic("foo", SECRET) or self.permits(seen, f"repository:{name}:pull")
        if allowed and seen.path.endswith("/1"):
            return manifest(seen)
        return Response.of(404) if allowed else challenge(401, self._line)


MASKS = [bearer(), bearer("repository:user/image:pull"), 'Basic realm="r"']


@BOTH_WAYS
@pytest.mark.parametrize("line", MASKS)
@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_masked_answer_is_unmasked_by_the_ping_once(status: int, line: str, stored: bool) -> None:
    animal = Masked(status, line)
    client = Client(animal, known(stored))
    for name in ("a", "b", "a"):
        assert client.repository(name).manifest("1").digest == DIGEST
    with pytest.raises(NotFound):
        client.repository("b").manifest("2")
    assert [seen.authorization for seen in animal.seen if seen.path == "/v2/"] == [None]
    assert animal.asked == ([] if "Basic" in line else [["repository:a:pull"], ["repository:b:pull"]])


@pytest.mark.parametrize("line", MASKS)
def test_what_is_not_there_is_not_asked_for_by_nobody(line: str) -> None:
    animal = Masked(404, line)
    with pytest.raises(NotFound):
        Client(animal).repository("a").manifest("1")
    assert len(animal.seen) == 1


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_masked_write_asks_for_what_it_needs(status: int) -> None:
    animal = Masked(status, bearer("repository:user/image:pull"))
    with pytest.raises(Error):
        Client(animal, given("foo", "other")).repository("a").delete("2")
    assert animal.asked[0] == ["repository:a:delete"]
    assert not any("user/image" in scope for asked in animal.asked for scope in asked)


class PublicWithPing(Animal):
    """Anybody reads; `/v2/` has a Basic challenge; a wrong password is refused."""

    def answer(self, seen: Seen) -> Response:
        if seen.authorization is not None or seen.path == "/v2/":
            return challenge(401, 'Basic realm="r"')
        return Response.of(404, error("MANIFEST_UNKNOWN"))


def test_what_is_missing_is_missing_though_the_login_is_stale() -> None:
    animal = PublicWithPing()
    client = Client(animal, Stored("foo", "stale"))
    with pytest.raises(NotFound, match="MANIFEST_UNKNOWN"):
        client.repository().manifest("1")
    assert len(animal.seen) <= 4
    assert len(client.warnings) == 1


def test_what_is_missing_to_a_given_wrong_password_is_the_passwords_fault() -> None:
    animal = PublicWithPing()
    with pytest.raises(Unauthorized):
        Client(animal, given("foo", "stale")).repository().manifest("1")
    assert len(animal.seen) == 3


@pytest.mark.parametrize("line", ["", "Negotiate", "Basic", "Bearer", bearer(), "Basic realm=x, Bearer"])
@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 500])
def test_a_registry_that_never_says_yes(status: int, line: str) -> None:
    class No(Ticketed):
        """The same answer to everything."""

        def serve(self, seen: Seen) -> Response:
            return challenge(status, line)

    animal = No()
    client = Client(animal, Stored("foo", SECRET), retries=0)
    with pytest.raises(Error) as caught:
        client.repository().manifest("1")
    assert len(animal.seen) <= 6
    assert SECRET not in told(client, caught.value)


# Token services


class Answers(Ticketed):
    """A token service with an answer of its own."""

    def __init__(self, content: bytes, status: int = 200) -> None:
        super().__init__()
        self._content = content
        self._status = status

    def issue(self, seen: Seen) -> Response:
        return Response.of(self._status, self._content)

    def serve(self, seen: Seen) -> Response:
        return manifest(seen) if seen.authorization == "Bearer T" else challenge(401, bearer())


NO_TOKENS = [
    b"<html>please log in</html>", b"", b"null", b"[]", b'"T"', b"{", b"\xff\xfe", b"[" * 100_000,
    b'{"token": ""}', b'{"token": null}', b'{"token": 7}', b'{"token": ["T"]}', b'{"token": {"token": "T"}}',
    b'{"token": "T\\n"}', b'{"token": "T\\r\\nX-Evil: 1"}', b'{"token": "T T"}', b'{"token": "\\u00fc"}',
    b'{"token": "T\\u0000"}',
    b'{"token": "correct-horse", "expires_in": NaN}', b'{"access_token": ""}', b'{"Token": "T"}', b" " * (2 << 20),
]  # fmt: skip


@BOTH_WAYS
@pytest.mark.parametrize("content", NO_TOKENS, ids=lambda content: repr(content[:40]))
def test_an_answer_without_a_usable_token_is_misbehaviour(content: bytes, stored: bool) -> None:
    animal = Answers(content)
    client = Client(animal, known(stored))
    for count in (2, 4):  # it is not kept, and not believed the second time either
        with pytest.raises(Misbehaved) as caught:
            client.repository().manifest("1")
        assert len(animal.seen) == count
        assert "https://auth.test/token" in str(caught.value)
        assert SECRET not in told(client, caught.value)


LIVES = [
    ("", 50), ("null", 50), ('"soon"', 50), ('"NaN"', 50), ("[]", 50), ("{}", 50), ("true", 50), ("-1", 50), ("-1e999", 50),
    ('"300"', 280), ("300.5", 280), ("1e400", 80_000), ("9" * 400, 50), ('"Infinity"', 80_000), ("1e18", 80_000),
]  # fmt: skip


@pytest.mark.parametrize(("value", "seconds"), LIVES)
@pytest.mark.parametrize("issued", ['"yesterday"', "7", "null", '"9999-99-99T99:99:99Z"', '"2001-01-01T00:00:00Z"'])
def test_an_odd_life_time_is_no_reason_to_fail(value: str, seconds: float, issued: str) -> None:
    life = f', "expires_in": {value}' if value else ""
    animal = Answers(f'{{"token": "T", "issued_at": {issued}{life}}}'.encode())
    client = Client(animal, given())
    client.repository().manifest("1")
    client.now += seconds
    client.repository().manifest("1")
    assert len(animal.at("auth.test")) == 1
    client.now += 24 * 3600  # nothing is believed for longer
    client.repository().manifest("1")
    assert len(animal.at("auth.test")) == 2


class Moves(Ticketed):
    """A token service that is elsewhere."""

    def __init__(self, status: int, *targets: str) -> None:
        super().__init__()
        self._status = status
        self._targets = list(targets)

    def answer(self, seen: Seen) -> Response:
        if seen.host != "r.test" and self._targets:
            target = self._targets[0] if len(self._targets) == 1 else self._targets.pop(0)
            if seen.url != target:
                return Response.of(self._status, b"", ("Location", target))
        return super().answer(seen)

    def serve(self, seen: Seen) -> Response:
        return manifest(seen) if seen.authorization == "Bearer T1" else challenge(401, bearer())


REDIRECTS = pytest.mark.parametrize("status", [301, 302, 307, 308])


@REDIRECTS
def test_a_token_service_may_move_within_its_origin(status: int) -> None:
    animal = Moves(status, "https://auth.test/elsewhere")
    assert Client(animal, given("foo", SECRET)).repository().manifest("1").digest == DIGEST
    assert [seen.authorization for seen in animal.at("auth.test")] == [basic("foo", SECRET)] * 2


@REDIRECTS
@pytest.mark.parametrize("user", ["foo", "<token>"])
@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize(
    "target",
    ["https://evil.test/token", "http://auth.test/token", "https://auth.test:444/token", "//evil.test/", "ftp://x/"],
)
def test_no_secret_follows_a_token_service_elsewhere(status: int, user: str, post: bool, target: str) -> None:
    animal = Moves(status, target)
    client = Client(animal, Stored(user, SECRET), prefer_post=post)
    with pytest.raises(Misbehaved) as caught:
        client.repository().manifest("1")
    assert {(seen.host, seen.url[:8]) for seen in animal.seen} == {("r.test", "https://"), ("auth.test", "https://")}
    assert SECRET not in told(client, caught.value)


@pytest.mark.parametrize("targets", [("https://auth.test/a", "https://auth.test/b") * 20])
def test_a_token_service_that_goes_in_circles_ends(targets: tuple[str, ...]) -> None:
    animal = Moves(302, *targets)
    with pytest.raises(Misbehaved, match="circles"):
        Client(animal, given()).repository().manifest("1")
    assert len(animal.at("auth.test")) <= 5


# Where secrets may go

EVIL_REALMS = [
    "http://auth.test/token", "http://r.test/token", "https://r.test@evil.test/token", "https://foo:bar@auth.test/token",
    "https://127.0.0.1/token", "https://[::1]/token", "https://localhost/token", "https://169.254.169.254/latest",
    "https://10.0.0.1/token", "https://[::ffff:10.0.0.1]/token", "https://auth.test:99999/", "https:///token", "https:auth.test",
    "file:///etc/passwd", "ftp://auth.test/", "javascript:alert(1)", "//auth.test/token", "/token", "token", "", " ",
    "https://auth.test/to ken", "https://auth.test/\ttoken", "https://auth.test\\@evil.test/", "https://ä.test/token",
]  # fmt: skip


class EvilRealm(Animal):
    """A registry that names a token service of no use, and perhaps Basic beside."""

    def __init__(self, realm: str, *lines: str) -> None:
        super().__init__()
        self._realm = realm
        self._lines = lines

    def answer(self, seen: Seen) -> Response:
        if seen.host == "r.test" and seen.authorization == basic("foo", SECRET):
            return manifest(seen)
        return challenge(401, bearer(realm=self._realm), *self._lines)


@BOTH_WAYS
@pytest.mark.parametrize("realm", EVIL_REALMS)
def test_no_secret_goes_to_a_realm_that_must_not_have_it(realm: str, stored: bool) -> None:
    animal = EvilRealm(realm)
    client = Client(animal, known(stored))
    with pytest.raises(Misbehaved) as caught:
        client.repository().manifest("1")
    assert [seen.host for seen in animal.seen] == ["r.test"]
    assert SECRET not in told(client, caught.value)


@pytest.mark.parametrize("realm", EVIL_REALMS)
def test_the_next_challenge_is_answered_instead(realm: str) -> None:
    animal = EvilRealm(realm, 'Basic realm="r"')
    assert Client(animal, given("foo", SECRET)).repository().manifest("1").digest == DIGEST
    assert {seen.host for seen in animal.seen} == {"r.test"}


def test_a_token_service_may_be_bound_to_the_registrys_host_or_to_the_one_of_the_login() -> None:
    for policy in (RealmPolicy(reach=Reach.SAME_HOST), RealmPolicy(pinned={"r.test": "https://login.test"})):
        animal = EvilRealm(REALM)
        with pytest.raises(Error, match=r"auth\.test"):
            Client(animal, given("foo", SECRET), policy=policy).repository().manifest("1")
        assert {seen.host for seen in animal.seen} == {"r.test"}


class SendsElsewhere(Ticketed):
    """A registry that redirects, to somebody who asks for credentials in every way he knows."""

    def __init__(self, target: str, status: int, *lines: str) -> None:
        super().__init__()
        self._target = target
        self._status = status
        self._lines = lines

    def serve(self, seen: Seen) -> Response:
        if seen.url.startswith("https://r.test/"):
            allowed = seen.authorization == basic("foo", SECRET)
            if not allowed:
                return challenge(401, 'Basic realm="r"')
            return Response.of(307, b"", ("Location", self._target))
        return challenge(self._status, *self._lines)


ELSEWHERE = [
    "https://evil.test/v2/foo/x",
    "http://r.test/v2/foo/x",
    "https://r.test:444/v2/foo/x",
    "https://r.test.evil.test/",
]


@pytest.mark.parametrize("target", ELSEWHERE)
@pytest.mark.parametrize("status", [401, 403, 404])
@pytest.mark.parametrize(
    "lines", [("Basic",), (bearer("repository:foo:pull"),), (bearer(realm="https://evil.test/t"),), ()]
)
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_secret_follows_a_redirect(target: str, status: int, lines: tuple[str, ...], method: str) -> None:
    animal = SendsElsewhere(target, status, *lines)
    client = Client(animal, given("foo", SECRET))
    content = b"content" if method == "PUT" else None
    assert SECRET not in outcome(client, method, content)
    for seen in animal.seen:
        if not seen.url.startswith("https://r.test/"):
            assert not (seen.authorization or "").startswith("Basic")
            assert SECRET not in f"{seen.url} {list(seen.headers)} {seen.content!r}"
    assert len(animal.seen) <= 8


class TwoSteps(SendsElsewhere):
    """The way to plain http leads over somebody else."""

    def serve(self, seen: Seen) -> Response:
        if seen.host == "evil.test":
            return Response.of(307, b"", ("Location", "http://r.test/v2/foo/x"))
        return super().serve(seen)


@pytest.mark.parametrize("first", ["https://evil.test/", "http://evil.test/"])
def test_no_secret_goes_over_plain_http_by_a_detour(first: str) -> None:
    animal = TwoSteps(first, 401, "Basic")
    assert SECRET not in outcome(Client(animal, given("foo", SECRET)), "GET")
    assert animal.lines[2:] == ["GET evil.test/ -", "GET r.test/v2/foo/x -"]


def test_plain_http_that_the_user_asked_for_is_another_matter() -> None:
    animal = BasicAt403()
    client = Client(animal, given("foo", SECRET), plain_http=True)
    assert list(client.repository().tags()) == ["1"]
    assert {seen.url[:14] for seen in animal.seen} == {"http://r.test/"}


class UploadsElsewhere(Animal):
    """An upload whose `Location` is somebody else's, who asks for credentials."""

    def __init__(self, target: str) -> None:
        super().__init__()
        self._target = target

    def answer(self, seen: Seen) -> Response:
        if seen.url.startswith("https://r.test/") and seen.authorization == basic("foo", SECRET):
            return Response.of(202, b"", ("Location", self._target))
        return challenge(401, 'Basic realm="r"')


@pytest.mark.parametrize("target", ELSEWHERE)
def test_no_secret_follows_an_upload(target: str) -> None:
    animal = UploadsElsewhere(target)
    client = Client(animal, given("foo", SECRET))
    with pytest.raises(Error) as caught:
        client.repository().push(
            Descriptor("application/octet-stream", Digest.of(b"blob"), 4), lambda: closing(BytesIO(b"blob"))
        )
    assert SECRET not in told(client, caught.value)
    elsewhere = [seen for seen in animal.seen if not seen.url.startswith("https://r.test/")]
    assert [seen.authorization for seen in elsewhere] == [None] * len(elsewhere)


class PagesElsewhere(Animal):
    """A list whose next page is somebody else's."""

    def answer(self, seen: Seen) -> Response:
        if seen.authorization != basic("foo", SECRET):
            return challenge(401, 'Basic realm="r"')
        names = json.dumps({"tags": ["2" if "last" in seen.url else "1"]}).encode()
        link = [] if "last" in seen.url else [("Link", '<https://evil.test/v2/foo/tags/list?last=1>; rel="next"')]
        return ok(names, *link)


def test_no_secret_follows_a_link() -> None:
    animal = PagesElsewhere()
    assert list(Client(animal, given("foo", SECRET)).repository().tags()) == ["1", "2"]
    assert {seen.host for seen in animal.seen} == {"r.test"}


class Impostor(Ticketed):
    """`evil.test` names the token service of `r.test`, and its scopes, to be given its tokens."""

    def serve(self, seen: Seen) -> Response:
        if seen.host == "r.test" and self.permits(seen, "repository:foo:pull"):
            return tags("1")
        return challenge(401, bearer("repository:foo:pull"))

    def issue(self, seen: Seen) -> Response:
        return super().issue(seen) if seen.authorization else challenge(401)


def test_no_token_goes_to_whoever_names_its_service() -> None:
    animal = Impostor()
    client = Client(animal, given("foo", SECRET))
    assert list(client.repository().tags()) == ["1"]
    other = Client(animal, given("foo", SECRET), registry="evil.test")
    other.authenticator.home.cache = client.authenticator.home.cache
    other.authenticator.home.memories = client.authenticator.home.memories
    with pytest.raises(Unauthorized):
        list(other.repository().tags())
    assert [seen.authorization for seen in animal.at("evil.test")] == [None]


class Repeats(Ticketed):
    """Refuses, and says in its error everything that it was shown."""

    def __init__(self, *, at_the_service: bool) -> None:
        super().__init__()
        self._at_the_service = at_the_service

    def issue(self, seen: Seen) -> Response:
        if self._at_the_service:
            return challenge(403, message=f"{seen.authorization} {SECRET} {seen.content.decode()}")
        return token("a-secret-token")

    def serve(self, seen: Seen) -> Response:
        return challenge(401, bearer(), message=f"you showed {seen.authorization}")


@BOTH_WAYS
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("post", [False, True])
@pytest.mark.parametrize("at_the_service", [False, True])
def test_what_a_server_repeats_is_not_told(at_the_service: bool, post: bool, method: str, stored: bool) -> None:
    client = Client(Repeats(at_the_service=at_the_service), known(stored), prefer_post=post)
    with pytest.raises(Refused) as caught:
        client.send(method, "/v2/foo/blobs/uploads/", PULL)
    shown = told(client, caught.value)
    for secret in (SECRET, basic("foo", SECRET).removeprefix("Basic "), "a-secret-token"):
        assert secret not in shown
