"""The end-points: a path is made and understood by the same row of one table."""

from __future__ import annotations

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.spec import endpoints
from pratique.spec.endpoints import ENDPOINTS, Endpoint, ErrorCode, find, methods_of, repository_of

DIGEST = "sha256:" + "a" * 64
PARAMETERS = {"name": "foo/bar", "digest": DIGEST, "reference": "v1.0", "session": "0b2f-41_~.x"}

PATHS = {
    # path: methods and which end-point answers
    "/v2/": {"GET": endpoints.VERSION, "HEAD": endpoints.VERSION},
    "/v2/_catalog": {"GET": endpoints.REPOSITORIES, "HEAD": endpoints.REPOSITORIES},
    f"/v2/foo/bar/blobs/{DIGEST}": {"GET": endpoints.BLOB, "HEAD": endpoints.BLOB, "DELETE": endpoints.BLOB_DELETE},
    "/v2/foo/bar/manifests/v1.0": {
        "GET": endpoints.MANIFEST,
        "HEAD": endpoints.MANIFEST,
        "PUT": endpoints.MANIFEST_PUT,
        "DELETE": endpoints.MANIFEST_DELETE,
    },
    "/v2/foo/bar/blobs/uploads/": {"POST": endpoints.UPLOADS},
    "/v2/foo/bar/blobs/uploads/0b2f-41_~.x": {
        "GET": endpoints.UPLOAD_STATUS,
        "HEAD": endpoints.UPLOAD_STATUS,
        "PATCH": endpoints.UPLOAD_CHUNK,
        "PUT": endpoints.UPLOAD_END,
        "DELETE": endpoints.UPLOAD_CANCEL,
    },
    "/v2/foo/bar/tags/list": {"GET": endpoints.TAGS, "HEAD": endpoints.TAGS},
    f"/v2/foo/bar/referrers/{DIGEST}": {"GET": endpoints.REFERRERS, "HEAD": endpoints.REFERRERS},
}


def needed(endpoint: Endpoint) -> dict[str, str]:
    return {key: value for key, value in PARAMETERS.items() if f"{{{key}}}" in endpoint.template}


@pytest.mark.parametrize(
    ("path", "method", "endpoint"), [(p, m, e) for p, row in PATHS.items() for m, e in row.items()]
)
def test_every_end_point_has_its_path(path: str, method: str, endpoint: Endpoint) -> None:
    assert endpoint.path(**needed(endpoint)) == path
    assert find(method, path) == (endpoint, needed(endpoint))
    assert endpoint.match(path) == needed(endpoint)


def test_the_table_is_complete() -> None:
    assert {endpoint for row in PATHS.values() for endpoint in row.values()} == set(ENDPOINTS)
    assert len({endpoint.id for endpoint in ENDPOINTS}) == len(ENDPOINTS)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "get"])
def test_other_methods_are_no_end_points(path: str, method: str) -> None:
    found = find(method, path)
    assert (found[0] if found else None) == PATHS[path].get(method)
    assert sorted(methods_of(path)) == sorted(PATHS[path])


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1/",
        "/v2",
        "/v2//",
        "v2/",
        "/v2/foo",
        "/v2/foo/",
        "/v2/foo/tags",
        "/v2/foo/tags/",
        "/v2/foo/tags/list/",
        "/v2//tags/list",
        "/v2/tags/list",
        "/v2/manifests/x",
        "/v2/blobs/x",
        "/v2/foo/manifests/",
        "/v2/foo/blobs/",
        "/v2/foo/referrers/",
        "/v2/_catalog/",
        "/x/v2/",
    ],
)
def test_other_paths_are_no_end_points(path: str) -> None:
    assert find("GET", path) is None
    assert methods_of(path) == ()
    assert repository_of(path) is None


AWKWARD = [
    "manifests",
    "blobs",
    "tags",
    "tags/list",
    "uploads",
    "blobs/uploads",
    "referrers",
    "manifests/manifests",
    "foo/manifests/bar",
    "foo/blobs/uploads/x",
    "foo/tags/list",
    "v2",
    "v2/foo",
    "catalog",
    "library/tags/list/manifests/blobs/uploads/referrers",
]


