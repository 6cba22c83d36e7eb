"""A plan's file: what it says, and every way in which it can be wrong."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from lockwright.campaign.plan import (
    Dimensions,
    Entry,
    Expectation,
    Limits,
    Plan,
    Steering,
    Stop,
)
from lockwright.campaign.planfile import read_plan
from lockwright.campaign.planfile_tables import (
    RESERVED,
    CampaignTable,
    ExpectTable,
    ExploreTable,
    FaultsTable,
    LimitsTable,
    StopTable,
    Table,
)
from lockwright.core.errors import UsageError
from lockwright.options import RULES
from lockwright.scenario import RESERVED as RESERVED_PARAMETERS

DOCS = Path(__file__).parent.parent.parent / "docs" / "plans.md"
LEAST = """
[campaign]
name = "a"

[[explore]]
scenarios = "demo/abba:two"
"""
FULL = """
[campaign]
name = "all of it"
guidance = "none"
attempts = 0

[stop]
executions = 1_000_000
seconds = 1.5
findings = 3

[limits]
seconds = 60
memory_mb = 512

[[explore]]
scenarios = ["demo/abba:two", "demo/*"]
strategies = ["dpor", { name = "pct", depth = 4 }, { name = "bounded", bound = 0 }]
seeds = 3
parameters = { sorted_locks = [true, false], files = 2, mode = "x" }
executions = 500
seconds = 9
rules = ["deadlock", "leak"]
granularity = "operation"

[explore.faults]
allocations = [0, 1]
allocation_sites = ["", "each"]
signals = ["cat", "cat+ls"]
reclaim = 1
shrinkers = [2]
grace_periods = ["any", "slow"]
work_queues = "slow"
interrupts = ["own", "anywhere"]
memory = "tso"

[[explore]]
scenarios = "demo"
strategies = "random"
seeds = [7, -1]

[[expect]]
scenario = "demo/abba:two"
parameters = { files = 2, sorted_locks = false }
strategy = "pct"
verdict = "violated"
executions = 4
complete = true
findings = ["deadlock"]
outcomes = ["", "a"]
"""


def wrong(text: str) -> list[str]:
    """The faults of a plan, without the file's name."""
    with pytest.raises(UsageError, match=r"\Amine\.toml: ") as raised:
        read_plan(text, "mine.toml")
    first, *others = str(raised.value).removeprefix("mine.toml: ").split("\n")
    if not others:
        return [first]
    assert first == f"{len(others)} faults"
    return [line.removeprefix("  ") for line in others]


def with_key(table: str, line: str) -> str:
    """The least plan, with one more line in one of its tables."""
    heads = {"campaign": '"a"\n', "explore": ':two"\n'}
    if table not in heads:
        return f"{LEAST}\n[{table}]\n{line}\n"
    return LEAST.replace(heads[table], f"{heads[table]}{line}\n")


def test_the_least_plan_has_the_defaults() -> None:
    plan = Plan("a", (Entry(("demo/abba:two",)),), text=LEAST)
    assert read_plan(LEAST, "mine.toml") == plan


def test_a_plan_says_everything_that_there_is_to_say() -> None:
    faults = Dimensions(
        allocations=(0, 1),
        allocation_sites=("", "each"),
        signals=("cat", "cat+ls"),
        reclaim=(1,),
        shrinkers=(2,),
        grace_periods=("any", "slow"),
        work_queues=("slow",),
        interrupts=("own", "anywhere"),
        memory=("tso",),
    )
    first = Entry(
        scenarios=("demo/abba:two", "demo/*"),
        strategies=(Steering("dpor"), Steering("pct", depth=4), Steering("bounded", bound=0)),
        seeds=(0, 1, 2),
        parameters={"sorted_locks": ("true", "false"), "files": ("2",), "mode": ("x",)},
        executions=500,
        seconds=9.0,
        rules=("deadlock", "leak"),
        granularity="operation",
        faults=faults,
    )
    second = Entry(("demo",), (Steering("random"),), (7, -1))
    expectation = Expectation(
        scenario="demo/abba:two",
        parameters={"files": "2", "sorted_locks": "false"},
        strategy="pct",
        verdict="violated",
        executions=4,
        complete=True,
        findings=("deadlock",),
        outcomes=("", "a"),
    )
    stop, limits = Stop(1_000_000, 1.5, 3), Limits(60.0, 512)
    expected = Plan(
        "all of it", (first, second), (expectation,), "none", 0, stop, limits, text=FULL
    )
    assert read_plan(FULL, "mine.toml") == expected


