"""Classes of named fields: frozen values that are compared by what they hold, and records that change.

What `dataclasses` does, at a twentieth of its cost for a class and without its imports: methods are shared by all classes, and
only `__init__` is compiled, where many objects are made. A command line defines dozens of classes at its start and uses a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar, dataclass_transform, overload

if TYPE_CHECKING:
    from inspect import Signature

T = TypeVar("T")

_MISSING: Final[Any] = object()

# As many objects are made without an `__init__` of their own in the time that it takes to compile one.
FIRST_OBJECTS: Final = 24


class Field:
    """How a field is given, shown and compared."""

    __slots__ = ("compare", "default", "default_factory", "hash", "kw_only", "repr")

    def __init__(
        self,
        default: Any = _MISSING,
        default_factory: Callable[[], Any] | None = None,
        *,
        repr: bool = True,
        hash: bool = True,
        compare: bool = True,
    ) -> None:
        self.default = default
        self.default_factory = default_factory
        self.repr = repr
        self.hash = hash and compare
        self.compare = compare
        self.kw_only = False


def field(**how: Any) -> Any:
    """A field that is not as others, by the parameters of `Field`: its default is made anew each time, or it is not shown,
    hashed or compared. To who checks types it is whatever the class says.
    """
    return Field(**how)


@overload
def frozen(cls: type[T], /) -> type[T]: ...


@overload
def frozen(*, order: bool = False, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T] | None = None, /, *, order: bool = False, kw_only: bool = False) -> Any:
    """Make a class of values from its annotations; `order` and `kw_only` are as in `dataclasses.dataclass`.

    The class is made anew, with slots for its fields and what its `__slots__` says: `super()` without arguments does not work
    in its methods.
    """
    methods = {**_SHARED, **_FROZEN, **(_ORDER if order else {})}
    return _making(cls, methods, kw_only=kw_only)


@overload
def record(cls: type[T], /) -> type[T]: ...


@overload
def record(*, kw_only: bool = False) -> Callable[[type[T]], type[T]]: ...


@dataclass_transform(eq_default=False, field_specifiers=(field,))
def record(cls: type[T] | None = None, /, *, kw_only: bool = False) -> Any:
    """Make a class whose fields may be set: each object is itself and no other."""
    return _making(cls, _SHARED, kw_only=kw_only)


def fields(kind: type[Any]) -> Mapping[str, Field]:
    """The fields of a class of values by name, those of its bases first."""
    found: Mapping[str, Field] = kind.__fields__
    return found


def as_dict(value: Any) -> dict[str, Any]:
    """What a value holds, by name; values that it holds stay values."""
    return {name: getattr(value, name) for name in fields(type(value))}


def replace(value: T, /, **changes: Any) -> T:
    """A value like this one but for the fields that are named. Raises TypeError for a field that there is not."""
    return type(value)(**(as_dict(value) | changes))


def _making(cls: type[Any] | None, methods: Mapping[str, Any], *, kw_only: bool) -> Any:
    """The class, or where only options were given what makes it."""
    if cls is None:
        return lambda written: _made(written, methods, kw_only=kw_only)
    return _made(cls, methods, kw_only=kw_only)


def _made(cls: type[Any], methods: Mapping[str, Any], *, kw_only: bool) -> Any:
    namespace = dict(cls.__dict__)
    own = {name: _field(namespace.pop(name, _MISSING), kw_only=kw_only) for name in cls.__annotations__}
    every = {
        name: each for base in reversed(cls.__mro__[1:]) for name, each in base.__dict__.get("__fields__", {}).items()
    }
    every.update(own)
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    if "__eq__" in namespace and namespace["__hash__"] is None:  # Python's doing: only `__eq__` is written there
        del namespace["__hash__"]
    given = {
        "__slots__": (*own, *namespace.get("__slots__", ())),
        "__fields__": every,
        "__match_args__": tuple(name for name, each in every.items() if not each.kw_only),
        "__signature__": _SIGNATURE,
        "_compared": _getter(name for name, each in every.items() if each.compare),
        "_hashed": _getter(name for name, each in every.items() if each.hash),
    }
    metaclass: Any = type(cls)
    made = metaclass(cls.__name__, cls.__bases__, {**methods, **namespace, **given})
    if "__init__" not in namespace:
        made.__init__ = _at_first(made)
    return made


def _field(default: Any, *, kw_only: bool) -> Field:
    made = default if isinstance(default, Field) else Field(default)
    made.kw_only = kw_only
    return made


def _getter(names: Iterable[str]) -> attrgetter[Any]:
    return attrgetter(*(tuple(names) or ("__class__",)))


def _at_first(cls: Any) -> Callable[..., None]:
    """An `__init__` that puts the compiled one in its place; that threads may do so at once does no harm."""
    left = [FIRST_OBJECTS]

    def initial(self: Any, *args: Any, **kwargs: Any) -> None:
        left[0] -= 1
        if left[0] < 0 or not _is_filled(self, args, kwargs):
            cls.__init__ = compiled = _compiled(cls)
            compiled(self, *args, **kwargs)

    return initial


def _is_filled(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Set the fields of an object; False where what is given does not fit, for which the compiled `__init__` has the words."""
    cls = type(self)
    given = dict(zip(cls.__match_args__, args, strict=False))
    if len(args) > len(given) or not given.keys().isdisjoint(kwargs):
        return False
    given.update(kwargs)
    for name, each in fields(cls).items():
        value = given.pop(name, _MISSING)
        if value is _MISSING:
            value = each.default_factory() if each.default_factory else each.default
        if value is _MISSING:
            return False
        getattr(cls, name).__set__(self, value)
    if given:
        return False
    if hasattr(cls, "__post_init__"):
        self.__post_init__()
    return True


