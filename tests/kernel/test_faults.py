"""Allocations that fail, by the parameters `failures` and `fails` that every scenario has."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lockwright.core.boot import boot
from lockwright.core.errors import UsageError
from lockwright.core.location import Names
from lockwright.core.result import Result
from lockwright.core.world import World
from lockwright.explore.lasso import LIVENESS
from lockwright.kernel.faults import Faults, site_of
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.reclaim import Reclaim
from lockwright.kernel.slab import Allocate, Field, Slab, kfree, kmalloc
from lockwright.kernel.spinlock import SpinLock
from lockwright.options import Options
from lockwright.scenario import Scenario, scenario
from lockwright.session import Session, explore
from lockwright.token import parse_token


class Node(Slab):
    cache = "node"
    count: Field[int] = Field(0)


async def kzalloc_node(world: World, what: str) -> Node | None:
    node: Node | None = await kmalloc(world, lambda: Node(world, what), what)
    return node


async def first(world: World) -> Node | None:
    return await kzalloc_node(world, "node")


async def second(world: World, what: str) -> Node | None:
    return await kzalloc_node(world, what)


async def _both(world: World) -> str:
    return "".join(str(int(node is None)) for node in (await first(world), await first(world)))


def _builds(world: World) -> None:
    """Two allocations at one site, then two at two more; the result has 1 where one fails."""

    async def task() -> str:
        done = await _both(world)
        for what in ("node", "node->name"):
            done += str(int(await second(world, what) is None))
        return done

    world.spawn(task(), "t")


BUILDS = replace(
    Scenario("test/faults:builds", _builds), outcome=lambda world: str(world.tasks[0].result)
)
RULES = ("deadlock", "goals")


def outcomes(strategy: str = "dpor", **parameters: str) -> set[str]:
    options = Options(strategy=strategy, rules=RULES)
    result = explore(BUILDS.with_parameters(parameters), options)
    assert result.complete
    assert not result.findings
    assert len(result.outcomes) == result.executions
    return set(result.outcomes)


NONE = "0000"
ONE = {NONE, "1000", "0100", "0010", "0001"}


@pytest.mark.parametrize("strategy", ["dpor", "dfs", "bounded", LIVENESS])
@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({}, {NONE}),
        ({"failures": "0"}, {NONE}),
        ({"failures": "1"}, ONE),
        ({"failures": "2"}, {f"{n:04b}" for n in range(16) if n.bit_count() <= 2}),
        ({"failures": "9"}, {f"{n:04b}" for n in range(16)}),
        ({"fails": "first:node"}, {NONE, "1000", "0100"}),
        # one at the site, and one more, there or elsewhere
        (
            {"fails": "first:node", "failures": "1"},
            ONE | {"1100", "1010", "1001", "0110", "0101"},
        ),
        ({"fails": "second:node"}, {NONE, "0010"}),
        ({"fails": "second:node.name"}, {NONE, "0001"}),
        ({"fails": ""}, {NONE}),
    ],
)
def test_each_choice_of_what_fails_is_explored_and_no_other(
    strategy: str, parameters: dict[str, str], expected: set[str]
) -> None:
    if strategy == LIVENESS:  # states that are equal are explored once
        made = BUILDS.with_parameters(parameters)
        assert not explore(made, Options(strategy=strategy, rules=RULES)).findings
        return
    assert outcomes(strategy, **parameters) == expected


def test_random_strategies_draw_failures_too() -> None:
    made = BUILDS.with_parameters({"failures": "1"})
    result = explore(made, Options(strategy="random", executions=200, rules=RULES))
    assert set(result.outcomes) == ONE


@pytest.mark.parametrize("others", ["0", "1"])
def test_a_site_that_nobody_comes_to_is_a_finding(others: str) -> None:
    """Otherwise a green run would say that a failure does no harm which there never was."""
    made = BUILDS.with_parameters({"fails": "third:node", "failures": others})
    result = explore(made, Options(rules=RULES))
    assert [(found.kind, found.message) for found in result.findings] == [
        ("goal never reached", "the allocation at third:node fails")
    ]


def test_the_goal_goes_with_its_site() -> None:
    once = BUILDS.with_parameters({"fails": "first:node"})
    assert once.sometimes == ("the allocation at first:node fails",)
    again = once.with_parameters({"fails": "second:node"})
    assert again.sometimes == ("the allocation at second:node fails",)
    assert again.with_parameters({"fails": ""}).sometimes == ()
    assert BUILDS.variant("other", fails="first:node").sometimes == once.sometimes


@pytest.mark.parametrize("parameters", [{"failures": "1"}, {"fails": "second:node.name"}])
def test_a_token_has_the_failure_and_makes_it_happen_again(parameters: dict[str, str]) -> None:
    made = replace(
        BUILDS.with_parameters(parameters),
        at_end=(lambda world: ["it fails"] if world.tasks[0].result == "0001" else [],),
    )
    (found,) = explore(made, Options(rules=("promises",))).findings
    token = parse_token(found.token)
    assert dict(token.parameters) == parameters
    again = Session(
        replace(BUILDS, at_end=made.at_end).with_parameters(dict(token.parameters)),
        Options(rules=("promises",)),
    )
    done, broken = again.run_once(token.schedule, token.marks)
    assert done.misfit == ""
    assert [finding.message for finding in broken] == ["it fails"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"failures": "-1"}, "failures is how many allocations may fail, 0 or more, not '-1'"),
        ({"failures": "one"}, "failures is how many allocations may fail, 0 or more, not 'one'"),
        ({"failures": "²"}, "failures is how many allocations may fail, 0 or more, not '²'"),
        ({"shrinkers": "x"}, "shrinkers is how often reclaim runs beside the tasks, 0 or more"),
        ({"fails": "first"}, "fails is a site, FUNCTION:WHAT, say .* not 'first'"),
        ({"fails": "first:"}, "fails is a site, FUNCTION:WHAT, say .* not 'first:'"),
        ({"fails": "a:b:c"}, "fails is a site, FUNCTION:WHAT, say .* not 'a:b:c'"),
        ({"fails": "a:b->c"}, "fails is a site, FUNCTION:WHAT, say .* not 'a:b->c'"),
    ],
)
def test_what_is_no_failure_is_refused(given: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        BUILDS.with_parameters(given)


@pytest.mark.parametrize("name", ["failures", "fails", "shrinkers"])
def test_no_scenario_can_have_a_parameter_of_that_name(name: str) -> None:
    parameters: dict[str, int] = {name: 1}
    with pytest.raises(UsageError, match=f"'{name}' is a parameter that every scenario has"):
        scenario("test/faults:own", **parameters)  # type: ignore[arg-type]  # of any name


def test_set_up_does_not_fail() -> None:
    def build(world: World) -> None:
        world.state = boot(world, first(world))
        _builds(world)

    made = replace(
        Scenario("test/faults:booted", build),
        outcome=lambda world: f"{world.state is None} {world.tasks[0].result}",
    ).with_parameters({"failures": "1"})
    result = explore(made, Options(rules=RULES))
    assert set(result.outcomes) == {f"False {one}" for one in ONE}


@pytest.mark.parametrize(("own", "given", "expected"), [(0, "1", 1), (1, "2", 2), (2, "1", 2)])
def test_what_a_world_allows_for_itself_does_not_take_back_what_is_given(
    own: int, given: str, expected: int
) -> None:
    def build(world: World) -> None:
        world.faults = Faults(world, own)
        _builds(world)

    world = World()
    Scenario("test/faults:own", build).with_parameters({"failures": given}).set_up(world)
    assert (world.faults.left.value, world.faults.armed) == (expected, True)


def sites(world: World) -> list[str]:
    """Where the world's first task allocates, from here on."""
    found = []
    task = world.tasks[0]
    while task.pending is not None:
        if isinstance(task.pending, Allocate):
            found.append(site_of(task, task.pending.what))
        world.step(task)
    return found


