"""percpu_ref: who is last, what is ordered, what is independent; programs against brute force."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import comb
from random import Random

import pytest

from lockwright.core.location import Names
from lockwright.core.result import Verdict
from lockwright.core.snapshot import Snapshots
from lockwright.core.world import World
from lockwright.explore.dpor import Dpor
from lockwright.explore.lasso import LassoSearch, unfinished
from lockwright.explore.plain import plain_search
from lockwright.kernel.context import cpu_relax
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.percpu_ref import CPUS, PercpuRef
from lockwright.kernel.slab import Field, Slab, kfree
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.scenario import Scenario
from lockwright.session import explore
from tests.explore.every_trace import compare
from tests.explore.making import making
from tests.explore.searching import difference
from tests.kernel.searching import Setup, alone, does, kinds, messages, results, search

INTERLEAVINGS_MAX = 400
EXACT = 150


def users(*counts: int, kills: bool = True) -> Setup:
    """Tasks that get and put in turn, so many operations each; and one that kills."""

    def setup(world: World) -> None:
        ref = PercpuRef(world, "ref")
        for at, count in enumerate(counts):
            operations = (ref.put() if nth % 2 else ref.get() for nth in range(count))
            world.spawn(does(*operations), f"u{at}")
        if kills:
            world.spawn(does(ref.kill()), "killer")

    return setup


def scripted(*scripts: str) -> Setup:
    """Tasks that do what is said: `get put`."""

    def setup(world: World) -> None:
        ref = PercpuRef(world, "ref")
        for at, script in enumerate(scripts):
            world.spawn(does(*(getattr(ref, name)() for name in script.split())), f"t{at}")

    return setup


# What they give


def test_no_put_is_the_last_before_the_owner_lets_go() -> None:
    assert alone(scripted("get put put tryget")).world.tasks[0].result == (None, False, False, True)


def test_the_owner_drops_the_last_reference_if_there_is_no_other() -> None:
    assert results(search(scripted("kill"))) == {((True,),)}
    assert results(search(scripted("get put kill"))) == {((None, False, True),)}
    assert results(search(scripted("get kill put"))) == {((None, False, True),)}


def test_exactly_one_of_the_last_put_and_the_kill_sees_that_it_is_the_last() -> None:
    found = results(search(scripted("get put", "get put", "kill")))
    for first, second, killed in found:
        assert isinstance(first, tuple)
        assert isinstance(second, tuple)
        assert isinstance(killed, tuple)
        # A get that comes when all are gone is a misuse, after which nobody is the last.
        assert [first[-1], second[-1], killed[-1]].count(True) >= 1
    assert ((None, False), (None, False), (True,)) in found
    assert ((None, True), (None, False), (False,)) in found
    assert ((None, False), (None, True), (False,)) in found


def test_a_reference_can_be_tried_for_until_the_last_is_gone() -> None:
    # The killer finds none: it was the last, and who comes later gets none; or it finds one.
    assert results(search(scripted("tryget", "kill"))) == {
        ((True,), (False,)),
        ((False,), (True,)),
    }


def test_a_reference_can_be_got_from_one_who_has_one_after_the_kill() -> None:
    assert alone(scripted("get kill get tryget put put put")).world.tasks[0].result == (
        *(None, False, None, True),
        *(False, False, True),
    )


def test_a_reference_may_be_dropped_by_another_task_than_took_it() -> None:
    """Only the sum of all counts says how many there are."""

    def setup(world: World) -> None:
        ref, flag = PercpuRef(world, "ref"), Variable(world, 0, "taken")
        world.spawn(does(ref.get(), WRITE_ONCE(flag, 1)), "takes")

        async def drops() -> tuple[bool, bool] | None:
            return (await ref.put(), await ref.kill()) if await READ_ONCE(flag) else None

        world.spawn(drops(), "drops")

    assert {found[1] for found in results(search(setup))} == {None, (False, True)}


def test_tasks_beyond_the_number_of_cpus_count_as_well() -> None:
    def setup(world: World) -> None:
        ref = PercpuRef(world, "ref")
        world.state = ref
        for at in range(CPUS + 3):
            world.spawn(does(ref.get()), f"t{at}")

    world = World()
    setup(world)
    for task in list(world.tasks):
        world.step(task)
    assert sum(world.state.counts) == CPUS + 3
    assert max(world.state.counts) == 2


def test_operations_are_called_by_what_they_do() -> None:
    ref = PercpuRef(World(), "q_usage_counter")
    assert [each.describe() for each in (ref.get(), ref.tryget(), ref.put(), ref.kill())] == [
        "percpu_ref_get(q_usage_counter)",
        "percpu_ref_tryget(q_usage_counter)",
        "percpu_ref_put(q_usage_counter)",
        "percpu_ref_kill(q_usage_counter)",
    ]


def test_using_a_count_is_no_sleep() -> None:
    def setup(world: World) -> None:
        ref, lock = PercpuRef(world, "ref"), SpinLock(world, "&lock")
        inside = (ref.get(), ref.tryget(), ref.put(), ref.put(), ref.kill())
        world.spawn(does(lock.lock(), *inside, lock.unlock()), "task")

    assert kinds([alone(setup)]) == set()


# Misuse


@pytest.mark.parametrize(
    ("script", "call", "complaint"),
    [
        ("kill get", "percpu_ref_get", "takes a reference where there is none"),
        ("kill put", "percpu_ref_put", "drops a count of 0: one put too many"),
        ("get kill put put", "percpu_ref_put", "drops a count of 0: one put too many"),
        ("put kill", "percpu_ref_kill", "there was one put too many"),
        ("kill kill", "percpu_ref_kill", "killed twice"),
        ("get kill kill", "percpu_ref_kill", "killed twice"),
    ],
)
def test_misuse_is_found(script: str, call: str, complaint: str) -> None:
    run = alone(scripted(script))
    assert messages([run]) == {f"{call}(ref) by t0: {complaint}"}
    assert kinds([run]) == {"refcount"}
    assert {finding.signature for finding in run.world.findings} == {f"{call}(ref): {complaint}"}


def test_a_second_kill_drops_nothing() -> None:
    assert alone(scripted("kill kill")).world.tasks[0].result == (True, False)
    assert alone(scripted("get kill kill put")).world.tasks[0].result == (None, False, False, True)


def test_a_put_too_many_is_made_up_for_by_no_get_of_another() -> None:
    """It is seen in the order in which the killer comes before the other, and only in that."""
    runs = search(scripted("put", "get", "kill"))
    assert "percpu_ref_kill(ref) by t2: there was one put too many" in messages(runs)
    assert any(not run.world.findings for run in runs)


class Owner(Slab):
    """What is counted, with something in it."""

    count: Field[int] = Field(0)


@pytest.mark.parametrize("call", ["get", "tryget", "put", "kill"])
def test_a_count_goes_with_its_owner(call: str) -> None:
    def setup(world: World) -> None:
        owner = Owner(world, "owner")
        ref = PercpuRef(world, "owner->ref", owner=owner)
        world.spawn(does(kfree(owner), getattr(ref, call)()), "task")

    assert messages([alone(setup)]) == {
        "use-after-free: use of Owner owner->owner->ref, freed by task in does()"
    }


@pytest.mark.parametrize("call", ["get", "tryget", "put", "kill"])
def test_whether_its_owner_is_there_is_tried_in_both_orders(call: str) -> None:
    def setup(world: World) -> None:
        owner = Owner(world, "owner")
        ref = PercpuRef(world, "ref", owner=owner)
        ref.counts[CPUS - 1] = 1
        world.spawn(does(getattr(ref, call)()), "user")
        world.spawn(does(kfree(owner)), "freer")

    runs = search(setup)
    assert [len(run.world.findings) for run in runs] == [0, 1]
    assert kinds(runs) == {"use-after-free"}


def freed_by(*, tries: bool) -> set[str]:
    """Whoever drops the last reference frees; a user has one that it takes, or tries to take."""

    def build(world: World) -> None:
        owner = Owner(world, "owner")
        ref = PercpuRef(world, "ref")

        async def uses() -> None:
            await cpu_relax()
            if tries and not await ref.tryget():
                return
            owner.count += 1
            if tries and await ref.put():
                await kfree(owner)

        async def lets_go() -> None:
            if await ref.kill():
                await kfree(owner)

        world.spawn(uses(), "u")
        world.spawn(lets_go(), "k")

    return {finding.kind for finding in explore(Scenario("a/b:c", build), Options()).findings}


def test_who_has_a_reference_is_safe_and_who_has_none_is_not() -> None:
    assert freed_by(tries=True) == set()
    assert "use-after-free" in freed_by(tries=False)


# What is ordered


def races(user: str, owner: str) -> set[str]:
    """Two tasks do what is said to one field; `first` reads it if its operation was the last."""

    def build(world: World) -> None:
        node, ref = Owner(world, "node"), PercpuRef(world, "ref")
        ref.counts[CPUS - 1] = 1  # the user's, from before

        def acting(script: str) -> Callable[[], Coroutine[object, object, None]]:
            async def acts() -> None:
                await cpu_relax()
                last = False
                for name in script.split():
                    if name == "write":
                        node.count = 1
                    elif name == "read" and last:
                        assert node.count in (0, 1)
                    elif name != "read":
                        last = await getattr(ref, name)()

            return acts

        world.spawn(acting(user)(), "user")
        world.spawn(acting(owner)(), "owner")

    result = explore(Scenario("a/b:c", build), Options())
    assert result.complete
    return {finding.kind for finding in result.findings}


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("write put read", "kill read"),
        ("put read", "write kill read"),
        ("write get put put read", "kill read"),
        ("put read", "write get kill put read"),
    ],
)
def test_whoever_is_last_sees_what_all_others_wrote_before_they_let_go(
    user: str, owner: str
) -> None:
    assert races(user, owner) == set()


@pytest.mark.parametrize(
    ("user", "owner"),
    [
        ("put write", "kill read"),  # written too late
        ("put read", "kill write"),
        ("get write", "get write"),  # taking a reference orders nothing
        ("get put write", "get put write"),  # nor does dropping one that is not the last
        ("tryget write", "tryget write"),
    ],
)
def test_nothing_else_is_ordered(user: str, owner: str) -> None:
    assert races(user, owner) == {"data race"}


@pytest.mark.parametrize("memory", ["tso", "pso"])
def test_a_put_comes_behind_what_its_task_has_stored(memory: str) -> None:
    def build(world: World) -> None:
        ref, x = PercpuRef(world, "ref"), Variable(world, 0, "x")
        ref.counts[CPUS - 1] = 1

        async def reads() -> object:
            return await READ_ONCE(x) if await ref.kill() else "not the last"

        world.spawn(does(WRITE_ONCE(x, 1), ref.put()), "u")
        world.spawn(reads(), "k")

    def seen(world: World) -> str:
        return str(world.tasks[1].result)

    stored = Scenario("a/b:c", build, outcome=seen).with_parameters({"memory": memory})
    assert set(explore(stored, Options()).outcomes) == {"1", "not the last"}


# What is independent


@pytest.mark.parametrize("counts", [(2, 2), (4, 3), (2, 2, 2), (6, 6, 6)])
def test_tasks_that_get_and_put_are_one_trace_while_nobody_kills(counts: tuple[int, ...]) -> None:
    (run,) = Dpor(making(users(*counts, kills=False)))
    assert not run.sleeping


@pytest.mark.parametrize("count", range(5))
def test_a_kill_has_a_place_in_each_users_operations(count: int) -> None:
    assert len(list(Dpor(making(users(count))))) == count + 1


@pytest.mark.parametrize("counts", [(1, 1), (2, 1), (2, 2), (3, 2), (4, 4)])
def test_from_the_kill_on_every_order_is_another_trace(counts: tuple[int, int]) -> None:
    """With a of the first's and b of the second's operations left after the kill there are as many
    as these can be merged in; over all a and b that is one less than (m + n + 2 over m + 1)."""
    m, n = counts
    merged = sum(comb(a + b, a) for a in range(m + 1) for b in range(n + 1))
    assert merged == comb(m + n + 2, m + 1) - 1
    runs = list(Dpor(making(users(m, n))))
    assert len(runs) == merged
    assert not any(run.sleeping for run in runs)


def test_two_that_find_no_reference_any_more_are_independent() -> None:
    # Both before the kill, one before and one after, or both after: 4, where 5 would be merged.
    assert len(list(Dpor(making(scripted("tryget", "tryget", "kill"))))) == 4


# Against brute force


@dataclass(frozen=True)
class Program:
    """Two or three tasks and what each does."""

    scripts: tuple[tuple[str, ...], ...]

    def build(self, world: World) -> None:
        """Set the world up."""
        ref, owner = PercpuRef(world, "ref"), Owner(world, "owner")
        world.state = ref

        async def acts(script: tuple[str, ...]) -> tuple[object, ...]:
            seen: list[object] = []
            await cpu_relax()
            for name in script:
                if name == "free":  # as whoever has dropped the last does
                    if seen and seen[-1] is True:
                        await kfree(owner)
                elif name == "use":
                    seen.append(owner.count)
                else:
                    seen.append(await getattr(ref, name)())
            return tuple(seen)

        for at, script in enumerate(self.scripts):
            world.spawn(acts(script), f"t{at}")


def drawn(seed: int) -> Program:
    """Of the programs of two or three tasks."""
    draw = Random(seed)
    tasks = draw.choice((2, 2, 3))
    names, weights = ("get", "tryget", "put", "kill", "free", "use"), (3, 3, 4, 2, 2, 2)
    return Program(
        tuple(
            tuple(draw.choices(names, weights, k=draw.randint(1, 4 if tasks == 2 else 2)))
            for _ in range(tasks)
        )
    )


def final_state(world: World) -> tuple[object, ...]:
    """What the counts and the tasks have come to."""
    ref: PercpuRef = world.state
    tasks = tuple((task.result, task.died) for task in world.tasks)
    return ref.value, tuple(ref.counts), tasks


def complained(world: World) -> tuple[object, ...]:
    """The same, and what was found.  What comes after an oops is not reported, and that is no
    matter of the order of dependent steps alone."""
    found = () if world.oopsed else tuple(sorted(one.message for one in world.findings))
    return final_state(world), found


def test_dpor_is_exact_on_random_programs() -> None:
    wrong, skipped = [], 0
    for seed in range(EXACT):
        program = drawn(seed)
        found = difference(making(program.build), complained, Names(), INTERLEAVINGS_MAX)
        skipped += found is None
        if found:
            wrong.append((seed, program, found))
    assert wrong == []
    assert skipped <= EXACT // 10


def test_dpor_is_exact_on_programs_with_more_interleavings() -> None:
    compared = 0
    for seed in range(10_000, 10_014):
        draw = Random(seed)
        names = ("get", "tryget", "put", "put", "kill")
        scripts = tuple(tuple(draw.choices(names, k=3)) for _ in range(3))
        found = compare(making(Program(scripts).build), Names(), complained, 3000)
        assert not found, (seed, scripts)
        compared += found is not None
    assert compared >= 6


def test_states_and_interleavings_end_alike() -> None:
    for seed in range(20_000, 20_040):
        program = drawn(seed)
        ends = set()
        for run in plain_search(making(program.build)):
            ends.add(final_state(run.world))
            run.world.close()
        by_states = LassoSearch(making(program.build))
        states = {final_state(run.world) for run in by_states if not unfinished(run)}
        assert by_states.stopped == ""
        assert states == ends, (seed, program)


def test_a_state_has_the_counts_in_it() -> None:
    snapshots = Snapshots()

    def after(*names: str) -> bytes:
        """So many are at work, and so many references there are."""
        world = World()
        ref = PercpuRef(world, "ref")
        world.state = ref
        todo = iter(names)

        async def acts() -> None:
            while True:
                await getattr(ref, next(todo, "get"))()

        world.spawn(acts(), "t")
        for _ in names:
            world.step(world.tasks[0])
        key = snapshots.take(world)
        world.close()
        return key

    assert after("get") == after("get", "get", "put")
    assert len({after(), after("get"), after("get", "get"), after("get", "kill")}) == 4


@pytest.mark.parametrize("strategy", ["random", "pct", "pos", "surw", "urw", "bounded"])
def test_every_strategy_can_count(strategy: str) -> None:
    def build(world: World) -> None:
        ref = PercpuRef(world, "ref")

        async def uses() -> str:
            if not await ref.tryget():
                return "none"
            return "last" if await ref.put() else "one of many"

        world.spawn(uses(), "a")
        world.spawn(uses(), "b")
        world.spawn(does(ref.kill()), "k")

    def seen(world: World) -> str:
        return str([task.result for task in world.tasks])

    scenario = Scenario("a/b:c", build, outcome=seen)
    every = explore(scenario, Options())
    assert every.verdict is Verdict.VERIFIED
    executions = None if strategy == "bounded" else 200
    found = explore(scenario, Options(strategy=strategy, executions=executions))
    assert set(found.outcomes) == set(every.outcomes)