def test_no_findings_expected_is_not_nothing_said_of_findings() -> None:
    plan = read_plan(f'{LEAST}[[expect]]\nscenario = "x"\nfindings = []\n', "mine.toml")
    assert plan.expectations == (Expectation("x", findings=()),)


def test_a_plan_that_is_read_again_is_the_same() -> None:
    plan = read_plan(FULL, "mine.toml")
    assert read_plan(plan.text, "campaign.store") == plan
    assert replace(plan, text="") != plan


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[campaign\n", "not TOML: Expected ']' at the end of a table declaration (at line 1, "),
        ("a = 1\na = 2\n", "not TOML: Cannot overwrite a value (at line 2, "),
        ("a = " + "[" * 5000, "not TOML: "),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(text: str, said: str) -> None:
    (fault,) = wrong(text)
    assert fault.startswith(said)


def test_an_empty_plan_lacks_what_every_plan_has() -> None:
    assert wrong("") == [
        "campaign: is missing: a table with the campaign's name",
        "explore: is missing: one table [[explore]] or more, which say what to explore",
    ]


STRATEGIES = "there are: dpor, dfs, bounded, random, pct, pos, urw, surw, coverage, liveness"
FAULTS: list[tuple[str, str, str]] = [
    ("campaign", 'nam = "b"', "campaign.nam: unknown key 'nam'; did you mean name? there are: "),
    ("campaign", 'guidance = "covrage"', "campaign.guidance: unknown guidance 'covrage'; did you "),
    ("campaign", "attempts = -1", "campaign.attempts: expected 0 or more, not -1"),
    ("campaign", 'attempts = "1"', 'campaign.attempts: expected a whole number, not "1"'),
    ("campaign", "attempts = true", "campaign.attempts: expected a whole number, not true"),
    ("campaign", "attempts = 1.0", "campaign.attempts: expected a whole number, not 1.0"),
    ("stop", "", "stop: says nothing: expected executions, seconds or findings"),
    ("stop", "seconds = 0", "stop.seconds: expected more than 0, not 0"),
    ("stop", "seconds = nan", "stop.seconds: expected a number that is finite, not nan"),
    ("stop", "seconds = true", "stop.seconds: expected a number, not true"),
    ("stop", "findings = 0", "stop.findings: expected 1 or more, not 0"),
    ("stop", "executions = -5", "stop.executions: expected 1 or more, not -5"),
    ("limits", "memory_mb = -1", "limits.memory_mb: expected 0 or more, not -1"),
    ("limits", "memory = 4", "limits.memory: unknown key 'memory'; did you mean memory_mb? "),
    ("limits", "seconds = inf", "limits.seconds: expected a number that is finite, not inf"),
    ("other", "", "other: unknown key 'other'; there are: campaign, stop, limits, explore, expect"),
    ("explore", "seeds = 0", "explore[0].seeds: expected a list of seeds, or how many, from 1 to"),
    ("explore", "seeds = []", "explore[0].seeds: is empty: expected one or more"),
    ("explore", 'seeds = ["a"]', 'explore[0].seeds[0]: expected a whole number, not "a"'),
    ("explore", "seeds = true", "explore[0].seeds: expected a list of seeds, or how many, from 1 "),
    ("explore", "seeds = [1, 2, 1]", "explore[0].seeds: 1 is there twice"),
    ("explore", "seeds = 2", "explore[0].seeds: dpor draws nothing: seeds are for random ones"),
    ("explore", "strategies = []", "explore[0].strategies: is empty: expected one or more"),
    (
        "explore",
        'strategies = "ptc"',
        "explore[0].strategies: unknown strategy 'ptc'; did you mean",
    ),
    (
        "explore",
        'strategies = ["dpor", "fds"]',
        f"explore[0].strategies[1]: unknown strategy 'fds'; did you mean dfs? {STRATEGIES}",
    ),
    ("explore", "strategies = [7]", 'explore[0].strategies[0]: expected a name, as "pct", or a '),
    ("explore", 'strategies = ["mix"]', "explore[0].strategies[0]: mix is none of a plan's "),
    ("explore", 'strategies = ["pos", "pos"]', "explore[0].strategies[1]: pos is there twice"),
    (
        "explore",
        'strategies = ["pct", { name = "pct", depth = 3 }]',
        "explore[0].strategies[1]: pct is there twice",
    ),
    (
        "explore",
        'strategies = [{ name = "dpor", depth = 3 }]',
        "explore[0].strategies[0].depth: dpor takes none: it is for pct",
    ),
    (
        "explore",
        'strategies = [{ name = "pct", bound = 3 }]',
        "explore[0].strategies[0].bound: pct takes none: it is for bounded",
    ),
    (
        "explore",
        'strategies = [{ name = "pct", depth = 0 }]',
        "explore[0].strategies[0].depth: expected 1 or more, not 0",
    ),
    (
        "explore",
        "strategies = [{ depth = 3 }]",
        "explore[0].strategies[0].name: is missing: which strategy it is",
    ),
    (
        "explore",
        'strategies = [{ name = "pct", dept = 3 }]',
        "explore[0].strategies[0].dept: unknown key 'dept'; did you mean depth? there are: name, ",
    ),
    (
        "explore",
        'strategies = { name = "pct", dept = 3 }',
        "explore[0].strategies.dept: unknown key 'dept'; did you mean depth? there are: name, ",
    ),
    ("explore", "executions = 0", "explore[0].executions: expected 1 or more, not 0"),
    ("explore", "seconds = -1", "explore[0].seconds: expected more than 0, not -1"),
    ("explore", "rules = []", "explore[0].rules: is empty: expected one or more"),
    (
        "explore",
        'rules = ["dedlock"]',
        "explore[0].rules[0]: unknown rule 'dedlock'; did you mean ",
    ),
    ("explore", 'rules = "dedlock"', "explore[0].rules: unknown rule 'dedlock'; did you mean "),
    ("explore", 'granularity = "step"', "explore[0].granularity: unknown granularity 'step'; "),
    (
        "explore",
        'strategies = "dfs"\ngranularity = "section"',
        "explore[0].granularity: is for dpor, which is none of the strategies",
    ),
    ("explore", "parameters = { files = [] }", "explore[0].parameters.files: is empty: expected "),
    ("explore", "parameters = { files = [1, 1] }", 'explore[0].parameters.files: "1" is there tw'),
    ("explore", "parameters = { files = 1.5 }", "explore[0].parameters.files: expected a number, "),
    ("explore", 'parameters = { files = ["a b"] }', "explore[0].parameters.files[0]: expected a n"),
    ("explore", 'parameters = { "a b" = 1 }', 'explore[0].parameters."a b": "a b" is no parameter'),
    ("explore", 'parameters = { fails = "x" }', "explore[0].parameters.fails: write it as faults."),
    ("explore", "parameters = 3", "explore[0].parameters: expected a table, not 3"),
    ("explore", "faults = {}", "explore[0].faults: says nothing: expected allocations, allocation"),
    ("explore", "faults = { reclaim = -1 }", "explore[0].faults.reclaim: expected 0 or more, not"),
    ("explore", 'faults = { memory = "tsu" }', "explore[0].faults.memory: unknown memory 'tsu'; "),
    ("explore", 'faults = { interrupts = "a" }', "explore[0].faults.interrupts: unknown interrupt"),
    ("explore", 'faults = { work_queues = "slo" }', "explore[0].faults.work_queues: unknown pace "),
    (
        "explore",
        'faults = { signals = ["each", "cat"] }',
        'explore[0].faults.signals: "each" has them all: name no other',
    ),
    (
        "explore",
        'faults = { grace_periods = "slow" }',
        "explore[0].faults.grace_periods: dpor tries every delay: slow is for random",
    ),
    ("[expect]", 'scenario = "x"', "expect[0]: expects nothing: expected verdict, executions, "),
    ("[expect]", "complete = true", "expect[0].scenario: is missing: the name of a scenario or "),
    ("[expect]", 'scenario = "x"\nverdict = "verifed"', "expect[0].verdict: unknown verdict 'veri"),
    ("[expect]", 'scenario = "x"\ncomplete = 1', "expect[0].complete: expected true or false, not"),
    ("[expect]", 'scenario = "x"\nexecutions = 0', "expect[0].executions: expected 1 or more, not"),
    ("[expect]", 'scenario = "x"\noutcomes = []', "expect[0].outcomes: is empty: expected one or "),
    ("[expect]", 'scenario = "x"\nfindings = "leak"', "expect[0].findings: expected a list, not "),
    (
        "[expect]",
        'scenario = "x"\ncomplete = true\nstrategy = "pct+rndom"',
        "expect[0].strategy: unknown strategy 'rndom'; did you mean random? there are: ",
    ),
    (
        "[expect]",
        'scenario = "x"\nverdict = "violated"\nfindings = []',
        "expect[0].findings: one that is violated has some",
    ),
    (
        "[expect]",
        'scenario = "x"\nverdict = "stopped"\nfindings = ["leak"]',
        "expect[0].findings: one that is stopped has none",
    ),
    (
        "[expect]",
        'scenario = "x"\nverdict = "verified"\ncomplete = false',
        "expect[0].complete: one that is verified is complete",
    ),
    (
        "[expect]",
        'scenario = "x"\nverdict = "verified within bound"\ncomplete = true',
        "expect[0].complete: one that is verified within bound is not",
    ),
]


@pytest.mark.parametrize(("table", "line", "said"), FAULTS, ids=[line for _, line, _ in FAULTS])
def test_each_fault_is_one_line_with_its_place(table: str, line: str, said: str) -> None:
    (fault,) = wrong(with_key(table, line))
    assert fault.startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            LEAST.replace("[[explore]]", "[explore]"),
            "explore: is one table: write [[explore]], in ",
        ),
        (LEAST.replace('"demo/abba:two"', "[]"), "explore[0].scenarios: is empty: expected one "),
        (
            LEAST.replace('"demo/abba:two"', '"a b"'),
            "explore[0].scenarios: expected a name without",
        ),
        (LEAST.replace('"demo/abba:two"', "3"), "explore[0].scenarios: expected a text, not 3"),
        (LEAST.replace('"demo/abba:two"', '["a", "a"]'), 'explore[0].scenarios: "a" is there twi'),
        (LEAST.replace('"a"', '""'), 'campaign.name: expected a line of text, not ""'),
        (LEAST.replace('"a"', '"a\\nb"'), r'campaign.name: expected a line of text, not "a\nb"'),
        ('explore = []\ncampaign = { name = "a" }', "explore: is empty: expected one or more"),
        ('explore = 1\ncampaign = { name = "a" }', "explore: expected a list, not 1"),
        ('explore = [1]\ncampaign = { name = "a" }', "explore[0]: expected a table, not 1"),
        (LEAST + LEAST.partition("\n\n")[2], "explore[1]: is the same as explore[0]"),
    ],
)
def test_a_table_that_is_wrong_as_a_whole_is_one_line_too(text: str, said: str) -> None:
    (fault,) = wrong(text)
    assert fault.startswith(said)