def test_a_site_is_the_innermost_function_that_is_no_allocator() -> None:
    world = World()
    _builds(world)
    assert sites(world) == ["first:node", "first:node", "second:node", "second:node.name"]


def test_the_machines_way_into_reclaim_is_no_site() -> None:
    world = World()
    Reclaim(world, 1)
    _builds(world)
    assert sites(world)[:2] == ["first:node", "first:node"]


def test_where_all_functions_are_inlined_the_innermost_is_the_site() -> None:
    async def _inner(world: World) -> None:
        await kmalloc(world, lambda: Node(world, "n"), "a b~c")

    async def _outer(world: World) -> None:
        await _inner(world)

    world = World()
    world.spawn(_outer(world), "t")
    assert sites(world) == ["_inner:a_b_c"]


def test_what_is_called_as_inlined_functions_are_is_a_part_of_its_caller() -> None:
    async def _inner(world: World) -> None:
        await kmalloc(world, lambda: Node(world, "n"), "n")

    async def outer(world: World) -> None:
        await _inner(world)

    world = World()
    world.spawn(outer(world), "t")
    assert sites(world) == ["outer:n"]


def test_only_what_may_fail_announces_the_budget() -> None:
    world = World()
    BUILDS.with_parameters({"fails": "second:node"}).set_up(world)
    (task,), here = world.tasks, world.faults.here
    assert world.faults.armed  # a model may ask, and make a step of what else it allocates
    announced = []
    while task.pending is not None:
        announced.append((task.pending.options(), task.pending.announce(0)))
        world.step(task)
    assert announced == [(1, []), (1, []), (2, [here.reading]), (1, [])]


