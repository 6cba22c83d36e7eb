"""Random programs of nested sections, small enough for brute force.

Each seed picks a flavour, which says which locks there are, what is done inside and outside of
their sections, and how badly: locks in any order, touched without their lock, released elsewhere,
held for ever.  Every lock guards one field and one variable (`GUARDED`); a disciplined access is
one to what a held lock guards.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.explore.section_programs import FIELDS, VARIABLES, Action, Actions, Program

GUARDED = {
    **dict.fromkeys(("a", "p", "s", "rd", "wr"), 0),
    **dict.fromkeys(("b", "q", "t", "rr", "rc", "rw"), 1),
    **dict.fromkeys(("c", "or", "ow"), 2),
}
READERS = ("rd", "rr", "rc", "or")
COSTS = {
    "down": 3,
    "poll": 2,
    "in": 2,
    "try": 2,
    "srcu": 2,
    "sleep": 3,
    "post": 2,
    "cond": 2,
    "sync": 2,
    "fork": 1,
}
FREE_OF_CHARGE = ("load", "store", "inc", "oops", "lcount")

PLAIN = ("load", "store", "inc")
ATOMIC = ("read", "write", "add", "cas")
MARKED = ("peek", "poke", "xchg")
PAIR = ((6, 6), (7, 5), (8, 4), (5, 5), (6, 4), (8, 6))
SMALL = ((5, 4), (6, 3), (4, 4), (5, 3), (3, 2, 2), (4, 2, 1), (3, 3, 1))
TRIO = ((4, 4, 2), (3, 3, 2), (4, 2, 2), (4, 4, 4), (5, 3, 2))


@dataclass(frozen=True)
class Flavour:
    """`undisciplined` is the chance that an access does not care for locks, `branching` that what
    a task sees decides what it does, `again` that a task takes a lock that it holds."""

    locks: tuple[str, ...]
    inside: tuple[str, ...]
    outside: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...] = (*PAIR, *TRIO)
    ordered: bool = True
    undisciplined: float = 0.0
    branching: float = 0.25
    again: float = 0.0
    children: int = 0
    faults: int = 0


FLAVOURS: dict[str, Flavour] = {
    "nested": Flavour(("a", "b", "c"), ("in", "in", *PLAIN), ("in",)),
    "nested_atomics": Flavour(
        ("a", "b"), ("in", *PLAIN, *ATOMIC), ("in", "in", "read", "add"), sizes=SMALL
    ),
    "cycle2": Flavour(("a", "b"), ("in", "in", "in", *PLAIN), ("in",), ordered=False),
    "cycle3": Flavour(
        *(("a", "b", "c"), ("in", "in", "in", "inc"), ("in",), ((4, 4, 4), (4, 4, 2))),
        ordered=False,
    ),
    "cycle_try": Flavour(
        ("a", "b", "c"), ("in", "try", *PLAIN), ("in", "try", "read"), ordered=False, sizes=SMALL
    ),
    "same_class": Flavour(
        ("p", "q", "a"), ("in", "in", *PLAIN, "read"), ("in",), ordered=False, again=0.05
    ),
    "trylocks": Flavour(("a", "b"), ("in", "try", *PLAIN, "read"), ("in", "try", "try", "read")),
    "try_spin": Flavour(
        ("s", "a"), ("try", *PLAIN, "add"), ("try", "try", "in", "read"), sizes=SMALL
    ),
    "hand_over": Flavour(
        ("a", "b", "c"), ("in", *PLAIN, "read"), ("in", "hand", "hand"), ordered=False
    ),
    "one_atomic": Flavour(("a",), ATOMIC, ("in", "in", *ATOMIC), undisciplined=0.7),
    "atomics": Flavour(("a", "s"), ATOMIC, ("in", "in", *ATOMIC), undisciplined=0.5, sizes=SMALL),
    "guarded_atomics": Flavour(("a", "b"), (*ATOMIC, "in"), ("in", "in", "try")),
    "marked": Flavour(("a", "b"), (*MARKED, *PLAIN), ("in", "in", *MARKED), sizes=SMALL),
    "racy": Flavour(
        ("a", "b"), (*PLAIN, "in", "read"), ("in", *PLAIN, "write"), undisciplined=0.3, sizes=SMALL
    ),
    "flags": Flavour(
        ("a",),
        (*PLAIN, "write", "read"),
        ("in", "write", "read", *PLAIN),
        branching=0.6,
        sizes=SMALL,
    ),
    "forks": Flavour(
        *(("a",), ("fork", "store"), ("fork", "fork", "try", "write", "add", "read", "in")),
        sizes=((3, 2, 1), (2, 2, 2), (3, 2, 2), (4, 2, 1), (2, 2, 1, 1)),
        undisciplined=1.0,
        branching=0.0,
    ),
    "waits": Flavour(
        ("a", "b"),
        ("in", "wait", "complete", "await", "try_wait", "write", *PLAIN),
        ("in", "in", "wait", "complete", "await", "write"),
    ),
    "conditions": Flavour(
        ("a", "b"), ("cond", "signal", "broadcast", "in", *PLAIN), ("in", "in", "signal", "read")
    ),
    "sleepers": Flavour(
        *(("a",), ("sleep", "post", "wake", *PLAIN), ("in", "sleep", "post", "wake")),
        sizes=((6, 4), (5, 3), (4, 2, 2)),
    ),
    "deaths": Flavour(
        ("a", "b"), ("oops", "check", "in", *PLAIN), ("in", "in", "try", "check", "read", "write")
    ),
    "kept": Flavour(
        ("a", "b"), ("in", "hold", "free", *PLAIN), ("in", "in", "hold", "free", "try"), again=0.1
    ),
    "counts": Flavour(
        ("a", "b"),
        ("get", "put", "get_unless", *PLAIN),
        ("in", "in", "get", "put", "get_unless", "kfree", "load"),
    ),
    "lives": Flavour(("a", "b"), ("kfree", "in", *PLAIN), ("in", "in", "kfree", "read")),
    "faults": Flavour(
        ("a", "b"),
        ("kmalloc", "in", *PLAIN),
        ("in", "in", "kmalloc", "read"),
        faults=1,
        sizes=SMALL,
    ),
    "spawns": Flavour(
        *(("a", "b"), ("spawn", "join", "in", *PLAIN, "read"), ("in", "spawn", "ended", "join")),
        sizes=((4, 4), (5, 3), (3, 3)),
        children=2,
    ),
    "rwsems": Flavour(("rd", "wr", "a"), ("in", *PLAIN, "read"), ("in", "in", "try"), sizes=SMALL),
    "rwsem_cycles": Flavour(
        *(("rd", "wr", "a"), ("in", "in", *PLAIN), ("in",), (*PAIR, (4, 2, 2), (3, 3, 2))),
        ordered=False,
    ),
    "readers_write": Flavour(
        *(("rd", "or", "rc"), (*ATOMIC, "in"), ("in", "in", "in", "write", "read")),
        sizes=((5, 4), (4, 4), (4, 2, 2), (4, 3, 1)),
    ),
    "recursive_readers": Flavour(
        *(("rd", "wr", "rr", "rw", "rc"), ("in", "in", "read"), ("in", "in", "in", "write")),
        sizes=((4, 2, 2), (4, 4), (4, 2), (4, 2, 1)),
        ordered=False,
        again=0.5,
    ),
    "await_inside": Flavour(
        *(("a", "b"), ("write", "write", "add", "complete", "try_wait", "post", "in")),
        *(("in", "in", "await", "wait", "sleep"),),
        sizes=((5, 3), (6, 2), (4, 2, 2), (4, 4, 1)),
    ),
    "polls": Flavour(
        *(("rd", "wr", "a"), ("in", *PLAIN, "read"), ("in", "in", "poll", "down", "write")),
        sizes=SMALL,
    ),
    "lockrefs": Flavour(
        *(("s", "a"), ("lget", "lput", "ldead", "lcount", *PLAIN)),
        *(("in", "in", "lget", "lput", "in", "write"), SMALL),
    ),
    "works": Flavour(
        *(("a", "b"), ("queue", "flush", "call", *PLAIN, "in")),
        *(("in", "in", "queue", "flush", "read"), ((3, 2), (4, 2), (3, 3), (2, 2, 1))),
    ),
    "rwlocks": Flavour(("rr", "rw", "s"), ("in", *PLAIN, "read"), ("in", "in", "try")),
    "open_rwlocks": Flavour(
        ("or", "ow", "a"), ("in", *PLAIN, "read"), ("in", "in", "try"), ordered=False
    ),
    "spins": Flavour(("s", "t"), ("in", *PLAIN, "read"), ("in", "in", "try", "add"), ordered=False),
    "mixed": Flavour(
        ("s", "a", "wr"), ("in", *PLAIN, *MARKED), ("in", "in", "try"), ordered=False, sizes=SMALL
    ),
    "handmade": Flavour(
        ("a",),
        ("cas", "write", "await", "in", *PLAIN),
        ("cas", "await", "write", "in"),
        sizes=SMALL,
    ),
    "srcu": Flavour(
        ("a", "b"), ("srcu", "in", *PLAIN), ("srcu", "in", "in", "sync", "peek"), sizes=SMALL
    ),
    "all": Flavour(
        ("a", "b", "s", "rd", "wr", "p", "q"),
        (
            *("in", "in", "try", *PLAIN, *ATOMIC, *MARKED, "oops", "check", "wait", "complete"),
            *("await", "get", "put", "kmalloc", "spawn", "join", "hold", "free", "cond", "srcu"),
        ),
        (
            *("in", "in", "in", "try", "hand", *ATOMIC, *MARKED, "check", "wait", "complete"),
            *("await", "get", "put", "kfree", "kmalloc", "spawn", "join", "signal", "sync"),
        ),
        ordered=False,
        undisciplined=0.1,
        again=0.02,
        children=1,
        faults=1,
        sizes=SMALL,
    ),
}


def flavour_of(seed: int) -> str:
    """The flavour of the program of this number."""
    return sorted(FLAVOURS)[seed % len(FLAVOURS)]


def random_program(seed: int) -> Program:
    """The program of this number."""
    random = Random(seed)
    flavour = FLAVOURS[flavour_of(seed)]
    sizes = list(random.choice(flavour.sizes))
    spawners = [random.randrange(len(sizes)) for _ in range(flavour.children)]
    tasks = []
    for number, size in enumerate(sizes):
        mine = [child for child, spawner in enumerate(spawners) if spawner == number]
        tasks.append(_Maker(random, flavour, mine).actions(size, ()))
    children = [_Maker(random, flavour, []).actions(2, ()) for _ in spawners]
    return Program(tuple(tasks), tuple(children), random.choice((1, 2)), flavour.faults)


class _Maker:
    """Makes up what one task does.  Only it spawns and joins `children`."""

    def __init__(self, random: Random, flavour: Flavour, children: list[int]) -> None:
        self.random = random
        self.flavour = flavour
        self.children = children
        self.unborn = list(children)

    def actions(self, budget: int, held: tuple[str, ...]) -> Actions:
        """At most `budget` operations, while `held` are held."""
        random = self.random
        made: Actions = []
        kinds = self.flavour.inside if held else self.flavour.outside
        while budget > 0 or (held and random.random() < 0.3):
            kind = random.choice(kinds)
            if kind == "hand":
                if budget >= 4:
                    made.extend(self._hand_over())
                    budget -= 4
                    continue
                kind = "in"
            cost = 0 if kind in FREE_OF_CHARGE else COSTS.get(kind, 1)
            if cost > budget:
                if budget <= 0:
                    break
                kind, cost = random.choice([("read", 1), ("write", 1)])
            action = self._action(kind, budget - cost, held)
            if action is None:
                made.extend(self._plain(held))
                budget -= 1
                made.append(("pause",))
                continue
            made.append(action)
            budget -= cost + _inner_cost(action)
        return self._branched(made)

    def _branched(self, made: Actions) -> Actions:
        """What is seen may decide what follows."""
        if len(made) < 2 or self.random.random() >= self.flavour.branching:
            return made
        for at, action in enumerate(made[:-1]):
            if action[0] in ("load", "read", "peek", "cas", "try_wait", "get_unless"):
                value = self.random.randint(0, 1)
                return [*made[:at], ("if", action, value, made[at + 1 :])]
        return made

    def _hand_over(self) -> Actions:
        """Two locks that overlap without nesting: lock, lock, unlock, unlock in the same order."""
        one, two = self.random.sample(self.flavour.locks, 2)
        return [
            ("hold", one),
            *self._plain((one,)),
            ("hold", two),
            *self._plain((one, two)),
            ("free", one),
            *self._plain((two,)),
            ("free", two),
        ]

    def _plain(self, held: tuple[str, ...]) -> Actions:
        if not held or self.random.random() < 0.4:
            return []
        action = self._action(self.random.choice(PLAIN), 0, held)
        return [action] if action is not None else []

    def _action(self, kind: str, left: int, held: tuple[str, ...]) -> Action | None:
        """One action with at most `left` operations inside; None if there is no sensible one."""
        random = self.random
        if kind in ("in", "try"):
            return self._section(kind, left, held)
        if kind in ("srcu", "down", "poll"):
            lock = "srcu" if kind == "srcu" else "wr"
            return (kind, self.actions(random.randint(0, left), (*held, lock)))
        if kind in ("hold", "free"):
            return (kind, random.choice(self.flavour.locks))
        if kind in PLAIN:
            name = self._name(FIELDS, held)
            if name is None:
                return None
            if any(lock in READERS for lock in held):
                kind = "load"
            return (kind, name, random.randint(1, 2)) if kind == "store" else (kind, name)
        if kind in ("spawn", "join", "ended"):
            return self._family(kind)
        if kind == "lcount" and "s" not in held:
            return None  # what it reads belongs to that lock
        if kind == "fork":
            return self._fork(held)
        return self._marked(kind, held)

    def _section(self, kind: str, left: int, held: tuple[str, ...]) -> Action | None:
        locks = [lock for lock in self.flavour.locks if not _clash(lock, held)]
        if self.flavour.ordered and held:
            order = self.flavour.locks
            last = max((order.index(lock) for lock in held if lock in order), default=-1)
            locks = [lock for lock in locks if order.index(lock) > last]
        if self.random.random() < self.flavour.again:
            locks = list(self.flavour.locks)
        if not locks:
            return None
        lock = self.random.choice(locks)
        inside = self.random.randint(0, left) if held else left - self.random.randint(0, left // 2)
        return (kind, lock, self.actions(inside, (*held, lock)))

    def _fork(self, held: tuple[str, ...]) -> Action | None:
        """A test, and one access that depends on it."""
        random = self.random
        test = self._action(random.choice(("read", "cas", "add", "peek")), 0, held)
        then = self._action(random.choice(("store", "store", "load", "write")), 0, held)
        return ("if", test, random.randint(0, 1), [then])

    def _family(self, kind: str) -> Action | None:
        if kind == "spawn" and self.unborn:
            return ("spawn", self.unborn.pop(0))
        if kind != "spawn" and self.children:
            return (kind, self.random.choice(self.children))
        return None

    def _name(self, names: tuple[str, ...], held: tuple[str, ...]) -> str | None:
        """A thing that a held lock guards; any, if undisciplined."""
        if self.random.random() < self.flavour.undisciplined:
            return self.random.choice(names)
        guards = [lock for lock in held if lock in GUARDED]
        return names[GUARDED[self.random.choice(guards)]] if guards else None

    def _marked(self, kind: str, held: tuple[str, ...]) -> Action | None:
        random = self.random
        variable = self._name(VARIABLES, held) or random.choice(VARIABLES)
        field = self._name(FIELDS, held) or random.choice(FIELDS)
        value = random.randint(1, 2)
        table: dict[str, Action] = {
            "read": (kind, variable),
            "write": (kind, variable, value),
            "add": (kind, variable),
            "cas": (kind, variable, random.randint(0, 1), value),
            "await": (kind, variable, random.choice(("==", "!=")), random.randint(0, 1)),
            "peek": (kind, field),
            "poke": (kind, field, value),
            "xchg": (kind, field, value),
            "check": (kind, ("read", variable), random.randint(0, 1)),
            "sleep": (kind, variable),
            "post": (kind, variable),
        }
        return table.get(kind, (kind,))


def _clash(lock: str, held: tuple[str, ...]) -> bool:
    """Is the lock, or the other side of it, held?"""
    for read, recursive, write in (("rd", "", "wr"), ("rr", "rc", "rw"), ("or", "", "ow")):
        sides = (read, recursive, write)
        if lock in sides and any(side in held for side in sides):
            return True
    return lock in held


def _inner_cost(action: Action) -> int:
    """The operations inside an action."""
    if not isinstance(action[-1], list):
        return 0
    total = 0
    for inner in action[-1]:
        test = inner[1] if inner[0] == "if" else inner
        total += 0 if test[0] in FREE_OF_CHARGE else COSTS.get(test[0], 1)
        total += _inner_cost(inner)
    return total
