"""Platforms: how they are written, what they are called, which one fits another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pratique.errors import InvalidInput, Misbehaved
from pratique.spec.platform import Platform


@pytest.mark.parametrize(
    ("text", "platform"),
    [
        ("linux/amd64", Platform("linux", "amd64")),
        ("linux/arm64/v8", Platform("linux", "arm64", "v8")),
        ("linux/arm/v7", Platform("linux", "arm", "v7")),
        ("windows/amd64:10.0.20348.2227", Platform("windows", "amd64", os_version="10.0.20348.2227")),
        ("linux/arm/v7:5.10", Platform("linux", "arm", "v7", "5.10")),
        ("wasip1/wasm", Platform("wasip1", "wasm")),
        ("unknown/unknown", Platform("unknown", "unknown")),
        ("linux/amd64:", Platform("linux", "amd64")),
    ],
)
def test_parsing(text: str, platform: Platform) -> None:
    assert Platform.parse(text) == platform
    assert Platform.parse(str(platform)) == platform


@pytest.mark.parametrize(
    "text",
    [
        "",
        "linux",
        "/",
        "linux/",
        "/amd64",
        "linux//v7",
        "a/b/c/d",
        "linux/amd64/",
        "a\n/b",
        "a/b:\x1b[2J",
        "a" * 300 + "/b",
        ":",
    ],
)
def test_what_is_no_platform(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Platform.parse(text)
    assert "linux/amd64" in (caught.value.advice() or "")


@given(st.text(max_size=40) | st.text(alphabet="ab/:.\n", max_size=12))
def test_arbitrary_text_is_a_platform_or_an_error(text: str) -> None:
    try:
        platform = Platform.parse(text)
    except InvalidInput:
        return
    assert Platform.parse(str(platform)) == platform


# Names


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("linux/amd64", "linux/amd64"),
        ("linux/x86_64", "linux/amd64"),
        ("linux/x86-64", "linux/amd64"),
        ("Linux/AMD64", "linux/amd64"),
        ("linux/amd64/v1", "linux/amd64"),
        ("linux/amd64/v3", "linux/amd64/v3"),
        ("linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64/8", "linux/arm64"),
        ("linux/arm64/v9", "linux/arm64/v9"),
        ("linux/aarch64", "linux/arm64"),
        ("linux/aarch64/v8", "linux/arm64"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v7", "linux/arm/v7"),
        ("linux/arm/7", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm/v6"),
        ("linux/arm/5", "linux/arm/v5"),
        ("linux/armhf", "linux/arm/v7"),
        ("linux/armel", "linux/arm/v6"),
        ("linux/i386", "linux/386"),
        ("linux/i686", "linux/386"),
        ("macOS/arm64", "darwin/arm64"),
        ("linux/ppc64le", "linux/ppc64le"),
        ("linux/riscv64", "linux/riscv64"),
    ],
)
def test_normal_names(text: str, normal: str) -> None:
    assert str(Platform.parse(text).normalised()) == normal


words = st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/:"), max_size=6)
known = st.sampled_from(
    ["arm", "arm64", "aarch64", "ARM", "x86_64", "amd64", "armhf", "armel", "i386", "Linux", "macos"]
)
variants = st.sampled_from(["", "v1", "v6", "7", "8", "V8", "v8"]) | words
platforms = st.builds(
    Platform,
    os=known | words,
    architecture=known | words,
    variant=variants,
    os_version=words,
    os_features=st.lists(words, max_size=2).map(tuple),
)


@given(platforms)
def test_the_normal_name_of_a_normal_name_is_itself(platform: Platform) -> None:
    assert platform.normalised().normalised() == platform.normalised()


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))
def test_that_holds_for_any_letters(system: str, architecture: str, variant: str) -> None:
    platform = Platform(system, architecture, variant)
    assert platform.normalised().normalised() == platform.normalised()


@given(platforms)
def test_a_platform_fits_itself_by_any_of_its_names(platform: Platform) -> None:
    assert platform.satisfies(platform)
    assert platform.satisfies(platform.normalised())
    assert platform.normalised().satisfies(platform)


# Fitting


@pytest.mark.parametrize(
    ("offered", "wish"),
    [
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8"),
        ("linux/aarch64", "linux/arm64/v8"),
        ("linux/arm", "linux/arm/v7"),
        ("linux/arm/v7", "linux/arm"),
        ("windows/amd64:10.0.20348.2227", "windows/amd64"),
        ("windows/amd64:10.0.20348.2227", "windows/amd64:10"),
        ("windows/amd64:10.0.20348.2227", "windows/amd64:10.0.20348"),
        ("windows/amd64:10.0.20348.2227", "windows/amd64:10.0.20348.2227"),
    ],
)
def test_what_fits(offered: str, wish: str) -> None:
    assert Platform.parse(offered).satisfies(Platform.parse(wish))


@pytest.mark.parametrize(
    ("offered", "wish"),
    [
        ("linux/amd64", "linux/arm64"),
        ("linux/amd64", "windows/amd64"),
        ("linux/arm/v6", "linux/arm/v7"),
        ("linux/arm/v6", "linux/arm"),
        ("linux/amd64/v3", "linux/amd64"),
        ("unknown/unknown", "linux/amd64"),
        ("windows/amd64", "windows/amd64:10.0.20348"),
        ("windows/amd64:10.0.20348.2227", "windows/amd64:10.0.20348.1"),
        ("windows/amd64:10.0.20348", "windows/amd64:10.0.203"),
        ("windows/amd64:10.0.17763", "windows/amd64:10.0.17763.1"),
    ],
)
def test_what_does_not_fit(offered: str, wish: str) -> None:
    assert not Platform.parse(offered).satisfies(Platform.parse(wish))


def test_every_feature_that_is_wished_for_must_be_there() -> None:
    offered = Platform("windows", "amd64", os_features=("win32k", "gpu"))
    assert offered.satisfies(Platform("windows", "amd64"))
    assert offered.satisfies(Platform("windows", "amd64", os_features=("win32k",)))
    assert not offered.satisfies(Platform("windows", "amd64", os_features=("win32k", "sgx")))


# JSON


@given(platforms)
def test_a_platform_is_read_as_it_is_written(platform: Platform) -> None:
    assert Platform.from_json(platform.to_json()) == platform


def test_the_objects_names_are_the_specifications() -> None:
    platform = Platform("windows", "amd64", "v2", "10.0.1", ("win32k",))
    assert platform.to_json() == {
        "architecture": "amd64",
        "os": "windows",
        "variant": "v2",
        "os.version": "10.0.1",
        "os.features": ["win32k"],
    }
    assert Platform("linux", "amd64").to_json() == {"architecture": "amd64", "os": "linux"}


def test_absent_and_null_are_unknown() -> None:
    assert Platform.from_json({}) == Platform.from_json({"os": None, "os.features": None}) == Platform("", "")


@pytest.mark.parametrize("key", ["os", "architecture", "variant", "os.version"])
@pytest.mark.parametrize(
    "value", [1, True, [], {}, 1.5, ["linux"], "a\nb", "\x1b[31m", "li\u0000nux", "\ud800", "línux"]
)
def test_wrong_values(key: str, value: Any) -> None:
    with pytest.raises(Misbehaved, match=f"platform: '{key}' is not"):
        Platform.from_json({"os": "linux", "architecture": "amd64", key: value})


@pytest.mark.parametrize("value", ["win32k", 1, {}, [1], [["a"]], [None]])
def test_wrong_features(value: Any) -> None:
    with pytest.raises(Misbehaved):
        Platform.from_json({"os.features": value})
