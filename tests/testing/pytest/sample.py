"""A test file of somebody's, for pytest to run in a directory of its own."""

from __future__ import annotations

SCENARIOS = '''
"""Two mutexes in two orders, and in one."""
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import scenario


@scenario("demo/abba:two", release="6.5.0", sorted_locks=False)
def two(world, *, sorted_locks):
    """Two mutexes in two orders."""
    a, b = Mutex(world, "A"), Mutex(world, "B")

    async def worker(first, second):
        await first.lock()
        await second.lock()
        await second.unlock()
        await first.unlock()

    world.spawn(worker(a, b), "one")
    world.spawn(worker(a, b) if sorted_locks else worker(b, a), "two")


fixed = two.variant("fixed", sorted_locks=True)
'''

CALLS = '''
"""A counter that is read and written back."""
from lockwright.calls import Call, Calls
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex


class Table:
    def __init__(self, world):
        self.a, self.b = Mutex(world, "A"), Mutex(world, "B")


async def there(at):
    await at.a.lock()
    await at.b.lock()
    await at.b.unlock()
    await at.a.unlock()


async def back(at):
    await at.b.lock()
    await at.a.lock()
    await at.a.unlock()
    await at.b.unlock()


CALLS = Calls(
    "demo/table", Table, {"there": there, "back": back}, alphabet=(Call("there"), Call("back"))
)
THERE = CALLS.with_alphabet(Call("there"))
'''

PYPROJECT = """
[tool.lockwright]
scenarios = ["shelf"]

[tool.pytest.ini_options]
pythonpath = ["."]
"""

TESTS = """
import pytest
from shelf import fixed, two

pytestmark = pytest.mark.interleavings(rules=["deadlock"])


def test_two(explore):
    explore(two).assert_verified()


def test_fixed(explore):
    explore(fixed).assert_verified()


def test_expected(explore):
    explore("demo/abba:two").assert_finds("deadlock", says="one in mutex_lock.B")


def test_of_no_use():
    pass
"""

DEADLOCK = """\
deadlock: 2 tasks wait for ever: one in mutex_lock(B); two in mutex_lock(A)
INFO: task one:840 blocked for ever in mutex_lock(B)
  worker+0x2/0x5
  holds: A (mutex_lock)
INFO: task two:841 blocked for ever in mutex_lock(A)
  worker+0x2/0x5
  holds: B (mutex_lock)

step  one              two
      worker:
   0    mutex_lock(A)
                       worker:
   1                     mutex_lock(B)
      blocked:         blocked:
        mutex_lock(B)    mutex_lock(A)

replay: lockwright replay '{token}'"""
"""All that is said of the deadlock of demo/abba:two."""
