"""From an object to all that it leads to, as one text.

`Walk` goes through the graph of objects and writes each down with its type and the number of parts
that follow, so that the text can be read in one way only.  What a thing holds depends on its type:
`PARTS` for the types of Python itself, `FAMILIES` for those that others derive from them, and
`Walk.instance` for objects of classes written in Python.  What none of them knows is `Opaque`.
"""

from __future__ import annotations

import gc
import sys
import types
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from enum import Enum
from functools import cache, partial

from lockwright.core.location import Location, Names, TaskName, Value
from lockwright.core.operation import Operation
from lockwright.core.task import Task
from lockwright.core.world import World


class Opaque(Exception):
    """Part of the state cannot be captured; says of which task, and what it is."""


class Address(int):
    """A fake kernel address, of which only the order counts."""


NATIVE = "__mypyc_attrs__"
"""Where a class that mypyc compiled names its attributes; it is larger than they are."""
BASES = (list, tuple, dict, object)
OF_OBJECT = ("world", "number", "reading", "writing", "_codes", "trail")
OF_CLASS = (
    *("__dict__", "__weakref__", "__doc__", "__module__", "__annotations__", "__orig_bases__"),
    *("__parameters__", "__static_attributes__", "__firstlineno__", "__slotnames__", "_abc_impl"),
)

ATOMS = (type(None), bool, int, str, bytes, float, complex, type(Ellipsis), type(NotImplemented))
NAMED = (
    *(types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType),
    *(types.MemberDescriptorType, types.ClassMethodDescriptorType),
)


async def _nothing() -> None:
    pass


def _wrapper() -> type:
    coro = _nothing()
    kind = type(coro.__await__())
    coro.close()
    return kind


_LIST: list[Value] = []
_DICT: dict[Value, Value] = {}
ITERATED: tuple[Iterable[Value], ...] = (
    *(_LIST, (), range(0), range(1 << 70, 1 << 71), "e", "é", b"", bytearray()),
    *(reversed(_LIST), reversed(()), enumerate(_LIST), zip(), map(str, _LIST), filter(None, _LIST)),
)
ITERATORS: tuple[type, ...] = tuple(type(iter(each)) for each in ITERATED)
VIEWS: tuple[type, ...] = (type(_DICT.keys()), type(_DICT.values()), type(_DICT.items()))
DICT_ITERATORS: tuple[type, ...] = (
    *(type(iter(_DICT.keys())), type(iter(_DICT.values())), type(iter(_DICT.items()))),
)

Parts = tuple[str, Iterable[object]]
"""A tag, and what it holds, in order."""


@cache
def slots_of(kind: type) -> tuple[str, ...] | None:
    """The slots of a class; None if its objects have state that Python cannot see.

    The test is that of object.__reduce_ex__(): an object must not be larger than what its slots,
    its dictionary and its weak references take.
    """
    base = next(each for each in kind.__mro__ if each in BASES or NATIVE in each.__dict__)
    names: list[str] = []
    own = 0
    for cls in reversed(kind.__mro__):
        names.extend(cls.__dict__.get(NATIVE, ()))
        before = len(names)
        declared = cls.__dict__.get("__slots__", ())
        for name in (declared,) if isinstance(declared, str) else declared:
            private = name.startswith("__") and not name.endswith("__")
            names.append(f"_{cls.__name__.lstrip('_')}{name}" if private else name)
        own += (len(names) - before) * (not issubclass(base, cls))
    words = own + (kind.__weakrefoffset__ > 0 and not base.__weakrefoffset__)
    words += kind.__dictoffset__ > 0 or bool(kind.__itemsize__ and kind.__dictoffset__)
    larger = kind.__basicsize__ > base.__basicsize__ + 8 * words
    if larger or kind.__itemsize__ != base.__itemsize__:
        return None
    return tuple(name for name in dict.fromkeys(names) if name not in OF_CLASS)


def _found(kind: type) -> bool:
    """Is the class what its name leads to?  Then it is the same one in every execution."""
    at: object = sys.modules.get(kind.__module__)
    for name in kind.__qualname__.split("."):
        at = getattr(at, name, None)
    return at is kind


