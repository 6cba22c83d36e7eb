"""A plan's items: which there are, in which order, and what does not fit the project."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from lockwright.campaign.expand import items_of
from lockwright.campaign.item import Arm, Item
from lockwright.campaign.planfile import read_plan
from lockwright.core.errors import UsageError
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.slab import Field, Slab, kfree, kmalloc
from lockwright.options import RULES, Options
from lockwright.project import Project
from lockwright.scenario import Scenario, scenario


class Node(Slab):
    """Something to allocate."""

    cache = "node"
    count: Field[int] = Field(0)


async def make_node(world: World, what: str) -> None:
    """Allocate and free."""
    node: Node | None = await kmalloc(world, lambda: Node(world, what), what)
    if node is not None:
        await kfree(node)


@scenario("demo/alloc:two", big=True)
def alloc(world: World, *, big: bool) -> None:
    """A task allocates two things."""

    async def run() -> None:
        await make_node(world, "small")
        if big:
            await make_node(world, "big")

    world.spawn(run(), "cat")


@scenario("demo/abba:two", sorted_locks=False, files=1, mode="plain")
def two(world: World, *, sorted_locks: bool, files: int, mode: str) -> None:
    """Two mutexes, taken and let go, by one task that a signal can wake."""
    a = Mutex(world, "A")

    async def run() -> None:
        if await a.lock_interruptible() == 0:
            await a.unlock()

    world.spawn(run(), "cat")
    world.spawn(run(), "ls")


@scenario("demo/crash:late")
def crash(world: World) -> None:
    """A task raises what no kernel does."""

    async def run() -> None:
        await make_node(world, "small")
        raise ValueError("no\nsuch thing")

    world.spawn(run(), "cat")


three = two.variant("three", files=3)
SCENARIOS = (two, three, alloc, crash)
PROJECT = Project({each.name: each for each in SCENARIOS}, version="v1")
CAMPAIGN = '[campaign]\nname = "a"\n'


def items(text: str, campaign: str = CAMPAIGN) -> list[Item]:
    return items_of(read_plan(f"{campaign}{text}", "a.toml"), PROJECT)


def names(text: str) -> list[str]:
    return [item.name for item in items(text, f'{CAMPAIGN}guidance = "none"\n')]


def wrong(text: str) -> list[str]:
    with pytest.raises(UsageError, match=r"\Aplan a: ") as raised:
        items(text)
    first, *others = str(raised.value).removeprefix("plan a: ").split("\n")
    return [other.removeprefix("  ") for other in others] if others else [first]


def test_an_exhaustive_item_has_the_options_of_its_table() -> None:
    (item,) = items(
        """attempts = 7
        [[explore]]
        scenarios = "demo/abba:two"
        strategies = [{ name = "bounded", bound = 2 }]
        executions = 50
        seconds = 3
        rules = ["leak", "deadlock"]
        """
    )
    options = Options(
        "bounded",
        executions=50,
        seconds=3.0,
        rules=("leak", "deadlock"),
        version="v1",
        bound=2,
        attempts=7,
        coverage=True,
    )
    assert item == Item(0, "demo/abba:two", (), options)


def test_an_exhaustive_search_has_no_bound_by_itself() -> None:
    (item,) = items('[[explore]]\nscenarios = "demo/abba:two"\ngranularity = "operation"')
    expected = Options(version="v1", attempts=200, coverage=True, granularity="operation")
    assert item.options == expected
    assert item.exhaustive


RANDOM = """
[[explore]]
scenarios = "demo/abba:two"
strategies = ["random", "dpor", { name = "pct", depth = 5 }]
seeds = [4, 9]
"""


def test_random_strategies_and_their_seeds_share_one_item() -> None:
    exhaustive, item = items(f"{RANDOM}executions = 30", f'{CAMPAIGN}guidance = "none"\n')
    assert exhaustive.options.executions == 30
    assert item.arms == (
        Arm("random", 4, 30),
        Arm("random", 9, 30),
        Arm("pct", 4, 30, 5),
        Arm("pct", 9, 30, 5),
    )
    assert item.options == Options(
        "mix", 4, 120, rules=RULES, depth=5, version="v1", mix="random,pct", attempts=200
    )
    assert item.name == "demo/abba:two random+pct(5)"


def test_one_strategy_can_be_there_with_several_depths_or_bounds() -> None:
    table = """