def test_what_pays_for_a_failure_is_announced() -> None:
    """At the site first what is for it alone; elsewhere, and when that is spent, the others."""
    world = World()
    BUILDS.with_parameters({"fails": "first:node", "failures": "1"}).set_up(world)
    (task,), faults = world.tasks, world.faults
    here, left = faults.here, faults.left
    announced = []
    for choice in (1, 1, 0):
        assert task.pending is not None
        announced.append([task.pending.announce(outcome) for outcome in (0, 1)])
        assert set(announced[-1][choice]) <= set(world.step(task, choice))
    assert announced == [
        [[here.reading], [here.writing]],
        [[here.reading, left.reading], [here.reading, left.writing]],
        [[left.reading], [left.reading]],
    ]
    assert (here.value, left.value) == (0, 0)


def test_an_allocation_that_cannot_fail_is_independent_of_one_that_fails() -> None:
    """Two tasks, one of which alone allocates at the site: one execution without the failure, one
    with it; were the other's allocation to read the budget, there would be more."""

    def build(world: World) -> None:
        async def other() -> None:
            await second(world, "node")

        world.spawn(first(world), "one")
        world.spawn(other(), "other")

    made = Scenario("test/faults:apart", build)
    assert explore(made.with_parameters({"fails": "first:node"}), Options(rules=())).executions == 2
    assert explore(made, Options(rules=())).executions == 1
    # either may fail, or none; where one fails the other comes before or after it
    assert explore(made.with_parameters({"failures": "1"}), Options(rules=())).executions == 5


def test_without_failures_an_allocation_touches_no_budget() -> None:
    world = World(Names())
    _builds(world)
    codes = world.step(world.tasks[0])
    assert world.faults.left.reading not in codes


def _shares(world: World) -> None:
    """Two tasks allocate at one site and at one of their own, and note what they got in one word;
    where memory is short a shrinker notes that."""
    word, reclaim = Variable(world, "", "word"), Reclaim(world)

    async def note(what: str) -> None:
        await WRITE_ONCE(word, f"{await READ_ONCE(word)}{what}")

    reclaim.register(lambda: note("r"))

    async def task(own: str) -> None:
        if await first(world) is None:
            await note(own)
        if await second(world, own) is None:
            await note(own.upper())

    world.spawn(task("a"), "a")
    world.spawn(task("b"), "b")
    world.state = word


