"""Copying between registries of two makes, with what refers to the content; and how few requests docker-registry sees.

docker-registry 2.8.2 has no referrers API, so there the tag schema has to say what refers to an image; ours has one. What
each peer makes of a copy is in the files beside this one: `test_copy_skopeo.py`, `…_umoci.py`, `…_buildah.py`, `…_oras.py`
and `…_dxf.py`.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from itertools import pairwise, product
from pathlib import Path

import pytest

from pratique.image.sample import Sample
from pratique.spec.digest import Digest
from pratique.transfer.repository import TAGS_AT_ONCE
from tests.commands import Run
from tests.registries import repository
from tests.stores.contract import SIGNATURE, manifest, referrer

from .cargo import (
    ARTIFACT,
    CONTENTS,
    CREDS,
    IMAGE,
    INDEX,
    NAME,
    REGISTRIES,
    Place,
    assert_holds,
    digest,
    manifests,
    parts,
    write_layout,
)
from .conftest import DockerRegistry, RunsSkopeo, Serves, StartsRegistry

# The image has an SBOM and a signature, the SBOM a signature of its own.
SIGNED = referrer(IMAGE.root.descriptor, SIGNATURE, b'{"signed": "image"}')
SIGNED_SBOM = referrer(ARTIFACT.root.descriptor, SIGNATURE, b'{"signed": "sbom"}')
REFERRERS = (ARTIFACT, SIGNED, SIGNED_SBOM)

PAIRS = list(product(REGISTRIES, REGISTRIES))


def copy(run: Run, source: Place | str, target: Place | str, *more: str) -> str:
    """Copy by pratique; the value is the digest at the target."""
    words = [*more]
    for side, end in (("src", source), ("dest", target)):
        words += end.options(side) if isinstance(end, Place) else []
    done = run("copy", *words, *(end.ours if isinstance(end, Place) else end for end in (source, target)))
    assert done.code == 0, done.err
    return done.out.strip().rpartition("@")[2]


def tag_of(subject: str) -> str:
    """The tag that lists what refers to a subject (distribution specification, §Referrers tag schema)."""
    return subject.replace(":", "-")


def assert_lists(skopeo: RunsSkopeo, place: Place, subject: str, wanted: set[str]) -> None:
    """A registry says what refers to a subject: by the API, and no tag, where it has one, and else by the tag."""
    with repository(place.address, "team/app", CREDS) as ours:
        assert {str(found.digest) for found in ours.referrers(Digest.parse(subject))} == wanted
    listed = skopeo("inspect", "--raw", *place.settings(), place.called(tag_of(subject)).theirs)
    assert (listed.returncode == 0) == (place.kind != "ours")
    if place.kind != "ours":
        assert {entry["digest"] for entry in json.loads(listed.stdout)["manifests"]} == wanted


def assert_referred(skopeo: RunsSkopeo, place: Place) -> None:
    assert_lists(skopeo, place, digest(IMAGE), {digest(ARTIFACT), digest(SIGNED)})
    assert_lists(skopeo, place, digest(ARTIFACT), {digest(SIGNED_SBOM)})


@pytest.fixture
def attached(tmp_path: Path) -> str:
    """A layout with the image and what refers to it."""
    return write_layout(tmp_path / "attached", IMAGE, *REFERRERS)


# --- Between two registries -----------------------------------------------------------------------


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_everything_from_registry_to_registry(
    run: Run, serve: Serves, skopeo: RunsSkopeo, source: str, target: str, tmp_path: Path
) -> None:
    here, there = serve(source), serve(target)
    for name, sample in CONTENTS.items():
        assert copy(run, write_layout(tmp_path / name, sample), here.called(name)) == digest(sample)
        assert copy(run, here.called(name), there.called(name)) == digest(sample)
        for part in manifests(parts(sample)):
            raw = skopeo("inspect", "--raw", *there.settings(), there.called(part.descriptor.digest).theirs)
            assert raw.stdout.encode() == part.raw, raw.stderr
        assert copy(run, there.called(name), f"oci:{tmp_path / 'back'}:{name}") == digest(sample)
        assert_holds(tmp_path / "back", *parts(sample))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_referrers_from_registry_to_registry(
    run: Run, serve: Serves, skopeo: RunsSkopeo, attached: str, source: str, target: str, tmp_path: Path
) -> None:
    here, there = serve(source), serve(target)
    copy(run, attached, here, "--referrers")
    assert_referred(skopeo, here)
    copy(run, here, there)  # what comes later finds the image there
    copy(run, here, there, "--referrers")
    assert_referred(skopeo, there)
    copy(run, there, f"oci:{tmp_path / 'back'}:{NAME}", "--referrers")
    for sample in (IMAGE, *REFERRERS):
        assert_holds(tmp_path / "back", *parts(sample))


def test_from_docker_registry_to_ours_and_on_to_another(
    run: Run, serve: Serves, skopeo: RunsSkopeo, attached: str, tmp_path: Path
) -> None:
    """A password, our tokens, and tokens that docker-registry trusts; the tag schema, the API, and the schema again."""
    stations = [serve(kind) for kind in ("htpasswd", "ours", "tokens")]
    way: list[Place | str] = [attached, *stations, f"oci:{tmp_path / 'back'}:{NAME}"]
    for source, target in pairwise(way):
        assert copy(run, source, target, "--referrers") == digest(IMAGE)
    for place in stations:
        assert_referred(skopeo, place)
    for sample in (IMAGE, *REFERRERS):
        assert_holds(tmp_path / "back", *parts(sample))


@pytest.mark.parametrize("target", REGISTRIES)
def test_only_referrers_of_one_type(run: Run, serve: Serves, skopeo: RunsSkopeo, attached: str, target: str) -> None:
    there = serve(target)
    copy(run, attached, there, "--artifact-type", SIGNATURE)
    assert_lists(skopeo, there, digest(IMAGE), {digest(SIGNED)})


@pytest.mark.parametrize("target", REGISTRIES)
def test_a_referrer_more_is_added_to_those_that_are_there(
    run: Run, serve: Serves, skopeo: RunsSkopeo, attached: str, target: str, tmp_path: Path
) -> None:
    there = serve(target)
    copy(run, attached, there, "--referrers")
    late = referrer(IMAGE.root.descriptor, SIGNATURE, b'{"signed": "later"}')
    copy(run, write_layout(tmp_path / "late", late), there.called("late"))
    assert_lists(skopeo, there, digest(IMAGE), {digest(ARTIFACT), digest(SIGNED), digest(late)})


def test_tags_named_after_digests_go_along(run: Run, serve: Serves, skopeo: RunsSkopeo, tmp_path: Path) -> None:
    """The list of the tag schema itself is such a tag, and so are cosign's signatures."""
    here, there = serve("htpasswd"), serve("tokens")
    signature = Sample(manifest(IMAGE.below[1], [IMAGE.below[0].descriptor], artifactType=SIGNATURE), IMAGE.below)
    tag = f"{tag_of(digest(IMAGE))}.sig"
    copy(run, write_layout(tmp_path / "image", IMAGE), here)
    copy(run, write_layout(tmp_path / "signature", signature), here.called(tag))
    copy(run, here, there, "--digest-tags")
    raw = skopeo("inspect", "--raw", *there.settings(), there.called(tag).theirs)
    assert raw.stdout.encode() == signature.root.raw


