"""The site builds without a warning, every link in it leads somewhere, and its reference has every command and public name."""

from __future__ import annotations

import fcntl
import json
import re
import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from functools import cache
from html.parser import HTMLParser
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote, urldefrag

import pytest

import pratique
import pratique.aio
import pratique.artifacts
import pratique.surgery
import pratique.testing
from pratique import errors
from pratique.cli import commands, program, usage

from .examples import ROOT
from .test_examples import REWRITE

DOCS: Final = ROOT / "docs"
FLOORS: Final = DOCS / "diagrams" / "floors.svg"
PAGES: Final = sorted(path.relative_to(DOCS).with_suffix("").as_posix() for path in DOCS.rglob("*.md"))

COMMON: Final = usage.names(usage.common())

# What a page loads, and what it leads to.
_LOADED: Final = {("script", "src"), ("link", "href"), ("img", "src"), ("source", "src"), ("iframe", "src")}
_LEADS: Final = {("a", "href")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The built site; all processes of a run share one."""
    shared = tmp_path_factory.getbasetemp()
    folder = (shared if worker_id == "master" else shared.parent) / "site"
    with (folder.parent / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "objects.inv").exists():
            build(folder)
    return folder


def build(folder: Path) -> None:
    """Build it as `./run docs` does."""
    said = re.search(
        r'^run_docs\(\) \{ "\$python" (.*) "\$\{1:-site\}"; \}$', (ROOT / "run").read_text("utf-8"), re.MULTILINE
    )
    assert said
    words = said[1].replace("build/documents", f"{folder}.trees").split()
    done = subprocess.run([sys.executable, *words, folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""


class Page(HTMLParser):
    """A page of the site: its anchors, what it loads, and where it leads."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = {""}
        self.loaded: set[str] = set()
        self.leads: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name == "id" and value:
                self.anchors.add(value)
            elif value and (tag, name) in _LOADED:
                self.loaded.add(value)
            elif value and (tag, name) in _LEADS:
                self.leads.add(value)


@cache
def page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def is_elsewhere(target: str) -> bool:
    return re.match(r"[a-z]+:|//", target) is not None


def dead(path: Path) -> Iterator[str]:
    """The links of a page that lead nowhere within the site."""
    for target in page(path).leads | page(path).loaded:
        if is_elsewhere(target):
            continue
        place, anchor = urldefrag(target)
        leads_to = (path.parent / unquote(place.partition("?")[0])).resolve() if place else path
        is_page = leads_to.suffix == ".html"
        if not leads_to.is_file() or (is_page and unquote(anchor) not in page(leads_to).anchors):
            yield target


def test_every_page_is_on_the_site(site: Path) -> None:
    assert [path for path in PAGES if not (site / f"{path}.html").is_file()] == []


def test_every_link_leads_somewhere(site: Path) -> None:
    found = {str(path.relative_to(site)): sorted(dead(path)) for path in site.rglob("*.html")}
    assert not {name: targets for name, targets in found.items() if targets}
    assert sum(len(page(path).leads) for path in site.rglob("*.html")) > len(PAGES)


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    here = tmp_path / "here.html"
    here.write_text(
        '<p id="a"><a href="#a">1</a><a href="#b">2</a><a href="gone.html">3</a><a href="there.html#c">4</a>', "utf-8"
    )
    (tmp_path / "there.html").write_text("<p>", "utf-8")
    assert sorted(dead(here)) == ["#b", "gone.html", "there.html#c"]


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        assert [target for target in page(path).loaded if is_elsewhere(target) and not target.startswith("data:")] == []
    styles = "".join(path.read_text("utf-8") for path in site.rglob("*.css"))
    assert re.findall(r"(?:@import|url\()\s*[\"']?(?:https?:)?//[^)]*", styles) == []


def test_there_is_an_index_to_search(site: Path) -> None:
    text = (site / "searchindex.js").read_text("utf-8")
    found = json.loads(text[text.index("{") : text.rindex("}") + 1])
    assert set(PAGES) <= set(found["docnames"])
    assert {"mount", "challeng", "referr"} <= set(found["terms"])


def test_light_and_dark_are_the_reader_s_choice(site: Path) -> None:
    assert "theme-toggle" in (site / "index.html").read_text("utf-8")
    drawn = (site / "explanation" / "permission.html").read_text("utf-8")
    assert '<svg class="diagram"' in drawn


@pytest.mark.parametrize("name", commands.SUMMARIES)
def test_every_command_and_option_has_an_entry(site: Path, name: str) -> None:
    anchors = page(site / "reference" / "commands.html").anchors
    of_command = program.parser_of(name)
    for parser in (of_command, *usage.verbs(of_command)):
        assert "-".join(parser.prog.split()[1:]) in anchors
        assert options(parser, usage.names(parser) - COMMON) <= anchors


def test_every_common_option_has_an_entry(site: Path) -> None:
    assert options(usage.common(), COMMON) <= page(site / "reference" / "commands.html").anchors


def options(parser: ArgumentParser, names: Iterable[str]) -> set[str]:
    """The anchors of options of a parser."""
    return {f"cmdoption-{parser.prog.replace(' ', '-')}-{name.lstrip('-')}" for name in names}


def public() -> Iterator[str]:
    """The anchors of all public names."""
    for module in (pratique, pratique.aio, pratique.artifacts, pratique.surgery, pratique.testing):
        for name in module.__all__:
            value: Any = getattr(module, name)
            is_error = isinstance(value, type) and issubclass(value, errors.Error)
            yield f"{errors.__name__ if is_error else module.__name__}.{name}"


def test_every_public_name_has_an_entry(site: Path) -> None:
    anchors = page(site / "reference" / "library.html").anchors | page(site / "reference" / "errors.html").anchors
    assert set(public()) <= anchors


@pytest.mark.parametrize(
    "name",
    [
        "pratique.client.copying.Form",
        "pratique.client.credentials.Told",
        "pratique.client.places.Place",
        "pratique.config.proxies.Chooses",
        "pratique.http.events.Observer",
    ],
)
def test_signatures_lead_to_what_they_mean(site: Path, name: str) -> None:
    library = (site / "reference" / "library.html").read_text("utf-8")
    signatures = re.findall(r'<dt class="sig .*?</dt>', library, re.DOTALL)
    assert name in page(site / "reference" / "library.html").anchors
    assert [text for text in signatures if f'class="reference internal" href="#{name}"' in text] != []


def test_the_floors_are_drawn_as_the_contract_has_them() -> None:
    spec = spec_from_file_location("floors", FLOORS.with_suffix(".py"))
    assert spec is not None
    assert spec.loader is not None
    floors = module_from_spec(spec)
    spec.loader.exec_module(floors)
    drawn = floors.drawing(floors.floors((ROOT / "pyproject.toml").read_text("utf-8")))
    if REWRITE:
        FLOORS.write_text(drawn, "utf-8")
        return
    assert FLOORS.read_text("utf-8") == drawn, "docs/diagrams/floors.svg is out of date; REWRITE_DOCS=yes renews it"
