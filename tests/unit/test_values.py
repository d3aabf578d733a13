"""Classes of values and records."""

from __future__ import annotations

import copy
import inspect
import pickle
from collections.abc import Mapping
from threading import Barrier, Thread
from typing import Any

import pytest

from pratique.values import FIRST_OBJECTS, as_dict, field, fields, frozen, record, replace


@frozen
class Point:
    """A place."""

    x: int
    y: int = 0

    @property
    def flat(self) -> bool:
        return self.y == 0


@frozen
class Named(Point):
    name: str = "origin"
    notes: Mapping[str, str] = field(default_factory=dict, hash=False)
    secret: str = field(default="", repr=False, compare=False)


@frozen
class Empty:
    """Nothing in it."""


@frozen(order=True, kw_only=True)
class Version:
    major: int
    minor: int = 0


@record
class Count:
    of: str
    number: int = 0
    double: int = 0

    def __post_init__(self) -> None:
        self.double = 2 * self.number


def test_a_value_holds_what_is_given() -> None:
    point = Point(1, y=2)
    assert (point.x, point.y, point.flat, Point(3).flat) == (1, 2, False, True)
    assert Point.__doc__ == "A place."
    assert not hasattr(point, "__dict__")


def test_values_are_compared_by_what_they_hold() -> None:
    assert Point(1, 2) == Point(1, 2) != Point(1, 3)
    assert len({Point(1, 2), Point(1, 2), Point(2, 1)}) == 2
    assert Empty() == Empty()
    assert hash(Empty()) == hash(Empty())
    assert Point(1) != Named(1)
    assert Point(1) != 1  # type: ignore[comparison-overlap]


def test_fields_say_how_they_are_shown_compared_and_hashed() -> None:
    named = Named(1, 2, "here", {"a": "b"}, "hidden")
    assert repr(named) == "Named(x=1, y=2, name='here', notes={'a': 'b'})"
    assert named == replace(named, secret="another")
    assert named != replace(named, notes={})
    assert hash(named) == hash(replace(named, notes={}))


def test_the_first_objects_are_as_later_ones() -> None:
    @frozen
    class Pair:
        left: int
        right: int = 2
        both: list[int] = field(default_factory=list)

    @record
    class Kept:
        pair: Pair
        twice: int = 0

        def __post_init__(self) -> None:
            self.twice = 2 * self.pair.left

    made = [(Pair(1), Pair(1, right=3), Pair(left=1, right=2), Kept(Pair(4))) for _ in range(FIRST_OBJECTS + 1)]
    assert Pair.__init__.__code__ is not Kept.__init__.__code__  # both are compiled by now
    assert len({str(each) for each in made}) == 1
    assert str(made[0][1]) == f"{Pair.__qualname__}(left=1, right=3, both=[])"
    assert made[0][3].twice == 8
    assert made[0][0].both is not made[1][0].both


def test_defaults_are_made_anew() -> None:
    assert Named(1).notes is not Named(1).notes


@pytest.mark.parametrize("name", ["x", "z"])
def test_a_value_cannot_be_changed(name: str) -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match=f"Point is a value: its {name} cannot be changed"):
        setattr(point, name, 2)
    with pytest.raises(AttributeError, match="cannot be changed"):
        delattr(point, name)
    assert point == Point(1)


@pytest.mark.parametrize(
    ("args", "kwargs", "words"),
    [
        ((), {}, "missing"),
        ((1, 2, 3), {}, "takes from"),
        ((1,), {"z": 3}, "unexpected"),
        ((1,), {"x": 2}, "multiple values"),
    ],
)
def test_what_does_not_fit_the_first_object_is_a_type_error(
    args: tuple[int, ...], kwargs: dict[str, int], words: str
) -> None:
    @frozen
    class New:
        x: int
        y: int = 0

    with pytest.raises(TypeError, match=words):
        New(*args, **kwargs)
    assert str(New(1)).endswith("New(x=1, y=0)")


@pytest.mark.parametrize("wrong", [lambda: Point(), lambda: Point(1, 2, 3), lambda: Point(1, z=3), lambda: Version(1)])  # type: ignore[call-arg]
def test_what_does_not_fit_is_a_type_error(wrong: Any) -> None:
    for _ in range(FIRST_OBJECTS + 2):  # the first calls and later ones are different functions
        with pytest.raises(TypeError, match=r"(Point|Version)\.__init__\(\)"):
            wrong()


def test_values_in_order() -> None:
    versions = [Version(major=2), Version(major=1, minor=3), Version(major=1)]
    assert sorted(versions) == versions[::-1]
    assert versions[0] > versions[1] >= versions[1] > versions[2] <= versions[2]
    with pytest.raises(TypeError):
        assert versions[0] < 3  # type: ignore[operator]


def test_values_like_another() -> None:
    assert replace(Point(1, 2), y=3) == Point(1, 3)
    with pytest.raises(TypeError):
        replace(Point(1, 2), z=3)
    assert as_dict(Point(1, 2)) == {"x": 1, "y": 2}
    assert list(fields(Named)) == ["x", "y", "name", "notes", "secret"]


def test_values_are_copied_and_pickled() -> None:
    version = Version(major=1, minor=2)
    assert copy.copy(version) == copy.deepcopy(version) == pickle.loads(pickle.dumps(version)) == version  # noqa: S301


def test_a_value_is_matched_by_position() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)


def test_a_signature_is_that_of_the_fields() -> None:
    assert str(inspect.signature(Point)) == "(x: 'int', y: 'int' = 0)"
    assert str(inspect.signature(Version)) == "(*, major: 'int', minor: 'int' = 0)"
    assert str(inspect.signature(Count)) == "(of: 'str', number: 'int' = 0, double: 'int' = 0)"


def test_a_record_changes_and_is_only_itself() -> None:
    count = Count("tags", 2)
    assert count.double == 4
    count.number = 3
    assert repr(count) == "Count(of='tags', number=3, double=4)"
    assert count != Count("tags", 3)
    with pytest.raises(AttributeError):
        count.other = 1  # type: ignore[attr-defined]


def test_threads_that_make_the_first_one_at_once() -> None:
    @frozen
    class Fresh:
        number: int

    begun, made = Barrier(8), []

    def make(number: int) -> None:
        begun.wait()
        made.append(Fresh(number).number)

    threads = [Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == list(range(8))