class Walk:
    """One snapshot on its way.

    Identity tells things apart here; nothing is ordered by it.  `alive` keeps what was met, so
    that no identity is used twice.  `pending` has the operations that tasks wait in.
    """

    def __init__(self, code: Callable[[types.CodeType], int]) -> None:
        self.code = code
        self.out: list[str] = []
        self.seen: dict[int, int] = {}
        self.alive: list[object] = []
        self.locations: dict[int, Location] = {}
        self.addresses: list[tuple[int, int]] = []
        self.who = ""
        self.pending: list[Operation | None] = []

    def down(self, parts: Parts) -> None:
        """Write down something and all that it leads to."""
        out = self.out
        stack = [iter(self._opened(parts))]
        while stack:
            for thing in stack[-1]:
                kind = type(thing)
                if kind in ATOMS:
                    out.append(repr(thing))
                    continue
                if kind is not tuple:
                    key = id(thing)
                    number = self.seen.get(key)
                    if number is not None:
                        out.append(f"@{number}")
                        continue
                    self.seen[key] = len(self.seen)
                self.alive.append(thing)
                stack.append(iter(self._opened(self._parts(thing))))
                break
            else:
                stack.pop()

    def _opened(self, parts: Parts) -> Iterable[object]:
        tag, held = parts
        things = tuple(held)
        self.out.append(f"@{tag} {len(things)}")
        return things

    def finish(self) -> str:
        """The whole text, addresses replaced by their order."""
        order = {address: nth for nth, address in enumerate(sorted({a for _, a in self.addresses}))}
        for place, address in self.addresses:
            self.out[place] = f"@address {order[address]}"
        return "\n".join(self.out)

    def opaque(self, thing: object, why: str = "") -> Opaque:
        """The refusal, for the part that is being walked."""
        name = f"{type(thing).__module__}.{type(thing).__qualname__}".removeprefix("builtins.")
        return Opaque(f"{self.who} cannot be captured: it leads to a {name}{why and ', ' + why}")

    def _parts(self, thing: object) -> Parts:
        parts = PARTS.get(type(thing))
        if parts is not None:
            return parts(self, thing)
        for kind, parts in FAMILIES:
            if isinstance(thing, kind):
                return parts(self, thing)
        return self.instance(thing)

    # What a thing holds, by its type

    def instance(self, thing: Value) -> Parts:
        """An object of a class that was written in Python."""
        kind = type(thing)
        slots = slots_of(kind)  # type: ignore[arg-type]  # mypy: classes have no hash
        if slots is None:
            raise self.opaque(thing)
        instead: dict[str, Value] = {}
        if isinstance(thing, Location):
            self.locations[thing.number] = thing
            lasting = getattr(thing, "lasting", None)
            if lasting is not None:
                instead = lasting()
        elif isinstance(thing, Operation) and thing.after:
            # a flag that is set stays set, and holds nothing up
            instead["after"] = tuple(flag for flag in thing.after if not flag.value)
        values: list[object] = [kind]
        for name in slots:
            if name in instead:
                values.append(instead[name])
            elif name == "address" and "world" in slots:
                values.append(Address(thing.address))
            elif name not in OF_OBJECT:
                values.append(getattr(thing, name, UNSET))
        own = getattr(thing, "__dict__", None)
        if own:
            values.append(own)
        return "object", values

    def address(self, thing: Value) -> Parts:
        """Only its place among all of them, which is known at the end."""
        self.addresses.append((len(self.out), int(thing)))
        return "address", ()

    def kind(self, thing: Value) -> Parts:
        """A class: its name, if that leads to it; one that a function made may hold variables."""
        tag = f"class {thing.__module__}.{thing.__qualname__}"
        if _found(thing):
            return tag, ()
        own = {key: value for key, value in vars(thing).items() if key not in OF_CLASS}
        return tag, (*thing.__bases__, own)

    def function(self, thing: Value) -> Parts:
        """A function with the variables that it holds."""
        held = (thing.__closure__, thing.__defaults__, thing.__kwdefaults__, thing.__dict__)
        return f"function {thing.__module__} {self.code(thing.__code__)}", held

    def cell(self, thing: Value) -> Parts:
        """A variable that functions share."""
        try:
            return "cell", (thing.cell_contents,)
        except ValueError:
            return "empty cell", ()

    def builtin(self, thing: Value) -> Parts:
        """A function or method that is not written in Python."""
        owner = getattr(thing, "__self__", None)
        return f"builtin {thing.__qualname__}", (owner,)

    def named(self, thing: Value) -> Parts:
        """What is all said with its name."""
        return f"named {thing.__qualname__}", (thing.__objclass__,)

    def coroutine(self, thing: Value) -> Parts:
        """A coroutine or generator: where it stands, variables, stack, what it awaits."""
        frame = getattr(thing, "cr_frame", None) or getattr(thing, "gi_frame", None)
        if frame is None:
            return "finished", ()
        variables = frame.f_locals
        held: list[object] = [
            ref
            for ref in gc.get_referents(thing)
            if ref is not frame and ref is not variables and type(ref) is not types.CodeType
        ]
        # last comes the exception that is being handled: none at all and None mean the same; how
        # many there are before it is known, so that no None of theirs is missed
        while held and held[-1] is None:
            held.pop()
        # the names tell which variables have a value; those that have none leave no gap
        module = frame.f_globals.get("__name__", "")
        where = f"{module} {self.code(frame.f_code)} {frame.f_lasti}"
        return f"coroutine {where} {','.join(sorted(variables))}", held

    def wrapper(self, thing: Value) -> Parts:
        """What `coroutine.__await__()` gives."""
        return "await", gc.get_referents(thing)

    def awaiting(self, thing: Value) -> Parts:
        """`Operation.__await__` compiled: it has one place to wait in, if somebody waits in it."""
        ops = [each for each in gc.get_referents(thing) if isinstance(each, Operation)]
        if len(ops) != 1 or not any(ops[0] is each for each in self.pending):
            raise self.opaque(thing)
        return "await", ops

    def iterator(self, thing: Value) -> Parts:
        """An iterator over something that lasts: what, and how far."""
        made, held, *state = thing.__reduce__()
        return f"iterator {getattr(made, '__name__', '')}", (*held, *state)

    def dict_iterator(self, thing: Value) -> Parts:
        """An iterator over a dictionary: the dictionary, and what is left."""
        return "dict iterator", (*gc.get_referents(thing), *thing.__reduce__()[1])

    def unordered(self, thing: Value) -> Parts:
        """A set; of what has an order of its own only."""
        items = [(type(item).__name__, repr(item)) for item in thing if type(item) in ATOMS]
        if len(items) < len(thing):
            raise self.opaque(thing, "whose order is that of addresses")
        return type(thing).__name__, sorted(items)

    def items(self, thing: Value) -> Parts:
        """A dictionary, in its order."""
        return "dict", (each for pair in thing.items() for each in pair)

    def view(self, thing: Value) -> Parts:
        """The keys, values or items of a dictionary."""
        return type(thing).__name__, (thing.mapping,)

    def sequence(self, thing: Value) -> Parts:
        """A list and its like."""
        return type(thing).__name__, thing

    def container(self, thing: Value) -> Parts:
        """A container of a class of one's own: its attributes, and its items."""
        _, values = self.instance(thing)
        items = thing.items() if isinstance(thing, dict) else thing
        return "container", (tuple(values), *items)

    def error(self, thing: Value) -> Parts:
        """An exception, without the traceback."""
        return "exception", (type(thing), thing.args, thing.__dict__)