# --- What docker-registry saw ---------------------------------------------------------------------

SEEN = re.compile(r'"(?P<method>[A-Z]+) (?P<target>/\S*) HTTP/1\.1" (?P<status>\d{3})')
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
SESSION = re.compile(r"uploads/[0-9a-f-]+\?\S*")


def seen(registry: DockerRegistry) -> list[str]:
    """The requests of its log, which is whole when it has ended; digests and upload sessions are left out."""
    registry.stop()
    found = (f"{line['method']} {line['target']} {line['status']}" for line in map(SEEN.search, registry.log) if line)
    return [SESSION.sub("uploads/…", DIGEST.sub("…", line)) for line in found]


def test_a_push_of_one_layer_takes_few_requests(run: Run, docker_registry: StartsRegistry, tmp_path: Path) -> None:
    """Eight: what the tag is now, whether the two blobs are there, two uploads of two requests each, the manifest."""
    registry = docker_registry()
    copy(run, write_layout(tmp_path / "source", IMAGE), f"{registry.address}/team/app:{NAME}")
    assert Counter(seen(registry)) == {
        f"HEAD /v2/team/app/manifests/{NAME} 404": 1,
        "HEAD /v2/team/app/blobs/… 404": 2,
        "POST /v2/team/app/blobs/uploads/ 202": 2,
        "PUT /v2/team/app/blobs/uploads/… 201": 2,
        f"PUT /v2/team/app/manifests/{NAME} 201": 1,
    }


