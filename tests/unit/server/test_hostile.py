"""Whatever is asked, the answer is one that the specification knows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pratique.spec import endpoints, media
from pratique.spec.digest import Digest
from pratique.spec.endpoints import ErrorCode

from .asking import LAYER, Asking, image

CODES = {value.code for value in vars(endpoints).values() if isinstance(value, ErrorCode)}
DIGEST = str(Digest.of(LAYER))

odd = st.one_of(
    st.sampled_from(
        [
            "",
            "..",
            ".",
            "%2e%2e",
            "%00",
            "%ff",
            "%2F",
            "~",
            "a" * 300,
            DIGEST,
            DIGEST + "0",
            "sha512:00",
            "latest",
            "-1",
            "0",
        ]
    ),
    st.text(st.characters(codec="ascii", exclude_characters="#?/ \r\n\t"), max_size=12),
)
words = st.sampled_from(
    ["v2", "v2", "foo", "bar", "blobs", "uploads", "manifests", "tags", "list", "referrers", "_catalog", "token", ""]
)
targets = st.tuples(
    st.lists(st.one_of(words, odd), max_size=7).map("/".join),
    st.dictionaries(
        st.sampled_from(["digest", "mount", "from", "n", "last", "artifactType", "tag", "digest-algorithm", "_"]),
        odd,
        max_size=3,
    ).map(lambda query: "&".join(f"{name}={value}" for name, value in query.items())),
).map(lambda parts: f"/{parts[0]}?{parts[1]}")
paths = st.sampled_from(
    [
        f"/v2/foo/blobs/{DIGEST}",
        "/v2/foo/blobs/uploads/",
        f"/v2/foo/blobs/uploads/?digest={DIGEST}",
        f"/v2/foo/blobs/uploads/?mount={DIGEST}",
        "/v2/foo/manifests/v1",
        f"/v2/foo/manifests/{Digest.of(image())}?tag=a",
        "/v2/foo/tags/list?n=1",
        f"/v2/foo/referrers/{Digest.of(image())}",
        "/v2/_catalog",
    ]
)
fields = st.dictionaries(
    st.sampled_from(
        ["Range", "Content_Range", "If_Range", "If_Match", "If_None_Match", "Content_Type", "Authorization"]
    ),
    st.one_of(
        st.sampled_from(
            [
                "*",
                '"x"',
                f'"{DIGEST}"',
                "bytes=0-0",
                "bytes=-",
                "0-0",
                "9-0",
                "0-20",
                media.OCI_MANIFEST,
                media.OCI_INDEX,
                "Basic",
            ]
        ),
        st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=20),
    ),
)
contents = st.one_of(st.none(), st.sampled_from([b"", LAYER, image(), b"{}", b"[" * 3000]), st.binary(max_size=30))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"]),
    st.one_of(targets, paths),
    fields,
    contents,
)
def test_no_request_is_an_accident(
    ask: Asking, method: str, target: str, headers: dict[str, str], content: bytes | None
) -> None:
    ask.push_image("foo", "v1")
    answer = ask(method, target, content, **headers)
    assert answer.status < 500
    if method == "HEAD":
        assert answer.content == b""
    elif answer.status >= 400:
        assert {error["code"] for error in answer.json["errors"]} <= CODES


def test_nothing_leaves_the_folder(tmp_path: Path) -> None:
    ask = Asking(tmp_path / "registry")
    for name in ("..", "../..", "%2e%2e", "foo/..", "..%2f"):
        for target in (
            f"/v2/{name}/blobs/uploads/?digest={DIGEST}",
            f"/v2/foo/blobs/uploads/?mount={DIGEST}&from={name}",
        ):
            assert ask("POST", target, LAYER).code == "NAME_INVALID"
        assert ask("PUT", f"/v2/foo/manifests/{name}", image(), Content_Type=media.OCI_MANIFEST).status in {
            400,
            404,
            405,
        }
    assert {path.name for path in tmp_path.iterdir()} <= {"registry"}


@pytest.mark.parametrize("condition", [{"If_None_Match": "*"}, {"If_Match": f'"{Digest.of(image())}"'}])
def test_one_of_many_writers_wins(ask: Asking, condition: dict[str, str]) -> None:
    ask.push_image("foo", "v1")
    tag = "new" if "If_None_Match" in condition else "v1"
    statuses: list[int] = []
    together = threading.Barrier(8)

    def write(number: int) -> None:
        manifest = image(annotations={"writer": str(number)})
        together.wait()
        answer = ask("PUT", f"/v2/foo/manifests/{tag}", manifest, Content_Type=media.OCI_MANIFEST, **condition)
        statuses.append(answer.status)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted(statuses) == [201] + [412] * 7