class Unset:
    """Stands for an attribute that has no value."""


UNSET = Unset

PARTS: dict[type, Callable[[Walk, Value], Parts]] = {
    World: lambda walk, thing: ("world", ()),
    Task: lambda walk, thing: (f"task {thing.index}", ()),
    Names: lambda walk, thing: ("names", ()),
    TaskName: lambda walk, thing: (f"name {thing.number}", ()),
    Address: Walk.address,
    types.ModuleType: lambda walk, thing: (f"module {thing.__name__}", ()),
    types.FunctionType: Walk.function,
    types.CellType: Walk.cell,
    types.MethodType: lambda walk, thing: ("method", (thing.__func__, thing.__self__)),
    types.BuiltinFunctionType: Walk.builtin,
    types.MethodWrapperType: Walk.builtin,
    types.CoroutineType: Walk.coroutine,
    type(Operation().__await__()): Walk.awaiting,
    types.GeneratorType: Walk.coroutine,
    _wrapper(): Walk.wrapper,
    types.MappingProxyType: Walk.items,
    partial: lambda walk, thing: ("partial", (thing.func, thing.args, thing.keywords)),
    range: lambda walk, thing: (repr(thing), ()),
    slice: lambda walk, thing: ("slice", (thing.start, thing.stop, thing.step)),
    bytearray: lambda walk, thing: (repr(thing), ()),
    tuple: Walk.sequence,
    list: Walk.sequence,
    deque: lambda walk, thing: (f"deque {thing.maxlen}", thing),
    dict: Walk.items,
    defaultdict: lambda walk, thing: ("defaultdict", (thing.default_factory, dict(thing))),
    OrderedDict: Walk.items,
    set: Walk.unordered,
    frozenset: Walk.unordered,
    staticmethod: lambda walk, thing: ("staticmethod", (thing.__func__,)),
    classmethod: lambda walk, thing: ("classmethod", (thing.__func__,)),
    property: lambda walk, thing: ("property", (thing.fget, thing.fset, thing.fdel)),
    **dict.fromkeys(NAMED, Walk.named),
    **dict.fromkeys(ITERATORS, Walk.iterator),
    **dict.fromkeys(DICT_ITERATORS, Walk.dict_iterator),
    **dict.fromkeys(VIEWS, Walk.view),
}

FAMILIES: tuple[tuple[type, Callable[[Walk, Value], Parts]], ...] = (
    (type, Walk.kind),
    (World, PARTS[World]),
    (Enum, lambda walk, thing: (f"enum {thing.name}", (type(thing),))),
    (list, Walk.container),
    (tuple, Walk.container),
    (dict, Walk.container),
    (BaseException, Walk.error),
)
