"""What manners answer to those who do what our own client does not do; the zoo has the rest (tests/zoo/test_manners.py)."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any
from urllib.parse import urlencode

import pytest

import pratique.testing
from pratique.auth.challenge import Challenge, parse_challenges
from pratique.errors import InvalidInput
from pratique.http.message import Body, Headers, Request, Response
from pratique.server.faults.manners.base import Known, find, known
from pratique.spec import media
from pratique.spec.digest import Digest
from pratique.testing import Embedded

BASIC = "Basic " + base64.b64encode(b"alice:secret").decode()
LAYER = b"a layer"
DIGEST = Digest.of(LAYER)
BLOB = f"/v2/app/blobs/{DIGEST}"
UPLOADS = "/v2/app/blobs/uploads/"


class Asking:
    """Requests to a registry with one manner."""

    def __init__(self, registry: Embedded) -> None:
        self.registry = registry

    def __call__(self, method: str, url: str, content: bytes | None = None, shown: str = "", **fields: str) -> Response:
        """Send a request; `_` in the name of a field stands for `-`."""
        lines = [(name.replace("_", "-"), value) for name, value in fields.items()]
        headers = Headers([*lines, *([("Authorization", shown)] if shown else [])])
        url = url if "://" in url else f"{self.registry.url}{url}"
        body = Body.of(content) if content is not None else None
        answered = self.registry.transport(Request(method, url, headers, body))
        with answered:
            content = answered.stream.read()
        answered.stream = BytesIO(content)
        return answered

    def token(self, *scopes: str, **parameters: str) -> str:
        """What the token service gives to alice, as an Authorization; nothing where it gives nothing."""
        response = self("GET", "/token?" + urlencode({"scope": scopes, **parameters}, doseq=True), shown=BASIC)
        return f"Bearer {json.loads(response.stream.read())['token']}" if response.status == 200 else ""

    def challenge(self, method: str, url: str, shown: str = "") -> tuple[int, Challenge | None]:
        """The status of a refusal and its first challenge."""
        response = self(method, url, shown=shown)
        return response.status, next(iter(parse_challenges(response.headers.all("WWW-Authenticate"))), None)

    def put(self, shown: str = "") -> int:
        """Push the layer in one request."""
        return self("POST", f"{UPLOADS}?digest={DIGEST}", LAYER, shown).status

    def begin(self) -> str:
        """Begin an upload: where it goes on."""
        return self("POST", UPLOADS, b"").headers.get("Location") or ""


@contextmanager
def meeting(name: str, **options: Any) -> Iterator[Asking]:
    """A registry with one manner and the access file with which it shows."""
    fault = {"manner": {"name": name, **options}}
    with pratique.testing.registry(sockets=False, access=find(name).access, faults=[fault]) as registry:
        yield Asking(registry)


def test_every_manner_says_what_it_is() -> None:
    for name, row in known().items():
        assert (row.name, bool(row.does), bool(row.seen)) == (name, True, True)
        assert row.make or row.access, "it is one or the other"
        assert not row.does.endswith(".")
        assert row.does[0].islower() or not row.does[0].isalpha() or row.does.split()[0].isupper()


def test_a_manner_that_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidInput, match="unknown manner 'polite'"):
        find("polite")


def test_a_manner_of_access_leaves_the_registry_as_it_is() -> None:
    def registry(_: Request) -> Response:
        return Response.of(200)

    assert Known("a", "b", "c", "[users]").before(registry) is registry


def test_a_storage_elsewhere_wants_its_signature_and_nothing_else() -> None:
    with meeting("redirect-strips-authorization") as ask:
        ask.put()
        redirected = ask("GET", BLOB)
        location = redirected.headers.get("Location") or ""
        assert (redirected.status, location.partition("/storage")[0]) == (307, "https://elsewhere.registry.test")
        assert ask("GET", location).stream.read() == LAYER
        assert ask("GET", location, shown=BASIC).status == 400
        assert ask("GET", location, Cookie="a=b").status == 400
        assert ask("GET", location.partition("?")[0]).status == 403


def test_what_is_redirected_within_the_host_wants_permission_there() -> None:
    access = find("ecr-basic-no-bearer").access
    with pratique.testing.registry(sockets=False, access=access, faults=["redirect-same-host-keeps-auth"]) as registry:
        ask = Asking(registry)
        ask.put(BASIC)
        location = ask("GET", BLOB, shown=BASIC).headers.get("Location") or ""
        assert location.startswith("/storage/")
        assert [ask("GET", location, shown=shown).status for shown in ("", BASIC)] == [401, 200]


def test_a_token_for_delete_is_not_to_be_had() -> None:
    with meeting("delete-scope-variants") as ask:
        assert ask.token("repository:app:delete") == ""
        pushing = ask.token("repository:app:pull,push")
        assert ask.put(pushing) == 201
        status, told = ask.challenge("DELETE", BLOB, ask.token("repository:app:pull"))
        assert (status, str(told.scopes) if told else "") == (401, "repository:app:pull,push")
        assert ask("DELETE", BLOB, shown=pushing).status == 202


def test_a_chunk_after_a_short_one_is_refused() -> None:
    with meeting("chunk-ecr-range-stuck", least=10) as ask:
        place = ask.begin()
        told = [ask("PATCH", place, content) for content in (b"x" * 10, b"x" * 15, b"x" * 3, b"x")]
        assert [answer.status for answer in told] == [201, 201, 201, 400]
        assert [answer.headers.get("Range") for answer in told] == ["0-9", "0-19", "0-19", None]
        assert ask("GET", place).status == 404


def test_a_chunk_that_is_too_long_is_refused_and_the_place_is_told() -> None:
    with meeting("chunk-ghcr-4mib", most=10) as ask:
        place = ask.begin()
        assert ask("PATCH", place, b"x" * 10).status == 202
        told = ask("PATCH", place, b"x" * 11)
        assert (told.status, told.headers.get("Range")) == (416, "0-9")
        assert ask("PUT", f"{ask.begin()}?digest={Digest.of(b'y' * 20)}", b"y" * 20).status == 201


def test_an_upload_elsewhere_takes_one_put_without_permission() -> None:
    with meeting("upload-to-other-origin") as ask:
        place = f"{ask.begin()}&digest={DIGEST}"
        assert place.startswith("https://elsewhere.registry.test/sessions/")
        assert ask("PUT", place, LAYER, shown=BASIC).status == 400
        assert ask("PATCH", place, LAYER).status == 403
        assert ask("PUT", place.replace("a%2Fb", "c"), LAYER).status == 403
        assert ask("PUT", place, LAYER).status == 201
        assert ask("GET", BLOB).stream.read() == LAYER


def test_a_name_and_a_password_offend() -> None:
    with meeting("basic-preemptive-leak") as ask:
        assert ask.challenge("GET", "/v2/app/tags/list", BASIC) == (403, None)
        assert ask.challenge("GET", "/v2/app/tags/list")[0] == 401


def test_basic_is_as_good_as_the_token_that_it_gets() -> None:
    with meeting("bearer-then-basic-challenge") as ask:
        reading = ask.token("repository:app:pull")
        status, told = ask.challenge("POST", UPLOADS, reading)
        assert (status, told.scheme if told else "") == (401, "basic")
        assert ask.put(BASIC) == 201
        assert ask("POST", UPLOADS, b"", "Basic " + base64.b64encode(b"alice:wrong").decode()).status == 401


def test_a_star_is_good_for_nothing() -> None:
    with meeting("star-scope-not-granted") as ask:
        assert ask("POST", UPLOADS, b"", ask.token("repository:app:*")).status == 401
        assert ask("POST", UPLOADS, b"", ask.token("repository:app:pull,push")).status == 202


def test_a_star_is_good_for_everything_its_owner_may() -> None:
    with meeting("gitea-bearer-plus-bare-basic") as ask:
        lines = ask("GET", "/v2/app/tags/list").headers.all("WWW-Authenticate")
        assert (parse_challenges(lines)[0].get("scope"), lines[1]) == ("*", "Basic")
        assert ask.put(ask.token("*")) == 201


def test_a_token_is_good_in_the_repository_that_it_was_made_for() -> None:
    with meeting("realm-or-service-differs-per-repo") as ask:
        status, told = ask.challenge("GET", "/v2/app/tags/list")
        assert (status, told.realm if told else "") == (401, "https://registry.test/token/app")
        both = urlencode({"scope": ["repository:app:pull,push", "repository:b:pull,push"]}, doseq=True)
        given = json.loads(ask("GET", f"/token/app?{both}", shown=BASIC).stream.read())
        shown = f"Bearer {given['token']}"
        assert [ask("POST", f"/v2/{name}/blobs/uploads/", b"", shown).status for name in ("app", "b")] == [202, 401]


def test_a_mount_wants_both_scopes_in_one_token() -> None:
    with meeting("mount-two-scopes") as ask:
        push, pull = "repository:app:pull,push", "repository:b:pull"
        mount = f"{UPLOADS}?mount={DIGEST}&from=b"
        ask("POST", f"/v2/b/blobs/uploads/?digest={DIGEST}", LAYER, ask.token("repository:b:pull,push"))
        status, told = ask.challenge("POST", mount, ask.token(push))
        assert (status, str(told.scopes) if told else "") == (401, push)
        assert ask("POST", mount, b"", ask.token(push, pull)).status == 201


def test_a_token_ends_after_some_requests_of_its_kind() -> None:
    with meeting("expired-token-400-no-challenge", uses=[2, 1]) as ask:
        tokens = [ask.token("registry:catalog:*", n=str(number)) for number in range(3)]
        told = [[ask("GET", "/v2/_catalog", shown=token).status for _ in range(3)] for token in dict.fromkeys(tokens)]
        assert told[0] == [200, 200, 400]
        assert all(each == [200, 400, 400] for each in told[1:])


@pytest.mark.parametrize(
    ("method", "parameters", "status"),
    [
        ("GET", {}, 401),
        ("GET", {"offline_token": "true"}, 200),
        ("POST", {"grant_type": "password", "username": "alice", "password": "secret"}, 401),
    ],
)
def test_a_token_is_to_be_had_for_a_refresh_token_alone(method: str, parameters: dict[str, str], status: int) -> None:
    with meeting("identity-token-flow") as ask:
        fields = urlencode(parameters)
        url, content = (f"/token?{fields}", None) if method == "GET" else ("/token", fields.encode())
        assert ask(method, url, content, BASIC if method == "GET" else "").status == status


def test_a_refresh_token_is_good_for_once() -> None:
    with meeting("refresh-token-rotation") as ask:
        first = json.loads(ask("GET", "/token?offline_token=true", shown=BASIC).stream.read())["refresh_token"]

        def refreshed(token: str) -> Response:
            form = {"grant_type": "refresh_token", "refresh_token": token, "service": "pratique"}
            return ask("POST", "/token", urlencode(form).encode())

        second = json.loads(refreshed(first).stream.read())["refresh_token"]
        assert second != first
        assert [refreshed(token).status for token in (first, second, second)] == [401, 200, 401]


def test_an_offline_token_comes_with_an_empty_one() -> None:
    with meeting("offline-token-breaks") as ask:
        assert ask.token("repository:app:pull", offline_token="true") == "Bearer "
        assert ask.token("repository:app:pull") != "Bearer "


def test_another_way_of_asking_is_not_known() -> None:
    form = urlencode({"grant_type": "password", "username": "alice", "password": "secret"}).encode()
    with meeting("oauth2-post-404-405", status=404) as ask:
        assert [ask("POST", "/token", form).status, bool(ask.token())] == [404, True]


@pytest.mark.parametrize("agent", ["docker/28.0 go/1.24", "x UpstreamClient(Docker-Client/28.0)", "skopeo/1.9"])
def test_the_ping_is_closed_to_what_calls_itself_docker(agent: str) -> None:
    with meeting("ping-user-agent-dependent") as ask:
        assert ask("GET", "/v2/", User_Agent=agent).status == (200 if "skopeo" in agent else 401)


def test_a_type_that_is_not_accepted_by_name_is_missing() -> None:
    with meeting("accept-header-and-content-type") as ask:
        ask.registry.push_image("app:1")
        told = [ask("GET", "/v2/app/manifests/1", Accept=accept) for accept in ("*/*", f"{media.OCI_INDEX}, x/y")]
        assert [answer.status for answer in told] == [404, 200]
        assert told[1].headers.get("Content-Type") == "application/json"


@pytest.mark.parametrize("name", known())
def test_the_answer_to_a_head_has_no_content(name: str) -> None:
    row = known()[name]
    with pratique.testing.registry(sockets=False, access=row.access, faults=[name] if row.make else []) as registry:
        ask = Asking(registry)
        for url in ("/v2/", BLOB, "/v2/app/manifests/1", "/token"):
            assert ask("HEAD", url).stream.read() == b""