@pytest.mark.parametrize("name", AWKWARD)
@pytest.mark.parametrize(
    "endpoint", [endpoint for endpoint in ENDPOINTS if "{name}" in endpoint.template], ids=lambda e: e.id
)
def test_repositories_with_the_words_of_paths_in_their_names(name: str, endpoint: Endpoint) -> None:
    path = endpoint.path(**needed(endpoint) | {"name": name})
    for method in endpoint.methods:
        assert find(method, path) == (endpoint, needed(endpoint) | {"name": name})
    assert repository_of(path) == name


words = st.sampled_from(["manifests", "blobs", "tags", "list", "uploads", "referrers", "v2", "a"])
component = words | st.from_regex(r"[a-z0-9]{1,4}(?:(?:\.|_|__|-{1,2})[a-z0-9]{1,3})?", fullmatch=True)
names = st.lists(component, min_size=1, max_size=6).map("/".join)
tags = words | st.from_regex(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}", fullmatch=True)
digests = st.from_regex(r"sha256:[a-f0-9]{64}", fullmatch=True)
sessions = words | st.from_regex(r"[a-zA-Z0-9._~-]{1,30}", fullmatch=True)


@given(st.sampled_from(ENDPOINTS), names, tags | digests, digests, sessions)
def test_a_path_is_understood_as_it_was_made(
    endpoint: Endpoint, name: str, reference: str, digest: str, session: str
) -> None:
    given_all = {"name": name, "reference": reference, "digest": digest, "session": session}
    parameters = {key: given_all[key] for key in needed(endpoint)}
    path = endpoint.path(**parameters)
    for method in endpoint.methods:
        assert find(method, path) == (endpoint, parameters)
        assert method in methods_of(path)
    assert repository_of(path) == parameters.get("name")


printable = st.characters(exclude_categories=["C", "Z"], include_characters=" ", exclude_characters="/")


@given(st.text(printable, min_size=1, max_size=20))
def test_what_must_be_is_percent_encoded(session: str) -> None:
    """The server decodes the path before it looks at it."""
    path = endpoints.UPLOAD_STATUS.path(name="foo", session=session)
    assert path.isascii()
    assert not set(path) & set("?# %") - {"%"}
    assert path.endswith(quote(session, safe="/:"))
    assert endpoints.UPLOAD_STATUS.match(unquote(path)) == {"name": "foo", "session": session}


@given(st.text(max_size=60) | st.lists(words, max_size=8).map(lambda parts: "/v2/" + "/".join(parts)))
def test_arbitrary_paths_are_found_or_not(path: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        found = find(method, path)
        assert (found is not None) == (method in methods_of(path))
        if found and found[1]:
            assert unquote(found[0].path(**found[1])) == path or "%" in path


# Scopes


def test_the_conventional_scopes() -> None:
    usual = {endpoint.id: endpoint.actions for endpoint in ENDPOINTS}
    for endpoint in (endpoints.BLOB, endpoints.MANIFEST, endpoints.TAGS, endpoints.REFERRERS):
        assert usual[endpoint.id] == (("pull",),)
    for endpoint in (endpoints.UPLOADS, endpoints.UPLOAD_CHUNK, endpoints.UPLOAD_END, endpoints.MANIFEST_PUT):
        assert usual[endpoint.id] == (("pull", "push"),)
    for endpoint in (endpoints.MANIFEST_DELETE, endpoints.BLOB_DELETE):
        assert usual[endpoint.id] == (("delete",), ("pull", "push"), ("*",))
    assert usual[endpoints.VERSION.id] == ()
    assert endpoints.REPOSITORIES.resource == "registry:catalog"
    assert usual[endpoints.REPOSITORIES.id] == (("*",), ())


def test_a_resource_is_filled_in_with_the_repository() -> None:
    assert endpoints.TAGS.resource.format(name="host:5000/a") == "repository:host:5000/a"


# Error codes


def test_error_codes() -> None:
    codes = [item for item in vars(endpoints).values() if isinstance(item, ErrorCode)]
    assert len(codes) == 14
    for code in codes:
        assert getattr(endpoints, code.code) is code
        assert 400 <= code.status < 500
        assert code.message == code.message.strip()
        assert code.message
