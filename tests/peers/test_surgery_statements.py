"""What is said of an image, when the image changes: BuildKit's attestations in an index, and signatures, as skopeo finds them."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pratique.image.sample import Content, Sample
from pratique.spec import media
from pratique.testing import Embedded, registry
from pratique.values import replace
from tests.commands import Run
from tests.stores.contract import SIGNATURE, manifest, referrer

from .cargo import ATTESTED, IMAGE, PLATFORMS, STATEMENT, attested, digest, write_layout
from .conftest import RunsSkopeo, StartsRegistry

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
FORMS = {"as an image": attested(has_subject=False), "with a subject": attested(has_subject=True)}
SAMPLES = pytest.mark.parametrize("sample", FORMS.values(), ids=list(FORMS))


@pytest.fixture
def harbour() -> Iterator[Embedded]:
    with registry() as found:
        yield found


# --- What is there --------------------------------------------------------------------------------


class Copied:
    """A directory that skopeo wrote, read without any code of ours."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.root = json.loads((folder / "manifest.json").read_bytes())

    def content(self, digest: str) -> bytes:
        return (self._folder / digest.partition(":")[2]).read_bytes()

    def manifest(self, digest: str) -> Any:
        return json.loads((self._folder / f"{digest.partition(':')[2]}.manifest.json").read_bytes())

    @property
    def images(self) -> dict[str, str]:
        """The digests of images, by architecture."""
        entries = [entry for entry in self.root["manifests"] if ATTESTED not in entry.get("annotations", {})]
        return {entry["platform"]["architecture"]: entry["digest"] for entry in entries}

    @property
    def attestations(self) -> list[dict[str, Any]]:
        return [entry for entry in self.root["manifests"] if ATTESTED in entry.get("annotations", {})]


def copied(skopeo: RunsSkopeo, place: str, folder: Path) -> Copied:
    """Everything of an index, which skopeo has found and verified."""
    done = skopeo("copy", "--all", "--preserve-digests", "--src-tls-verify=false", f"docker://{place}", f"dir:{folder}")
    assert done.returncode == 0, done.stderr
    return Copied(folder)


def statements(sample: Sample) -> set[bytes]:
    return {part.raw for part in sample.below if part.descriptor.media_type == STATEMENT}


def assert_attested(found: Copied, sample: Sample) -> None:
    """Each image has one attestation, which says that it is about it, and the statements are there as they were made."""
    assert sorted(entry["annotations"][ATTESTED] for entry in found.attestations) == sorted(found.images.values())
    said = set()
    for entry in found.attestations:
        assert entry["platform"] == {"architecture": "unknown", "os": "unknown"}
        assert entry["annotations"]["vnd.docker.reference.type"] == "attestation-manifest"
        attestation = found.manifest(entry["digest"])
        if "subject" in attestation:
            assert attestation["subject"]["digest"] == entry["annotations"][ATTESTED]
        for layer in attestation["layers"]:
            assert layer["annotations"]["in-toto.io/predicate-type"]
            said.add(found.content(layer["digest"]))
    assert said <= statements(sample)
    assert len(said) == 2 * len(found.images)


# --- Attestations ---------------------------------------------------------------------------------

CHANGES = {
    "append": "append REF FILE:/new --tag changed",
    "mutate": "mutate --env A=b REF --tag changed",
    "flatten": "flatten --compression none REF --tag changed",
    "recompress": "recompress --compression none REF --tag changed",
    "squash-time": "squash-time --time 0 REF --tag changed",
    "layer rm": "layer rm --layer 0 REF --tag changed",
    "layer edit": "layer edit --strip bin/** REF --tag changed",
    "one platform": "mutate --env A=b --platform linux/arm64 REF --tag changed",
    "referrers moved": "mutate --env A=b --referrers move REF --tag changed",
    "convert": "convert --format docker REF --tag changed",
    "another repository": "mutate --env A=b REF --to OTHER:changed",
}
MOVES = {
    "copy": ["copy REF OTHER:changed"],
    "copy of some": ["copy --platform linux/amd64 --platform linux/arm64 REF OTHER:changed"],
    "create": ["index create OTHER:changed REF"],
    "annotate": ["index annotate --annotation a=b REF --tag changed"],
    "backup": ["backup REPO FOLDER", "restore FOLDER OTHER", "tag OTHER:1 changed"],
}


def carry_out(run: Run, harbour: Embedded, lines: list[str], folder: Path) -> str:
    """Do what is said; the place of what came of it, which is tagged `changed`."""
    (folder / "file").write_bytes(b"new\n")
    names = {"REF": f"{harbour.address}/app:1", "REPO": f"{harbour.address}/app", "OTHER": f"{harbour.address}/other"}
    names |= {"FILE": f"{folder}/file", "FOLDER": f"{folder}/saved"}
    for line in lines:
        words = line.split()
        for name, value in names.items():
            words = [word.replace(name, value) for word in words]
        done = run(*words)
        assert done.code == 0, done.err
    return f"{names['OTHER' if 'OTHER' in lines[-1] else 'REPO']}:changed"


@SAMPLES
@pytest.mark.parametrize("line", CHANGES.values(), ids=list(CHANGES))
def test_attestations_go_along_with_images_that_change(
    run: Run, harbour: Embedded, skopeo: RunsSkopeo, tmp_path: Path, sample: Sample, line: str
) -> None:
    harbour.push(sample, "app:1")
    place = carry_out(run, harbour, [line], tmp_path)
    before = copied(skopeo, f"{harbour.address}/app:1", tmp_path / "before")
    found = copied(skopeo, place, tmp_path / "found")
    assert_attested(before, sample)
    assert_attested(found, sample)
    assert len(found.images) == len(PLATFORMS)
    changed = {name for name, digest in found.images.items() if digest != before.images[name]}
    assert changed == ({"arm64"} if "--platform" in line else set(found.images))


