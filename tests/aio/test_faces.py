"""Every public verb has its asynchronous form, with the same parameters and the same words."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import pytest

import pratique
import pratique.aio
from pratique.aio.face import Flow
from pratique.client.store import Store

FACES = [
    (pratique.Registries, pratique.aio.Registries),
    (Store, pratique.aio.store.Store),
    (pratique.Repository, pratique.aio.Repository),
    (pratique.Blob, pratique.aio.Blob),
]
FUNCTIONS = ["collect", "connect", "copy", "copy_tags", "login", "logout", "open", "serve"]
# What programs of threads have beyond the verbs: `blocking` leads there. An asynchronous close is called `aclose`.
BLOCKING = {"source", "target", "visit", "reach", "alike", "close"}
PAIRS = [
    (f"{blocking.__name__}.{name}", value, getattr(face, name, None))
    for blocking, face in FACES
    for name, value in vars(blocking).items()
    if not name.startswith("_") and name not in BLOCKING
]


def parameters(function: Callable[..., Any]) -> list[str]:
    """The parameters as they are written, whosever registries they are."""
    found = [str(each) for each in inspect.signature(function).parameters.values() if each.name != "self"]
    return [re.sub(r"[\w.]*\bRegistries", "Registries", text) for text in found]


@pytest.mark.parametrize(("blocking", "face"), [pair[1:] for pair in PAIRS], ids=[pair[0] for pair in PAIRS])
def test_every_verb_of_an_object_is_there(blocking: Any, face: Any) -> None:
    assert face is not None
    assert type(face) is type(blocking)
    if inspect.isfunction(blocking):
        assert parameters(face) == parameters(blocking)
        assert inspect.getdoc(face) == inspect.getdoc(blocking)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_is_there(name: str) -> None:
    face, blocking = getattr(pratique.aio, name), getattr(pratique, name)
    assert parameters(face) == parameters(blocking)
    assert inspect.getdoc(face)
    assert inspect.iscoroutinefunction(face) == (name not in ("connect", "open", "serve"))


def test_no_function_of_the_library_is_left_out() -> None:
    functions = [name for name in pratique.__all__ if inspect.isfunction(getattr(pratique, name))]
    assert functions == FUNCTIONS
    assert [name for name in pratique.aio.__all__ if inspect.isfunction(getattr(pratique.aio, name))] == FUNCTIONS


def test_what_asks_a_registry_is_awaited_and_a_list_is_a_flow() -> None:
    """The signature alone would not tell: it is the blocking method's."""
    answers = {
        name: inspect.signature(value).return_annotation for name, value, _ in PAIRS if inspect.isfunction(value)
    }
    lists = {name for name, annotation in answers.items() if annotation.startswith("Iterator[")}
    at_once = {"Registries.repository", "Registries.cancel", "Blob.open", "Blob.file"}
    awaited = {name for name, _, face in PAIRS if inspect.iscoroutinefunction(face)}
    assert awaited == set(answers) - lists - at_once
    repository = pratique.aio.connect(machine=pratique.Machine({})).repository("r.test/app")
    assert isinstance(repository.tags(), Flow)
    assert isinstance(repository.inspections([]), Flow)
    assert isinstance(repository.referrers("1"), Flow)
    assert (repository.registry, repository.name, str(repository)) == ("r.test", "app", "r.test/app")
    assert repr(repository) == "<asynchronous <repository r.test/app>>"