[[explore]]
scenarios = ["demo/abba:two"]
strategies = [
    "pct", { name = "pct", depth = 5 }, "bounded", { name = "bounded", bound = 1 },
]
executions = 10

[[expect]]
scenario = "demo/abba:two"
strategy = "pct(5)"
findings = []

[[expect]]
scenario = "demo/abba:two"
strategy = "bounded(1)"
complete = false

[[expect]]
scenario = "demo/abba:two"
strategy = "bounded"
verdict = "stopped"
"""
    free, bounded, drawn = items(table, f'{CAMPAIGN}guidance = "none"\n')
    assert [one.strategy for one in (free, bounded, drawn)] == [
        "bounded",
        "bounded(1)",
        "pct+pct(5)",
    ]
    assert [arm.name for arm in drawn.arms] == ["pct:0", "pct(5):0"]
    assert (drawn.options.strategy, drawn.options.executions) == ("pct", 20)
    assert [len(one.expected) for one in (free, bounded, drawn)] == [1, 2, 1]


def test_a_guided_item_has_an_arm_for_its_corpus() -> None:
    _, item = items(RANDOM)
    assert item.arms[-1] == Arm("corpus", 4, 0)
    assert item.options.coverage
    assert [arm.executions for arm in item.arms] == [10_000] * 4 + [0]
    assert item.options.executions == 40_000
    assert item.strategy == "random+pct(5)+corpus"


def test_a_random_strategy_alone_is_the_items_own() -> None:
    (item,) = items('[[explore]]\nscenarios = "demo/abba:two"\nstrategies = "surw"\nseeds = [3]')
    assert (item.options.strategy, item.options.seed, item.options.depth) == ("surw", 3, 3)
    assert item.options.mix == Options().mix


def test_every_combination_is_an_item_in_the_order_of_the_file() -> None:
    text = """
        [[explore]]
        scenarios = ["demo/abba:three", "demo/abba:*"]
        strategies = ["dfs", "random", "dpor"]
        parameters = { mode = ["x", "plain"], sorted_locks = [false, true] }
        faults = { reclaim = [1, 0], memory = ["sc", "tso"] }
        """
    expected = []
    for name, mode, locks, memory, reclaim, strategy in product(
        ("three", "two"),
        (" mode=x", ""),
        ("", " sorted_locks=true"),
        ("", " memory=tso"),
        (" reclaim=1", ""),
        ("dfs", "dpor", "random"),
    ):
        given = "".join(sorted([mode, locks, memory, reclaim]))
        expected.append(f"demo/abba:{name}{given} {strategy}")
    assert names(text) == expected
    assert [item.number for item in items(text)] == list(range(96))


def test_tables_come_one_after_the_other() -> None:
    text = """
        [[explore]]
        scenarios = "demo/alloc"
        [[explore]]
        scenarios = "demo/abba"
        """
    assert names(text) == ["demo/alloc:two dpor", "demo/abba:two dpor", "demo/abba:three dpor"]


def test_an_exhaustive_search_is_made_once_whatever_is_slow() -> None:
    text = """
        [[explore]]
        scenarios = "demo/abba:two"
        strategies = ["dpor", "random"]
        faults = { grace_periods = ["any", "slow"], work_queues = ["slow", "any"] }
        """
    made = items(text, f'{CAMPAIGN}guidance = "none"\n')
    assert [(item.strategy, item.options.slow) for item in made] == [
        ("dpor", ()),
        ("random", ("work",)),
        ("random", ()),
        ("random", ("grace periods", "work")),
        ("random", ("grace periods",)),
    ]


def test_each_allocation_site_fails_in_its_turn() -> None:
    text = """
        [[explore]]
        scenarios = "demo/alloc:two"
        parameters = { big = [true, false] }
        faults = { allocation_sites = ["each", ""] }
        """
    assert names(text) == [
        "demo/alloc:two fails=make_node:big dpor",
        "demo/alloc:two fails=make_node:small dpor",
        "demo/alloc:two dpor",
        "demo/alloc:two big=false fails=make_node:small dpor",
        "demo/alloc:two big=false dpor",
    ]


def test_each_task_is_signalled_in_its_turn() -> None:
    text = '[[explore]]\nscenarios = "demo/abba:two"\nfaults = { signals = "each" }'
    assert names(text) == [
        "demo/abba:two signals=cat dpor",
        "demo/abba:two signals=ls dpor",
    ]
    both = text.replace('"each"', '["cat+ls", ""]')
    assert names(both) == ["demo/abba:two signals=cat+ls dpor", "demo/abba:two dpor"]


def test_a_scenario_without_sites_has_no_item_for_each_of_them() -> None:
    text = '[[explore]]\nscenarios = "demo/a*"\nfaults = { allocation_sites = "each" }'
    assert {name.partition(" ")[0] for name in names(text)} == {"demo/alloc:two"}
    alone = text.replace("demo/a*", "demo/abba")
    said = "explore[0]: makes no item: no scenario has what faults asks for"
    assert wrong(alone) == [said]


def test_failures_and_shortages_are_parameters_of_the_item() -> None:
    text = """
        [[explore]]
        scenarios = "demo/alloc:two"

        [explore.faults]
        allocations = [0, 2]
        interrupts = "anywhere"
        allocation_sites = "make_node:big"
        """
    site = "fails=make_node:big"
    assert names(text) == [
        f"demo/alloc:two {site} interrupts=anywhere dpor",
        f"demo/alloc:two {site} failures=2 interrupts=anywhere dpor",
    ]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            'scenarios = ["demo/abba", "demo/abb"]',
            "explore[0].scenarios[1]: no scenario or design ",
        ),
        (
            'scenarios = "demo/a*"\nparameters = { files = [2, "x"] }',
            "explore[0].parameters.files: demo/alloc:two has no parameter 'files'; it has: big",
        ),
        (
            'scenarios = "demo/abba"\nparameters = { files = "x" }',
            "explore[0].parameters.files: demo/abba:two: files is a number, not 'x' (and 1 more)",
        ),
        (
            'scenarios = "demo/alloc"\nfaults = { allocation_sites = "make_node:bag" }',
            "explore[0].faults: demo/alloc:two has no allocation site 'make_node:bag'; ",
        ),
        (
            'scenarios = "demo/alloc"\nfaults = { signals = "bash" }',
            "explore[0].faults: no task 'ba",
        ),
        (
            'scenarios = "demo/alloc"\nfaults = { shrinkers = 1 }',
            "explore[0].faults: demo/alloc:two ",
        ),
        (
            'scenarios = "demo/abba:two"\nparameters = { files = ["2", "+2"] }',
            "explore[0]: makes 'demo/abba:two files=2 dpor', which it has made already",
        ),
    ],
)
def test_what_does_not_fit_the_project_is_told_with_its_place(table: str, said: str) -> None:
    assert wrong(f"[[explore]]\n{table}\n")[0].startswith(said)


def test_a_model_that_raises_where_its_sites_are_looked_for_is_told() -> None:
    text = '[[explore]]\nscenarios = "demo/crash"\nfaults = { allocation_sites = "each" }'
    (said,) = wrong(text)
    assert said == (
        "explore[0].faults: demo/crash:late raises ValueError: no such thing, when it is run to "
        "see what its faults can be; `lockwright check demo/crash:late --param failures=1` shows "
        "how it comes to that"
    )
    assert names('[[explore]]\nscenarios = "demo/crash"') == ["demo/crash:late dpor"]


def test_two_tables_that_make_one_item_are_both_named() -> None:
    text = """
        [[explore]]
        scenarios = "demo/abba:*"
        [[explore]]
        scenarios = "demo/abba:two"
        strategies = ["random"]
        [[explore]]
        scenarios = "demo/a*"
        executions = 5
        """
    said = "explore[2]: makes 'demo/abba:two dpor' and 1 more, which explore[0] makes, too"
    assert wrong(text) == [said]


def test_all_that_does_not_fit_is_told_at_once() -> None:
    text = """
        [[explore]]
        scenarios = ["nowhere", "demo/abba:two"]
        parameters = { fils = 1, mode = "x", files = "y" }
        [[explore]]
        scenarios = "demo/alloc"
        faults = { signals = "bash" }
        [[explore]]
        scenarios = "demo/nowhere:at_all"
        """
    assert [said.partition(": ")[0] for said in wrong(text)] == [
        "explore[0].scenarios[0]",
        "explore[0].parameters.fils",
        "explore[0].parameters.files",
        "explore[1].faults",
        "explore[2].scenarios[0]",
    ]


EXPECT = """
[[explore]]
scenarios = ["demo/abba:two", "demo/abba:three"]
strategies = ["dpor", "random", "pct"]
parameters = { files = [1, 2] }
"""


@pytest.mark.parametrize(
    ("whom", "expected"),
    [
        ('scenario = "demo/abba:two"', [0, 1, 2, 3]),
        ('scenario = "demo/abba"', list(range(8))),
        ('scenario = "demo/*:t?o"', [0, 1, 2, 3]),
        ('scenario = "demo/abba"\nstrategy = "dpor"', [0, 2, 4, 6]),
        ('scenario = "demo/abba"\nstrategy = "pct"', [1, 3, 5, 7]),
        ('scenario = "demo/abba"\nstrategy = "pct+random"', [1, 3, 5, 7]),
        ('scenario = "demo/abba"\nparameters = { files = 1 }', [0, 1, 4, 5]),
        ('scenario = "demo/abba"\nparameters = { files = 2, memory = "sc" }', [2, 3, 6, 7]),
        ('scenario = "demo/abba"\nparameters = { sorted_locks = "no" }', list(range(8))),
    ],
)
def test_an_expectation_is_of_the_items_that_it_names(whom: str, expected: list[int]) -> None:
    made = items(f"{EXPECT}[[expect]]\n{whom}\nfindings = []")
    assert [item.number for item in made if item.expected] == expected


def test_an_item_has_all_that_is_expected_of_it() -> None:
    text = f"""{EXPECT}
        [[expect]]
        scenario = "demo/abba:two"
        findings = []
        [[expect]]
        scenario = "demo/*"
        strategy = "dpor"
        verdict = "verified"
        """
    first, second, *_ = items(text)
    assert [each.verdict for each in first.expected] == [None, "verified"]
    assert [each.findings for each in second.expected] == [()]


@pytest.mark.parametrize(
    ("whom", "said"),
    [
        (
            'scenario = "demo/abba:too"',
            ".scenario: no item is of demo/abba:too; did you mean demo/",
        ),
        ('scenario = "demo/alloc:two"', ".scenario: no item is of demo/alloc:two"),
        (
            'scenario = "demo/abba"\nparameters = { files = 7, mode = "plain" }',
            ".parameters: no item of demo/abba has files=7 mode=plain",
        ),
        (
            'scenario = "demo/abba"\nparameters = { nothing = 1 }',
            ".parameters: no item of demo/abba has nothing=1",
        ),
        (
            'scenario = "demo/abba"\nstrategy = "surw"',
            ".strategy: no item of demo/abba is explored by surw; there is: dpor, random",
        ),
    ],
)
def test_an_expectation_of_no_item_says_what_it_lacks(whom: str, said: str) -> None:
    (fault,) = wrong(f"{EXPECT}[[expect]]\n{whom}\nfindings = []")
    assert fault.startswith(f"expect[0]{said}")


def test_expectations_that_contradict_each_other_are_told() -> None:
    text = f"""{EXPECT}
        [[expect]]
        scenario = "demo/abba"
        findings = ["a", "b"]
        executions = 3
        [[expect]]
        scenario = "demo/abba:two"
        findings = ["b", "a"]
        executions = 4
        complete = true
        [[expect]]
        scenario = "demo/abba:three"
        complete = false
        """
    said = "expect[1].executions: expect[0] says something else of 'demo/abba:two files=2 dpor'"
    assert [fault.replace(" files=2", "") for fault in wrong(text)] == [
        said.replace(" files=2", "")
    ]


def test_one_plan_has_one_list_of_items() -> None:
    assert items(EXPECT) == items(EXPECT)
    other = replace(PROJECT, version="v2")
    (item, *_) = items_of(read_plan(f"{CAMPAIGN}{EXPECT}", "a.toml"), other)
    assert item.options.version == "v2"


def test_an_item_can_be_made_again() -> None:
    text = f'{EXPECT}faults = {{ signals = "cat", memory = "tso" }}'
    for item in items(text):
        made: Scenario = item.made(PROJECT)
        assert {"signals": "cat", "memory": "tso"}.items() <= made.parameters.items()
        assert Item.from_json(item.as_json()) == item
