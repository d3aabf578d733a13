"""Deleting: every registry wants another action for it, and not every one deletes a tag."""

from __future__ import annotations

from functools import partial

import pytest

from pratique.auth.scopes import ScopeSet
from pratique.errors import Denied, NotFound, Refused, Unsupported
from pratique.http.message import Response
from pratique.server.faults.manners import lists, scopes

from .animal import (
    DIGEST,
    Animal,
    Client,
    Seen,
    Ticketed,
    bearer,
    challenge,
    error,
    given,
    manifest,
)


class Deletes(Ticketed):
    """`delete-scope-variants`: a registry that wants one set of actions and says so, or not (containers/image#487, 2018)."""

    make: type[scopes.DeleteActions] = scopes.DeleteActions

    def __init__(self, needed: str, *, names: bool, refuses: str = "", status: int = 401, silent: bool = False) -> None:
        make = self.make
        super().__init__(
            lambda script: make(script, needed=needed, names=names, refuses=refuses, status=status, silent=silent)
        )

    def serve(self, seen: Seen) -> Response:
        return Response.of(202) if self.permits(seen, "") else challenge(401, bearer())


VARIANTS = [
    (Deletes("delete", names=True), ["delete"]),  # distribution since 2017, Keppel, Harbor, GitLab
    (Deletes("pull,push", names=True, refuses="delete"), ["pull,push"]),  # Quay: its grammar has no `delete`
    (Deletes("*", names=True), ["*"]),  # older distribution
    (Deletes("pull,push", names=False, refuses="delete"), ["delete", "pull,push"]),  # GCR
    (Deletes("push", names=False), ["delete", "pull,push"]),
    (Deletes("*", names=False), ["delete", "pull,push", "*"]),
    (Deletes("*", names=False, status=403), ["delete", "pull,push", "*"]),
    (Deletes("push", names=False, status=403, silent=True), ["delete", "pull,push"]),
    (Deletes("*", names=False, status=401, silent=True), ["delete", "pull,push", "*"]),
]


@pytest.mark.parametrize(("animal", "actions"), VARIANTS)
def test_the_action_for_deleting_is_what_the_registry_says_or_takes(animal: Deletes, actions: list[str]) -> None:
    client = Client(animal, given())
    client.repository("x").delete("1")
    assert animal.asked == [[f"repository:x:{action}"] for action in actions]
    assert [seen.method for seen in animal.at("r.test")] == ["DELETE"] * len(animal.at("r.test"))
    animal.seen.clear()
    client.repository("x").delete("2")  # with the token that served
    assert animal.lines == ["DELETE r.test/v2/x/manifests/2 Bearer"]
    animal.seen.clear()
    client.repository("y").delete_blob(DIGEST)
    client.repository("y").delete("1")
    client.repository("z").delete("1")  # what served for one repository is tried first for the next
    assert animal.asked[-1] == [f"repository:z:{actions[-1]}"]
    assert [asked for asked in animal.asked if "repository:z" in asked[0]] == [[f"repository:z:{actions[-1]}"]]


def test_an_action_that_the_challenge_does_not_name_is_not_guessed() -> None:
    animal = Deletes("pull,push", names=True, refuses="delete")
    client = Client(animal, given())
    client.repository("x").delete("1")
    client.repository("x").delete(DIGEST)
    assert not any("delete" in scope for asked in animal.asked for scope in asked)


class NobodyMay(scopes.DeleteActions):
    """No token is good enough."""

    def permits(self, held_scopes: ScopeSet, needed: ScopeSet) -> bool:
        return False


class NeverDeletes(Deletes):
    """A registry that deletes for nobody."""

    make = NobodyMay


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("silent", [True, False])
@pytest.mark.parametrize("status", [401, 403])
def test_a_delete_that_nobody_may_is_refused_in_the_end(names: bool, silent: bool, status: int) -> None:
    animal = NeverDeletes("delete", names=names, silent=silent, status=status)
    with pytest.raises(Refused):
        Client(animal, given()).repository("x").delete("1")
    assert len(animal.at("r.test")) <= 4
    assert len(animal.at("auth.test")) <= 3
    shown = [seen.authorization for seen in animal.at("r.test")]
    assert len(shown) == len(set(shown))  # nothing was shown twice


class NeverStar(Ticketed):
    """`star-scope-not-granted`: `*` is granted to nobody, and then nothing else is (GitLab; containers/image#855, 2020)."""

    manner = scopes.NeverStar

    def serve(self, seen: Seen) -> Response:
        action = "pull" if seen.method in ("GET", "HEAD") else "delete"
        if self.permits(seen, f"repository:x:{action}"):
            return manifest(seen) if action == "pull" else Response.of(202)
        return challenge(401 if seen.authorization is None else 403, bearer(f"repository:x:{action}"))


def test_each_request_asks_for_what_it_needs_itself() -> None:
    animal = NeverStar()
    repository = Client(animal, given()).repository("x")
    assert repository.resolve("1").digest == DIGEST
    repository.delete("1")
    assert [f"{seen.method} {seen.authorization}" for seen in animal.at("r.test")] == [
        "HEAD None",
        "HEAD Bearer T1",
        "DELETE Bearer T1",
        "DELETE Bearer T2",
    ]
    assert animal.asked == [["repository:x:pull"], ["repository:x:delete"]]


class TwoTags(Animal):
    """`delete-by-tag-vs-digest`: two tags on one manifest, deleted in one way or another (go-containerregistry#724, 2020)."""

    def __init__(self, by_tag: int, by_digest: int = 202) -> None:
        super().__init__(partial(lists.DeletesDigests, status=by_tag, done=by_tag if by_tag < 300 else by_digest))
        self.tags = {"a", "b"}
        self._by_digest = by_digest

    def answer(self, seen: Seen) -> Response:
        name = seen.path.rpartition("/")[2]
        if seen.method != "DELETE":
            return manifest(seen)
        if self._by_digest >= 300:
            return Response.of(self._by_digest, error("UNSUPPORTED"))
        self.tags -= {"a", "b"} if ":" in name else {name}
        return Response.of(202)


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_tag_is_deleted_as_a_tag(status: int) -> None:
    animal = TwoTags(status)
    Client(animal, given()).repository("x").delete("a")
    assert animal.lines == ["DELETE r.test/v2/x/manifests/a -"]
    assert animal.tags == {"b"}


@pytest.mark.parametrize("status", [400, 405, 501])
def test_a_manifest_is_not_deleted_in_place_of_its_tag(status: int) -> None:
    animal = TwoTags(status)
    with pytest.raises(Unsupported, match=r"does not delete a tag.*not by tag"):
        Client(animal, given(), retries=0).repository("x").delete("a")
    assert animal.tags == {"a", "b"}
    assert animal.lines == ["DELETE r.test/v2/x/manifests/a -"]


@pytest.mark.parametrize("status", [200, 202, 204])
def test_a_digest_is_deleted_without_further_questions(status: int) -> None:
    animal = TwoTags(405, status)
    Client(animal, given()).repository("x").delete(DIGEST)
    assert animal.lines == [f"DELETE r.test/v2/x/manifests/{DIGEST} -"]


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (405, Unsupported), (403, Denied)])
def test_a_digest_that_is_not_deleted_is_an_error(status: int, kind: type[Exception]) -> None:
    animal = TwoTags(405, status)
    with pytest.raises(kind):
        Client(animal, given()).repository("x").delete(str(DIGEST))
    assert animal.tags == {"a", "b"}