def test_a_push_of_what_is_there_takes_one_request(run: Run, docker_registry: StartsRegistry, tmp_path: Path) -> None:
    registry = docker_registry()
    source, target = write_layout(tmp_path / "source", IMAGE), f"{registry.address}/team/app:{NAME}"
    copy(run, source, target)
    copy(run, source, target)
    assert seen(registry)[-2:] == [
        f"PUT /v2/team/app/manifests/{NAME} 201",
        f"HEAD /v2/team/app/manifests/{NAME} 200",
    ]


@pytest.mark.parametrize("sample", [IMAGE, INDEX], ids=["image", "index"])
def test_a_copy_within_a_registry_mounts(
    run: Run, docker_registry: StartsRegistry, sample: Sample, tmp_path: Path
) -> None:
    """No content of a blob is sent; an image of one layer takes five requests: HEAD, GET, two mounts, PUT."""
    registry = docker_registry()
    source, target = (f"{registry.address}/team/{name}:{NAME}" for name in ("app", "other"))
    copy(run, write_layout(tmp_path / "source", sample), source)
    copy(run, source, target)
    requests = seen(registry)
    requests = requests[requests.index(f"HEAD /v2/team/other/manifests/{NAME} 404") :]
    blobs = {part.descriptor.digest for part in sample.below if not part.descriptor.is_manifest}
    asked = Counter(requests)
    assert asked["POST /v2/team/other/blobs/uploads/?mount=…&from=team/app 201"] == len(blobs)
    assert not [each for each in requests if "/blobs/" in each and not each.startswith("POST")]
    assert not [each for each in requests if each.startswith("POST") and "mount=" not in each]
    if sample is IMAGE:
        assert len(requests) == 5


def test_many_tags_to_a_new_repository_take_no_vain_questions(
    run: Run, docker_registry: StartsRegistry, tmp_path: Path
) -> None:
    """Tags are asked for until it is known that there is none, what is small not at all; and nothing is asked for twice."""
    here, there = docker_registry(), docker_registry()
    names = [f"v{number}" for number in range(TAGS_AT_ONCE + 20)]
    further = [word for name in names[1:] for word in ("--tag", name)]
    copy(run, write_layout(tmp_path / "source", IMAGE), f"{here.address}/team/app:{names[0]}", *further)
    words = ("copy", "--all-tags", f"{here.address}/team/app", f"{there.address}/team/app")
    for _ in range(2):
        assert run(*words).code == 0
    asked, told = (Counter(re.sub("v[0-9]+ ", "… ", line) for line in seen(registry)) for registry in (here, there))
    assert asked["GET /v2/team/app/manifests/… 200"] == asked["HEAD /v2/team/app/manifests/… 200"] == len(names)
    assert asked["GET /v2/team/app/blobs/… 200"] == 2
    assert told.pop("HEAD /v2/team/app/manifests/… 404") <= TAGS_AT_ONCE
    assert told == {
        "GET /v2/team/app/tags/list 404": 1,
        "HEAD /v2/team/app/blobs/… 404": 1,  # the layer is not small
        "POST /v2/team/app/blobs/uploads/ 202": 2,
        "PUT /v2/team/app/blobs/uploads/… 201": 2,
        "PUT /v2/team/app/manifests/… 201": len(names),
        "HEAD /v2/team/app/manifests/… 200": len(names),
    }
