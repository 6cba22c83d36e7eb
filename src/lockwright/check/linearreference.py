"""A reference made of an ordinary class: what an object does when nobody else is about.

    class Table:
        def __init__(self) -> None:
            self.held: dict[str, int] = {}

        def insert(self, key: str, value: int) -> bool:
            new = key not in self.held
            self.held.setdefault(key, value)
            return new

    reference = reference_of(Table)

Each call is a method.  The search goes back and forth, so a method works on a copy; states that
hold the same are one, however they came about.  A class may have the static methods `partition`
and `order`, as `Reference` says.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import NamedTuple

from lockwright.core.errors import UsageError
from lockwright.core.history import Reference
from lockwright.core.location import Value
from lockwright.core.native import slots_in

Key = Callable[[Value], Hashable]
"""What tells the states of an object apart."""


class AnyOf(NamedTuple):
    """What a method gives that may give one or another: `return AnyOf((0, -EBUSY))`."""

    results: tuple[Value, ...]


def reference_of(kind: Callable[[], object], key: Key | None = None) -> Reference:
    """A reference whose states are objects of a class, and whose calls are their methods.

    `key` tells states apart, and is called with an object; two with the same key must do the same
    from there on.  Without it that is all their attributes hold, the order of a dictionary too.
    """
    return _OfClass(kind, key or frozen)


def object_of(state: Value) -> Value:
    """The object that a state of such a reference is, to be looked at and not changed; a state of
    another reference as it is."""
    return state.held if isinstance(state, _State) else state


class _State:
    """An object that nobody changes any more."""

    __slots__ = ("held", "key")

    def __init__(self, held: object, key: Hashable) -> None:
        self.held = held
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _State) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


class _OfClass:
    """Runs the methods of copies."""

    def __init__(self, kind: Callable[[], object], key: Key) -> None:
        self.kind = kind
        self.key = key
        if hasattr(kind, "partition"):
            self.partition = kind.partition
        if hasattr(kind, "order"):
            self.order = kind.order

    @property
    def name(self) -> str:
        return getattr(self.kind, "__name__", "") or type(self.kind).__name__

    def initial(self) -> _State:
        held = self.kind()
        return _State(held, self.key(held))

    def check(self, calls: Iterable[str]) -> None:
        """Raise UsageError for a call that is no method."""
        held = self.kind()
        for call in calls:
            self._method(held, call)

    def apply(
        self, state: _State, call: str, arguments: tuple[Value, ...]
    ) -> Iterator[tuple[Value, _State]]:
        held = deepcopy(state.held)
        result = self._method(held, call)(*arguments)
        after = _State(held, self.key(held))
        for one in result.results if isinstance(result, AnyOf) else (result,):
            yield one, after

    def _method(self, held: object, call: str) -> Callable[..., Value]:
        method: Callable[..., Value] | None = getattr(held, call, None)
        if call.startswith("_") or not callable(method):
            known = [name for name in dir(held) if not name.startswith("_")]
            methods = [name for name in known if callable(getattr(held, name))]
            raise UsageError(
                f"the reference {self.name} has no method {call!r}; it has: "
                f"{', '.join(methods) or 'none'}"
            )
        return method


def frozen(value: object) -> Hashable:
    """All that an object holds, as something that can be compared.

    Raises UsageError for what holds itself.
    """
    return _frozen(value, ())


def _frozen(value: Value, above: tuple[Value, ...]) -> Hashable:
    if value is None or isinstance(value, bool | int | str | bytes | float):
        return value
    if any(value is other for other in above):
        raise UsageError(
            f"a {type(value).__name__} of the reference holds itself: say what tells its states "
            "apart, reference_of(..., key=...)"
        )
    above = (*above, value)
    kind = type(value)
    if isinstance(value, Mapping):
        return kind, tuple((_frozen(k, above), _frozen(v, above)) for k, v in value.items())
    if isinstance(value, set | frozenset):
        return kind, frozenset(_frozen(item, above) for item in value)
    if isinstance(value, Iterable) and not isinstance(value, Iterator):
        return kind, tuple(_frozen(item, above) for item in value)
    attributes = getattr(value, "__dict__", None)
    names = [name for cls in kind.__mro__ for name in _names(slots_in(cls))]
    if attributes is None and not names:
        return _itself(value)
    held = [(name, getattr(value, name, None)) for name in names if not name.startswith("__")]
    held += list((attributes or {}).items())
    return kind, tuple((name, _frozen(part, above)) for name, part in held)


def _names(slots: str | tuple[str, ...]) -> tuple[str, ...]:
    return (slots,) if isinstance(slots, str) else tuple(slots)


def _itself(value: Value) -> Hashable:
    """What has no parts: a function, an enum's member, a class."""
    try:
        hash(value)
    except TypeError:
        raise UsageError(
            f"a {type(value).__name__} of the reference cannot be compared: say what tells its "
            "states apart, reference_of(..., key=...)"
        ) from None
    return (value,)
