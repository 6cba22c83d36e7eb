"""Set-up by running the model's own functions."""

import pytest

from lockwright.core.boot import boot
from lockwright.core.errors import ModelError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import READ_ONCE, WRITE_ONCE, Variable
from lockwright.kernel.slab import Slab, kmalloc
from lockwright.kernel.srcu import Srcu
from lockwright.scenario import scenario
from lockwright.session import explore


async def _lock_for_ever(mutex: Mutex) -> None:
    await mutex.lock()
    await mutex.lock()


async def _return(value: int, variable: Variable) -> int:
    await WRITE_ONCE(variable, value)
    return value


def test_boot_gives_the_result_and_leaves_no_task() -> None:
    world = World()
    variable = Variable(world, 0, "x")
    assert boot(world, _return(7, variable)) == 7
    assert variable.value == 7
    assert (world.tasks, world.by_number, world.steps, world.findings) == ([], [], 0, [])


def test_boot_runs_the_callbacks_that_it_sets_off() -> None:
    world = World()
    srcu = Srcu(world, "srcu")
    variable = Variable(world, 0, "x")

    async def callback() -> None:
        await WRITE_ONCE(variable, 1)

    async def user() -> None:
        await srcu.call_srcu(callback, "callback")

    boot(world, user())
    assert variable.value == 1
    assert world.tasks == []


def test_boot_after_a_task_is_an_error() -> None:
    world = World()
    world.spawn(_return(1, Variable(world, 0, "x")), "user")
    coro = _return(2, Variable(world, 0, "y"))
    with pytest.raises(ModelError, match="comes before the first task"):
        boot(world, coro)
    coro.close()


def test_boot_that_blocks_is_an_error() -> None:
    world = World()
    with pytest.raises(ModelError, match=r"blocks for ever in mutex_lock\(m\)"):
        boot(world, _lock_for_ever(Mutex(world, "m")))


def test_boot_that_never_ends_is_an_error() -> None:
    world = World()
    variable = Variable(world, 0, "x")

    async def spin() -> None:
        while not await READ_ONCE(variable):
            pass

    with pytest.raises(ModelError, match=r"swapper/0 still runs after .* before the first task"):
        boot(world, spin())


def test_a_long_set_up_has_the_steps_it_asks_for() -> None:
    async def count(variable: Variable) -> None:
        for _ in range(10):
            await READ_ONCE(variable)

    world = World()
    boot(world, count(Variable(world, 0, "x")), steps_max=10)
    world = World()
    with pytest.raises(ModelError, match="swapper/0 still runs after 9 steps"):
        boot(world, count(Variable(world, 0, "x")), steps_max=9)


def test_boot_that_breaks_a_rule_is_an_error() -> None:
    world = World()

    async def user() -> None:
        mutex = Mutex(world, "m")
        await mutex.unlock()

    with pytest.raises(ModelError, match="before the first task"):
        boot(world, user())


def test_what_boot_allocates_is_the_scenarios_own() -> None:
    world = World()

    async def user() -> Slab:
        made: Slab = await kmalloc(world, lambda: Slab(world, "thing"), "thing")
        return made

    assert boot(world, user()).born == ""


def test_tasks_after_boot_are_explored_as_if_it_had_not_been() -> None:
    @scenario("boot/count:plain", booted=False)
    def counts(world: World, *, booted: bool) -> None:
        """Two writers of a variable."""
        variable = Variable(world, 0, "x")
        if booted:
            boot(world, _return(0, variable))
        world.spawn(_return(1, variable), "one")
        world.spawn(_return(2, variable), "two")

    plain = explore(counts)
    booted = explore(counts.with_parameters({"booted": "true"}))
    assert (plain.executions, plain.complete) == (2, True)
    assert (booted.executions, booted.complete) == (2, True)