SHARES = replace(Scenario("test/faults:shares", _shares), outcome=lambda w: str(w.state.value))


@pytest.mark.parametrize(
    ("parameters", "seen"),
    [
        ({"fails": "first:node"}, {"", "a", "b"}),
        ({"fails": "second:a"}, {"", "A"}),
        ({"failures": "1"}, {"", "a", "b", "A", "B"}),
        ({"fails": "first:node", "failures": "1"}, {"ab", "ba", "aA", "aB", "Ab", "bA", "a"}),
        pytest.param(
            {"failures": "1", "reclaim": "1"}, {"r", "rA", "ar", "a"}, marks=pytest.mark.slow
        ),
        ({"failures": "1", "shrinkers": "1"}, {"r", "rA", "Ar", "a"}),
        ({"failures": "1", "memory": "tso"}, {"", "a", "b", "A", "B"}),
    ],
)
def test_the_reduced_search_comes_to_all_that_the_plain_one_does(
    parameters: dict[str, str], seen: set[str]
) -> None:
    made = SHARES.with_parameters(parameters)
    plain, reduced = (
        explore(made, Options(strategy=strategy, rules=("goals",))) for strategy in ("dfs", "dpor")
    )
    assert set(reduced.outcomes) == set(plain.outcomes) >= seen
    assert reduced.executions < plain.executions
    assert not reduced.findings
    assert not plain.findings


# What the rules say of error paths


def planted(*, frees: bool = True, unlocks: bool = True, lock: str = "mutex") -> Scenario:
    """Two allocations under a lock; if the second fails, the first is to be freed and the lock to
    be let go."""

    def build(world: World) -> None:
        mutex, spin, rcu = Mutex(world, "m"), SpinLock(world, "s"), Rcu(world)
        begin, end = {
            "mutex": (mutex.lock, mutex.unlock),
            "spinlock": (spin.lock, spin.unlock),
            "rcu": (rcu.rcu_read_lock, rcu.rcu_read_unlock),
        }[lock]
        world.state = []

        async def make() -> int:
            await begin()
            one = await kmalloc(world, lambda: Node(world, "one"), "one", atomic=True)
            if one is None:
                await end()
                return -12
            two = await kmalloc(world, lambda: Node(world, "two"), "two", atomic=True)
            if two is None:
                if frees:
                    await kfree(one)
                if unlocks:
                    await end()
                return -12
            await end()
            world.state += [one, two]
            return 0

        world.spawn(make(), "maker")

    return Scenario("test/faults:planted", build)


def judged(made: Scenario, site: str) -> Result:
    result = explore(made.with_parameters({"fails": site}))
    assert result.complete
    return result


@pytest.mark.parametrize("lock", ["mutex", "spinlock", "rcu"])
def test_an_error_path_that_undoes_all_is_verified(lock: str) -> None:
    for site in ("make:one", "make:two"):
        assert not judged(planted(lock=lock), site).findings
    assert not explore(planted(frees=False, unlocks=False, lock=lock)).findings


def test_what_an_error_path_forgets_to_free_is_a_leak() -> None:
    (found,) = judged(planted(frees=False), "make:two").findings
    assert (found.kind, found.message) == ("leak", "node one, allocated by maker, is left behind")
    assert not judged(planted(frees=False), "make:one").findings


@pytest.mark.parametrize(
    ("lock", "kind"),
    [
        ("mutex", "lock held at task exit"),
        ("spinlock", "atomic context at task exit"),
        ("rcu", "RCU misuse"),
    ],
)
def test_a_lock_that_an_error_path_keeps_is_found_though_nobody_waits(lock: str, kind: str) -> None:
    assert kind in [
        found.kind for found in judged(planted(unlocks=False, lock=lock), "make:two").findings
    ]
    assert not judged(planted(unlocks=False, lock=lock), "make:one").findings
