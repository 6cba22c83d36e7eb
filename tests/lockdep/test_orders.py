"""Random orders of locking: the validator against a reference that keeps all pairs."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from lockwright.lockdep import Validator
from tests.lockdep.tasks import Locker

NAMES = "ABCD"
TASKS = 2


class Reference:
    """Every pair (held, new) ever seen, with its type; a deadlock is a strong closed walk."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str, int, int], None] = {}

    def acquire(self, held: list[tuple[str, int]], name: str, read: int) -> None:
        for other, other_read in held:
            self.pairs[other, name, int(other_read > 0), int(read == 2)] = None

    def has_cycle(self) -> bool:
        """Whether a pair can be followed by pairs until it comes round to itself."""
        after = {
            pair: [
                other
                for other in self.pairs
                if pair[1] == other[0] and not (pair[3] and other[2])  # ..R before S..: weak
            ]
            for pair in self.pairs
        }
        for start in self.pairs:
            seen: dict[tuple[str, str, int, int], None] = {}
            todo = list(after[start])
            while todo:
                pair = todo.pop()
                if pair == start:
                    return True
                if pair not in seen:
                    seen[pair] = None
                    todo += after[pair]
        return False


steps = st.lists(
    st.tuples(
        st.integers(0, TASKS - 1),
        st.sampled_from(NAMES),
        st.sampled_from([0, 1, 2]),
        st.sampled_from(["lock", "lock", "lock", "trylock", "unlock"]),
    ),
    max_size=40,
)
Steps = list[tuple[int, str, int, str]]


def first_cycles(sequence: Steps, *, readers: bool) -> tuple[int, int]:
    """At which step the validator, and the reference, sees the first cycle; the end if never."""
    validator, reference = Validator(), Reference()
    tasks = [Locker(validator, f"task{i}", i) for i in range(TASKS)]
    held: list[list[tuple[str, int]]] = [[] for _ in tasks]
    for step, (number, name, any_read, op) in enumerate(sequence):
        task, mine, read = tasks[number], held[number], any_read if readers else 0
        if op == "unlock":
            if not mine:
                continue
            # the letter says which one, so that locks are released in any order; of two locks
            # of one name the last one goes
            released = mine[NAMES.index(name) % len(mine)][0]
            place = max(i for i, (other, _) in enumerate(mine) if other == released)
            del mine[place]
            task.unlock(released)
        elif len([other for other, _ in mine if other == name]) < 2:
            trylock = op == "trylock"
            if not trylock:
                reference.acquire(mine, name, read)
            task.lock(name, read, trylock=trylock)
            mine.append((name, read))
        ours, theirs = bool(validator.reports), reference.has_cycle()
        if ours or theirs:
            return (step if ours else len(sequence)), (step if theirs else len(sequence))
    return len(sequence), len(sequence)


@settings(max_examples=200, deadline=None)
@given(steps)
def test_exclusive_locks_are_reported_exactly_when_their_classes_form_a_cycle(
    sequence: Steps,
) -> None:
    ours, theirs = first_cycles(sequence, readers=False)
    assert ours == theirs


@settings(max_examples=400, deadline=None)
@given(steps)
def test_readers_are_reported_exactly_when_a_closed_walk_is_strong(sequence: Steps) -> None:
    ours, theirs = first_cycles(sequence, readers=True)
    assert ours == theirs


def test_the_reference_sees_what_is_strong_and_what_is_weak() -> None:
    found = []
    for held_read, new_read in product((0, 1), (0, 2)):
        reference = Reference()
        reference.acquire([("A", held_read)], "B", new_read)
        reference.acquire([("B", held_read)], "A", new_read)
        found.append(reference.has_cycle())
    assert found == [True, True, True, False]
