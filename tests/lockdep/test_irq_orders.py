"""Random tasks with interrupts: the validator against a reference that looks at all there is.

The reference keeps every pair (held, new) of one interrupt context, and every way in which a class
was used.  "U may be interrupted by a handler that takes S" is one more pair from U to S.  A
deadlock is then a closed walk of pairs with at most one of that kind, that nowhere goes from
"waited for by a recursive reader" to "held shared".
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.lockdep import Validator
from tests.lockdep.tasks import Locker

NAMES = "ABC"
PROCESS, SOFTIRQ, HARDIRQ = "process", "softirq", "hardirq"
SHARED, RECURSIVE = True, True


class Pair(NamedTuple):
    """`new` was waited for while `held` was held."""

    held: str
    new: str
    shared: bool
    recursive: bool


class Held(NamedTuple):
    """One lock, and the interrupt context it was taken in."""

    name: str
    read: int
    context: tuple[bool, bool]


class Reference:
    """One task, its locks, and all that was ever seen of them."""

    def __init__(self) -> None:
        self.pairs: dict[Pair, None] = {}
        self.nested = False
        self.inside: dict[tuple[str, str, bool], None] = {}  # state, class, reader
        self.open: dict[tuple[str, str, bool], None] = {}
        self.held: list[Held] = []
        self.contexts: list[str] = [PROCESS]
        self.hardirqs, self.softirqs = True, True

    @property
    def context(self) -> tuple[bool, bool]:
        return SOFTIRQ in self.contexts, HARDIRQ in self.contexts

    def acquire(self, name: str, read: int, *, trylock: bool) -> None:
        if not trylock:
            for state in (SOFTIRQ, HARDIRQ):
                if state in self.contexts:
                    self.inside[state, name, read > 0] = None
            for other in self.held:
                if other.name == name and not (read == 2 and other.read):
                    self.nested = True
            mine = [other for other in self.held if other.context == self.context]
            if not self.nested:
                for other in mine:
                    pair = Pair(other.name, name, other.read > 0, read == 2)
                    self.pairs[pair] = None
        self.held.append(Held(name, read, self.context))
        self.use(self.held[-1:])

    def use(self, locks: list[Held]) -> None:
        """These may be interrupted now, by what is enabled."""
        for lock in locks:
            if self.hardirqs:
                self.open[HARDIRQ, lock.name, lock.read > 0] = None
                if self.softirqs:
                    self.open[SOFTIRQ, lock.name, lock.read > 0] = None

    def interrupts(self) -> list[Pair]:
        """From each lock that may be interrupted to each that its handlers take."""
        return [
            Pair(unsafe, safe, held_shared, reads)
            for (state, unsafe, held_shared), (other, safe, reads) in product(
                self.open, self.inside
            )
            if state == other
        ]

    def has_deadlock(self) -> bool:
        real = list(self.pairs)
        return (
            self.nested
            or any(closed(pair, real) for pair in real)
            or any(closed(pair, real) for pair in self.interrupts())
        )


def joined(one: Pair, other: Pair) -> bool:
    """Whether the walk may go on from one pair to the other."""
    return one.new == other.held and not (one.recursive and other.shared)


def closed(start: Pair, pairs: list[Pair]) -> bool:
    """Whether the walk comes round from `start`, by other pairs, to itself."""
    seen: dict[Pair, None] = {}
    todo = [start]
    while todo:
        pair = todo.pop()
        if joined(pair, start):
            return True
        for other in pairs:
            if other not in seen and joined(pair, other):
                seen[other] = None
                todo.append(other)
    return False


class Both:
    """The same steps for the validator's task and the reference's."""

    def __init__(self, *, kernel_search: bool = False) -> None:
        self.task = Locker(Validator(kernel_search=kernel_search))
        self.reference = Reference()

    def step(self, op: str, name: str, read: int) -> None:
        if op in ("lock", "trylock"):
            self.lock(name, read, trylock=op == "trylock")
        elif op == "unlock":
            self.unlock()
        elif op == "irq":
            self.switch()
        elif op == "bh":
            self.switch_softirqs()
        elif op == "leave":
            self.leave()
        else:
            self.enter(op)

    def lock(self, name: str, read: int, *, trylock: bool) -> None:
        reference = self.reference
        if sum(lock.name == name for lock in reference.held) >= 2:
            return
        if read and reference.contexts[-1] != PROCESS:
            read = 2  # whoever reads in an interrupt does not queue
        self.task.lock(name, read, trylock=trylock)
        reference.acquire(name, read, trylock=trylock)

    def unlock(self) -> None:
        held = self.reference.held
        if held and held[-1].context == self.reference.context:
            self.task.unlock(held.pop().name)

    def switch(self) -> None:
        reference = self.reference
        if reference.contexts[-1] == HARDIRQ:
            return
        reference.hardirqs = not reference.hardirqs
        if reference.hardirqs:
            self.task.hardirqs_on()
            reference.use(reference.held)
        else:
            self.task.hardirqs_off()

    def switch_softirqs(self) -> None:
        reference = self.reference
        if reference.contexts[-1] != PROCESS:
            return
        reference.softirqs = not reference.softirqs
        if reference.softirqs:
            self.task.softirqs_on()
            reference.use(reference.held)
        else:
            self.task.softirqs_off()

    def enter(self, kind: str) -> None:
        reference, task = self.reference, self.task
        enabled = reference.hardirqs and (kind == HARDIRQ or reference.softirqs)
        if not enabled or kind in reference.contexts:
            return
        reference.contexts.append(kind)
        if kind == HARDIRQ:
            task.validator.hardirq_enter(task.locks, stack=task.stack)
            reference.hardirqs = False
        else:
            task.validator.softirq_enter(task.locks, task.stack)
            reference.softirqs = False

    def leave(self) -> None:
        reference, task = self.reference, self.task
        kind = reference.contexts[-1]
        if kind == PROCESS:
            return
        while reference.held and reference.held[-1].context == reference.context:
            task.unlock(reference.held.pop().name)
        if not reference.hardirqs and kind == SOFTIRQ:
            self.switch()
        reference.contexts.pop()
        if kind == HARDIRQ:
            task.validator.hardirq_exit(task.locks, task.stack)
            reference.hardirqs = True
        else:
            task.validator.softirq_exit(task.locks, task.stack)
            reference.softirqs = True
        reference.use(reference.held)


OPS = ["lock"] * 5 + ["unlock"] * 3 + ["trylock", "irq", "bh", "leave", SOFTIRQ, HARDIRQ, HARDIRQ]
Steps = list[tuple[str, str, int]]
steps = st.lists(
    st.tuples(st.sampled_from(OPS), st.sampled_from(NAMES), st.sampled_from([0, 0, 1, 2])),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(steps)
def test_what_interrupts_can_do_is_reported_exactly_when_there_is_a_closed_walk(
    sequence: Steps,
) -> None:
    both = Both()
    for op, name, read in sequence:
        both.step(op, name, read)
        reported, deadlock = bool(both.task.validator.reports), both.reference.has_deadlock()
        assert reported == deadlock
        if reported:
            return


@settings(max_examples=200, deadline=None)
@given(steps)
def test_the_kernels_search_finds_nothing_that_the_complete_one_has_not_found(
    sequence: Steps,
) -> None:
    complete, kernel = Both(), Both(kernel_search=True)
    for op, name, read in sequence:
        complete.step(op, name, read)
        kernel.step(op, name, read)
        if complete.task.validator.reports:
            return
        assert not kernel.task.validator.reports


@settings(max_examples=200, deadline=None)
@given(steps)
def test_without_recursive_readers_the_two_searches_find_the_same(sequence: Steps) -> None:
    # The hole in the kernel's search, and the edges that it does not draw, need an edge `..R`.
    complete, kernel = Both(), Both(kernel_search=True)
    for op, name, _ in sequence:
        for both in (complete, kernel):
            both.step(op, name, 0)
        found = [[type(r) for r in both.task.validator.reports[:1]] for both in (complete, kernel)]
        assert found[0] == found[1]
        if found[0]:
            return


# One order of two locks, one lock in a handler, one lock that may be interrupted: told in short.
facts = st.lists(
    st.tuples(
        st.sampled_from(["order", "order", "order", SOFTIRQ, HARDIRQ, "open"]),
        st.permutations(NAMES + "DE").map(lambda names: names[:2]),
        st.sampled_from([(0, 0), (0, 2), (1, 0), (2, 0), (1, 1), (2, 2), (1, 2)]),
    ),
    max_size=14,
)
Facts = list[tuple[str, list[str], tuple[int, int]]]


def tell(both: Both, fact: str, names: list[str], reads: tuple[int, int]) -> None:
    """Both see one fact."""
    locks = list(zip(names, reads, strict=True))
    ops = [("lock", *lock) for lock in (locks if fact == "order" else locks[:1])]
    ops += [("unlock", "", 0)] * len(ops)
    around = {"order": ("irq", "irq"), "open": ()}.get(fact, (fact, "leave"))
    for op in (*[(op, "", 0) for op in around[:1]], *ops, *[(op, "", 0) for op in around[1:]]):
        both.step(*op)


@settings(max_examples=500, deadline=None)
@given(facts)
def test_paths_of_readers_and_writers_are_reported_exactly_when_they_close(told: Facts) -> None:
    both = Both()
    for fact, names, reads in told:
        tell(both, fact, names, reads)
        reported, deadlock = bool(both.task.validator.reports), both.reference.has_deadlock()
        assert reported == deadlock
        if reported:
            return


def test_the_reference_sees_a_handler_that_comes_upon_its_own_lock() -> None:
    found = []
    for in_irq, with_irqs_on in product((0, 2), (0, 1)):
        both = Both()
        for op, read in [(HARDIRQ, 0), ("lock", in_irq), ("leave", 0), ("lock", with_irqs_on)]:
            both.step(op, "A", read)
        found.append((both.reference.has_deadlock(), len(both.task.validator.reports)))
    assert found == [(True, 1), (True, 1), (True, 1), (False, 0)]


def test_the_reference_sees_a_handler_that_closes_a_path() -> None:
    both = Both()
    order = [(HARDIRQ, "A"), ("lock", "A"), ("leave", "A"), ("lock", "B"), ("unlock", "B")]
    order += [("irq", "A"), ("lock", "A"), ("lock", "B")]
    seen = []
    for op, name in order:
        both.step(op, name, 0)
        seen.append((both.reference.has_deadlock(), bool(both.task.validator.reports)))
    assert seen == [(False, False)] * 7 + [(True, True)]