def _compiled(cls: Any) -> Callable[..., None]:
    scope: dict[str, Any] = {}
    words = {False: ["self"], True: ["*"]}
    lines = []
    for name, each in fields(cls).items():
        scope[f"set_{name}"] = getattr(cls, name).__set__
        scope[f"default_{name}"] = each.default_factory or each.default
        has_default = each.default_factory is not None or each.default is not _MISSING
        words[each.kw_only].append(f"{name}=default_{name}" if has_default else name)
        made = f"default_{name}() if {name} is default_{name} else {name}" if each.default_factory else name
        lines.append(f" set_{name}(self, {made})")
    if hasattr(cls, "__post_init__"):
        lines.append(" self.__post_init__()")
    parameters = words[False] + (words[True] if len(words[True]) > 1 else [])
    # The names are Python's own identifiers: they come from annotations in source.
    exec(f"def __init__({', '.join(parameters)}):\n" + ("\n".join(lines) or " pass"), scope)  # noqa: S102
    compiled: Any = scope["__init__"]
    compiled.__qualname__ = f"{cls.__qualname__}.__init__"
    compiled.__module__ = cls.__module__
    return compiled  # type: ignore[no-any-return]


class _Signature:
    """The parameters of a class of values, for who asks by `inspect.signature`: documentation, editors."""

    def __get__(self, _: object, owner: type[Any]) -> Signature:
        from inspect import Parameter, Signature, get_annotations

        kinds = {False: Parameter.POSITIONAL_OR_KEYWORD, True: Parameter.KEYWORD_ONLY}
        types: dict[str, Any] = {}
        for base in reversed(owner.__mro__):
            types |= get_annotations(base)
        return Signature(
            [
                Parameter(name, kinds[each.kw_only], default=_shown_default(each), annotation=types[name])
                for name, each in fields(owner).items()
            ]
        )


def _shown_default(each: Field) -> Any:
    from inspect import Parameter

    if each.default_factory is not None:
        return each.default_factory()
    return Parameter.empty if each.default is _MISSING else each.default


def _repr(self: Any) -> str:
    shown = (f"{name}={getattr(self, name)!r}" for name, each in fields(type(self)).items() if each.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _eq(self: Any, other: object) -> Any:
    return self._compared(self) == other._compared(other) if type(other) is type(self) else NotImplemented  # type: ignore[attr-defined]


def _hash(self: Any) -> int:
    return hash(self._hashed(self))


def _unchanged(self: Any, name: str, *_: object) -> NoReturn:
    raise AttributeError(f"{type(self).__qualname__} is a value: its {name} cannot be changed")


def _reduced(self: Any) -> tuple[Any, ...]:
    return _restored, (type(self), as_dict(self))


def _restored(kind: type[Any], held: dict[str, Any]) -> Any:
    return kind(**held)


def _compares(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Any]:
    def compares(self: Any, other: Any) -> Any:
        return compare(self._compared(self), other._compared(other)) if type(other) is type(self) else NotImplemented

    return compares


_SIGNATURE: Final = _Signature()
_SHARED: Final[dict[str, Any]] = {"__repr__": _repr}
_FROZEN: Final[dict[str, Any]] = {
    "__eq__": _eq,
    "__hash__": _hash,
    "__setattr__": _unchanged,
    "__delattr__": _unchanged,
    "__reduce__": _reduced,
    "__replace__": replace,
}
_ORDER: Final[dict[str, Any]] = {
    "__lt__": _compares(lt),
    "__le__": _compares(le),
    "__gt__": _compares(gt),
    "__ge__": _compares(ge),
}