def test_all_faults_are_told_at_once_in_the_order_of_the_tables() -> None:
    text = """
        [[expect]]
        scenario = "x"
        [campaign]
        attempts = -1
        [[explore]]
        scenarios = "a"
        [[explore]]
        strategies = ["ptc", { name = "pct", depth = 0 }]
        faults = { memory = ["sc", "tsu"] }
        """
    places = [fault.partition(": ")[0] for fault in wrong(text)]
    assert places == [
        "campaign.name",
        "campaign.attempts",
        "explore[1].scenarios",
        "explore[1].strategies[0]",
        "explore[1].strategies[1].depth",
        "explore[1].faults.memory[1]",
        "expect[0]",
    ]


def test_several_faults_of_what_does_not_fit_together_are_told_apart() -> None:
    text = with_key(
        "explore",
        'strategies = "dfs"\nseeds = 2\ngranularity = "section"\n'
        'parameters = { memory = "tso", reclaim = 1 }\nfaults = { work_queues = "slow" }',
    )
    assert [fault.partition(": ")[0] for fault in wrong(text)] == [
        "explore[0].seeds",
        "explore[0].granularity",
        "explore[0].faults.work_queues",
        "explore[0].parameters.memory",
        "explore[0].parameters.reclaim",
    ]


def test_slow_faults_are_for_a_table_that_has_a_random_strategy() -> None:
    text = with_key("explore", 'strategies = ["dpor", "pos"]\nfaults = { work_queues = "slow" }')
    assert read_plan(text, "mine.toml").entries[0].faults.work_queues == ("slow",)


def test_every_parameter_that_all_scenarios_have_is_a_fault_of_the_plan() -> None:
    assert set(RESERVED) == set(RESERVED_PARAMETERS)
    assert set(RESERVED.values()) <= set(FaultsTable.model_fields)


def test_the_rules_are_all_rules() -> None:
    assert read_plan(LEAST, "mine.toml").entries[0].rules == RULES


def test_the_page_shows_a_plan_that_can_be_read_and_names_every_key() -> None:
    page = DOCS.read_text(encoding="utf-8")
    shown = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    assert [read_plan(text, "docs").name for text in shown] == ["abba"]
    parts = page.split("\n## ")
    tables: dict[str, type[Table]] = {
        "`[campaign]`": CampaignTable,
        "`[stop]`": StopTable,
        "`[limits]`": LimitsTable,
        "`[[explore]]`": ExploreTable,
        "`[explore.faults]`": FaultsTable,
        "`[[expect]]`": ExpectTable,
    }
    for head, table in tables.items():
        (part,) = (part for part in parts if part.startswith(f"{head}\n"))
        missing = [key for key in table.model_fields if f"`{key}`" not in part]
        assert missing == ([] if table is not ExploreTable else ["faults"]), head
