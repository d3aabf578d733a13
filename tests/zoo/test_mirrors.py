"""Mirrors, as `registries.conf` names them: who is asked for what, and who sees which secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.auth.credentials import Credential, Given, lookup_keys, password_credential
from pratique.client.connection import connect
from pratique.client.machine import Machine
from pratique.errors import Error, NotFound, Refused, Unauthorized
from pratique.http.events import Event, Warned
from pratique.http.message import Body, Response
from pratique.spec import media
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.spec.reference import Reference
from pratique.stores.events import PassedOver, Routed
from pratique.stores.mirrored import Mirrored
from pratique.stores.registry import Repository

from .animal import (
    DIGEST,
    MANIFEST,
    Animal,
    Seen,
    Ticketed,
    basic,
    bearer,
    challenge,
    error,
    given,
    manifest,
    tags,
    wanted,
)

HUB = "registry-1.docker.io"
RULES = """
[[registry]]
location = "docker.io"
[[registry.mirror]]
location = "m.test/hub"
[[registry.mirror]]
location = "n.test"
"""


class Kept:
    """Credentials by key, as auth.json has them."""

    def __init__(self, **passwords: str) -> None:
        self._entries = {key.replace("_", "."): password for key, password in passwords.items()}

    def find(self, registry: str, repository: str | None) -> Credential | None:
        keys = (key for key in lookup_keys(registry, repository) if key in self._entries)
        return next((password_credential("user", self._entries[key], key) for key in keys), None)

    def places(self, registry: str) -> tuple[str, ...]:
        return ("auth.json",)


class Tour:
    """A client with rules: what it reads and writes goes where they say."""

    def __init__(self, folder: Path, rules: str, animal: Animal, credentials: Kept | Given | None = None) -> None:
        file = folder / "registries.conf"
        file.write_text(rules)
        self.events: list[Event] = []
        self._registries = connect(
            credentials=credentials or Kept(),
            machine=Machine(registries_conf=file),
            retries=0,
            transport=animal,
            tell=self.events.append,
        )

    def read(self, text: str) -> Repository | Mirrored:
        return self._registries.source(Reference.parse(text))

    def write(self, text: str) -> Repository:
        return self._registries.target(Reference.parse(text))


class Fleet(Ticketed):
    """Many hosts: those in `has` serve one manifest under every name, those in `closed` want a token or Basic for it."""

    def __init__(self, *has: str, closed: tuple[str, ...] = (), schemes: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.has = has
        self.closed = closed
        self.basic = schemes

    def serve(self, seen: Seen) -> Response:
        repository = seen.path.removeprefix("/v2/").rpartition("/manifests/")[0]
        if seen.host in self.closed and not self.permits(seen, f"repository:{repository}:pull"):
            return challenge(401, bearer(f"repository:{repository}:pull", service=seen.host))
        if seen.host in self.basic and seen.authorization != basic("user", f"secret-of-{seen.host}"):
            return challenge(401, 'Basic realm="mirror"')
        if seen.host not in self.has:
            return Response.of(404, error("MANIFEST_UNKNOWN"))
        return tags("1") if seen.path.endswith("/tags/list") else manifest(seen)

    @property
    def hosts(self) -> list[str]:
        return [seen.host for seen in self.seen]


# --- mirror-selection-rules


def test_mirrors_are_asked_in_order_and_the_upstream_last(tmp_path: Path) -> None:
    animal = Fleet(HUB)
    tour = Tour(tmp_path, RULES, animal)
    assert tour.read("debian:12").resolve("12").digest == DIGEST
    heads = [f"{seen.host}{seen.path}" for seen in animal.seen if seen.method == "HEAD"]
    assert heads == [
        "m.test/v2/hub/library/debian/manifests/12",
        "n.test/v2/library/debian/manifests/12",
        f"{HUB}/v2/library/debian/manifests/12",
    ]
    routed, *passed = [event for event in tour.events if isinstance(event, Routed | PassedOver)]
    assert routed == Routed(
        "docker.io/library/debian",
        ("m.test/hub/library/debian (mirror)", "n.test/library/debian (mirror)", "docker.io/library/debian"),
        f"the rule 'docker.io' of {tmp_path}/registries.conf",
    )
    assert [event.place for event in passed if isinstance(event, PassedOver)] == [
        "m.test/hub/library/debian",
        "n.test/library/debian",
    ]


def test_a_mirror_that_has_it_spares_the_upstream(tmp_path: Path) -> None:
    animal = Fleet(HUB, "m.test")
    assert Tour(tmp_path, RULES, animal).read("debian:12").manifest("12").digest == DIGEST
    assert set(animal.hosts) == {"m.test"}


def test_lists_of_tags_come_from_the_upstream(tmp_path: Path) -> None:
    animal = Fleet(HUB, "m.test", "n.test")
    assert list(Tour(tmp_path, RULES, animal).read("debian").tags()) == ["1"]
    assert set(animal.hosts) == {HUB}


def test_a_push_and_a_delete_see_no_mirror(tmp_path: Path) -> None:
    class Takes(Fleet):
        def serve(self, seen: Seen) -> Response:
            return Response.of(201 if seen.method == "PUT" else 202)

    animal = Takes()
    target = Tour(tmp_path, RULES, animal).write("debian:12")
    target.push(Descriptor(media.OCI_MANIFEST, DIGEST, len(MANIFEST)), Body.of(MANIFEST).open, tags=["12"])
    target.delete("12")
    assert [seen.method for seen in animal.at(HUB)][:1] == ["PUT"]
    assert "DELETE" in [seen.method for seen in animal.at(HUB)]
    assert set(animal.hosts) == {HUB}


def test_what_is_blocked_is_refused_before_any_request(tmp_path: Path) -> None:
    animal = Fleet(HUB)
    tour = Tour(tmp_path, '[[registry]]\nlocation = "docker.io"\nblocked = true', animal)
    with pytest.raises(Refused, match=r"docker\.io/library/debian is blocked"):
        tour.read("debian:12")
    with pytest.raises(Refused):
        tour.write("debian:12")
    assert animal.seen == []


# --- mirror-gets-upstream-creds (moby/moby#42022): credentials are those of the end-point's own host


def test_a_mirror_sees_nothing_of_the_upstream_s_secrets(tmp_path: Path) -> None:
    animal = Fleet(HUB, "m.test", closed=("m.test",))
    Tour(tmp_path, RULES, animal, Kept(docker_io="secret-of-hub")).read("debian:12").resolve("12")
    assert animal.at("auth.test"), "the mirror wants a token, and an anonymous one is asked for"
    assert not any("secret-of-hub" in (seen.authorization or "") for seen in animal.seen)
    assert all(seen.authorization is None for seen in animal.at("auth.test"))
    assert "account" not in animal.at("auth.test")[0].query


@pytest.mark.parametrize("location", ["m.test", "docker.io"])
def test_given_credentials_are_for_the_registry_that_was_named(tmp_path: Path, location: str) -> None:
    """Neither a mirror nor a location elsewhere is the registry that `--creds` was given for."""
    rules = f'[[registry]]\nprefix = "r.test"\nlocation = "{location}"\n[[registry.mirror]]\nlocation = "n.test"'
    animal = Fleet(schemes=("m.test", "n.test", HUB))
    with pytest.raises(Unauthorized):
        Tour(tmp_path, rules, animal, given("user", "secret")).read("r.test/a:1").resolve("1")
    assert len(animal.seen) > 1
    assert all(seen.authorization is None for seen in animal.seen)


def test_they_are_shown_to_it_where_it_is_asked_in_the_end(tmp_path: Path) -> None:
    rules = '[[registry]]\nlocation = "r.test"\n[[registry.mirror]]\nlocation = "n.test"'
    animal = Fleet("r.test", schemes=("n.test", "r.test"))
    Tour(tmp_path, rules, animal, given("user", "secret-of-r.test")).read("r.test/a:1").resolve("1")
    assert {seen.host for seen in animal.seen if seen.authorization} == {"r.test"}


# --- mirror-own-creds-ignored (moby/moby#30880)


def test_a_mirror_has_credentials_of_its_own(tmp_path: Path) -> None:
    animal = Fleet(HUB, "n.test", schemes=("n.test",))
    tour = Tour(tmp_path, RULES, animal, Kept(docker_io="secret-of-hub", n_test="secret-of-n.test"))
    assert tour.read("debian:12").resolve("12").digest == DIGEST
    assert {seen.authorization for seen in animal.at("n.test")} == {None, basic("user", "secret-of-n.test")}
    assert animal.at(HUB) == []


def test_a_mirror_s_credential_is_found_by_its_own_path(tmp_path: Path) -> None:
    animal = Fleet("m.test", schemes=("m.test",))
    credentials = Kept(**{"m_test": "of another", "m_test/hub": "secret-of-m.test"})
    assert Tour(tmp_path, RULES, animal, credentials).read("debian:12").resolve("12").digest == DIGEST


def test_an_error_tells_of_every_endpoint_why(tmp_path: Path) -> None:
    animal = Fleet(schemes=("m.test",))
    with pytest.raises(NotFound) as caught:
        Tour(tmp_path, RULES, animal).read("debian:12").resolve("12")
    first, second = caught.value.__notes__
    assert first.startswith("before that m.test/hub/library/debian: ")
    assert "401" in first
    assert second.startswith("before that n.test/library/debian: ")
    assert "404" in second
    assert HUB in str(caught.value)


# --- mirror-scope-name (containerd/containerd#4358)


def test_the_scope_is_the_mirror_s_repository(tmp_path: Path) -> None:
    class Silent(Fleet):
        def serve(self, seen: Seen) -> Response:
            if seen.authorization is None:
                return challenge(401, bearer())  # names no scope: the client's own is asked for
            return manifest(seen)

    animal = Silent()
    Tour(tmp_path, RULES, animal).read("debian:12").resolve("12")
    assert animal.asked == [["repository:hub/library/debian:pull"]]
    assert wanted(animal.at("auth.test")[0]) == ["repository:hub/library/debian:pull"]
    assert all("ns" not in seen.query for seen in animal.seen)


# --- A mirror is believed in nothing that a digest says


class Lying(Fleet):
    """The mirror serves something else under the digest."""

    def serve(self, seen: Seen) -> Response:
        if seen.host == "m.test":
            return manifest(seen, MANIFEST + b" ")
        return super().serve(seen)


def test_what_a_mirror_serves_for_a_digest_is_verified(tmp_path: Path) -> None:
    animal = Lying("n.test")
    tour = Tour(tmp_path, RULES, animal)
    found = tour.read(f"debian@{DIGEST}").manifest(DIGEST)
    assert found.raw == MANIFEST
    assert [event.text for event in tour.events if isinstance(event, Warned)] == [
        "m.test/hub/library/debian gave other content than was asked for; it is not asked again"
    ]


def test_a_tag_is_what_the_mirror_says(tmp_path: Path) -> None:
    found = Tour(tmp_path, RULES, Lying(HUB)).read("debian:12").resolve("12")
    assert found.digest == Digest.of(MANIFEST + b" ")


# --- insecure: one host in one command is reached in one way


def test_a_host_is_insecure_for_a_whole_command_or_not_at_all(tmp_path: Path) -> None:
    rules = '[[registry]]\nlocation = "r.test/dev"\ninsecure = true'
    tour = Tour(tmp_path, rules, Fleet())
    tour.read("r.test/dev/a")
    with pytest.raises(Error, match=r"r\.test is insecure for one part of this command and not for another"):
        tour.read("r.test/prod/a")