@SAMPLES
@pytest.mark.parametrize("words", [["mutate", "--env", "A=b"], ["convert", "--format", "docker"]], ids=" ".join)
def test_their_registry_takes_an_index_whose_images_have_changed(
    run: Run,
    docker_registry: StartsRegistry,
    skopeo: RunsSkopeo,
    tmp_path: Path,
    sample: Sample,
    words: list[str],
) -> None:
    """Docker's list of its own images and of attestations, which are OCI's, too."""
    there = f"{docker_registry().address}/app"
    assert run("copy", write_layout(tmp_path / "layout", sample), f"{there}:1").code == 0
    done = run(*words, f"{there}:1", "--tag", "changed")
    assert done.code == 0, done.err
    found = copied(skopeo, f"{there}:changed", tmp_path / "found")
    assert_attested(found, sample)
    assert ("docker" in found.root["mediaType"]) == ("docker" in words)


@SAMPLES
@pytest.mark.parametrize("lines", MOVES.values(), ids=list(MOVES))
def test_attestations_go_along_with_indexes_that_are_copied(
    run: Run, harbour: Embedded, skopeo: RunsSkopeo, tmp_path: Path, sample: Sample, lines: list[str]
) -> None:
    harbour.push(sample, "app:1")
    place = carry_out(run, harbour, lines, tmp_path)
    found = copied(skopeo, place, tmp_path / "found")
    assert_attested(found, sample)
    digests = {str(part.descriptor.digest) for part in sample.below}
    assert set(found.images.values()) <= digests
    assert {entry["digest"] for entry in found.attestations} <= digests


@SAMPLES
def test_attestations_leave_an_index_with_their_image(
    run: Run, harbour: Embedded, skopeo: RunsSkopeo, tmp_path: Path, sample: Sample
) -> None:
    harbour.push(sample, "app:1")
    place = f"{harbour.address}/app"
    for number, words in enumerate((["filter", f"{place}:1", "linux/amd64"], ["remove", f"{place}:1", "linux/arm/v7"])):
        assert run("index", *words, "--tag", "less").code == 0
        found = copied(skopeo, f"{place}:less", tmp_path / f"found{number}")
        assert_attested(found, sample)
        assert list(found.images) == [["amd64"], ["amd64", "arm64"]][number]


# --- Signatures -----------------------------------------------------------------------------------


def signature_tag(digest: str) -> str:
    """Where cosign looks for what signs a digest."""
    return f"{digest.replace(':', '-')}.sig"


def sign(harbour: Embedded, image: Content) -> tuple[Sample, Sample]:
    """Sign an image in both forms of cosign: found by a tag that is named after the digest, and by its subject."""
    digest = str(image.descriptor.digest)
    payload = Content.of_json({"critical": {"image": {"docker-manifest-digest": digest}}}, SIMPLE_SIGNING)
    config = Content.of_json({"architecture": "", "os": "", "config": {}}, media.OCI_CONFIG)
    said = replace(payload.descriptor, annotations={"dev.cosignproject.cosign/signature": "c2lnbmVk"})
    tagged = Sample(manifest(config, [said]), (payload, config))
    bundle = referrer(image.descriptor, SIGNATURE, b'{"messageSignature": {}}')
    harbour.push(tagged, f"app:{signature_tag(digest)}")
    harbour.push(bundle, "app:bundle")
    return tagged, bundle


def referrers(harbour: Embedded, repository: str, digest: str) -> list[str]:
    """What the registry itself says refers to a digest."""
    with urllib.request.urlopen(f"{harbour.url}/v2/{repository}/referrers/{digest}") as answer:  # noqa: S310
        return [entry["digest"] for entry in json.load(answer)["manifests"]]


@pytest.mark.parametrize("following", ["", "drop", "keep", "move"])
def test_signatures_of_the_old_digest_do_what_is_said(
    run: Run, harbour: Embedded, skopeo: RunsSkopeo, following: str
) -> None:
    harbour.push(IMAGE, "app:1")
    _, bundle = sign(harbour, IMAGE.root)
    old, signature, there = digest(IMAGE), digest(bundle), f"{harbour.address}/other"
    options = ["--referrers", following] if following else []
    done = run("mutate", "--env", "A=b", *options, f"{harbour.address}/app:1", "--to", f"{there}:2")
    assert done.code == 0, done.err
    shown = skopeo("inspect", "--no-tags", "--format", "{{.Digest}}", "--tls-verify=false", f"docker://{there}:2")
    new = shown.stdout.strip()
    assert new.startswith("sha256:")
    assert referrers(harbour, "app", old) == [signature]
    assert referrers(harbour, "other", old) == ([signature] if following == "keep" else [])
    moved = referrers(harbour, "other", new)
    assert len(moved) == (following == "move")
    assert signature not in moved
    named = {"keep": [signature_tag(old)], "move": [signature_tag(new)]}.get(following, [])
    assert sorted(json.loads(skopeo("list-tags", "--tls-verify=false", f"docker://{there}").stdout)["Tags"]) == sorted(
        ["2", *named]
    )


def test_both_forms_of_a_signature_are_copied_with_the_image(run: Run, harbour: Embedded) -> None:
    harbour.push(IMAGE, "app:1")
    tagged, bundle = sign(harbour, IMAGE.root)
    there = f"{harbour.address}/other"
    done = run("copy", "--referrers", "--digest-tags", f"{harbour.address}/app:1", f"{there}:1")
    assert done.code == 0, done.err
    assert referrers(harbour, "other", digest(IMAGE)) == [digest(bundle)]
    assert run("digest", f"{there}:{signature_tag(digest(IMAGE))}").out.strip() == digest(tagged)
