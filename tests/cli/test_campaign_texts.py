"""What the commands of a campaign say: of a plan, of two campaigns, of an end."""

from __future__ import annotations

from pathlib import Path

import pytest

from lockwright.campaign.compare import GONE, NEW, STILL, Comparison, Pair, Seen, Side
from lockwright.campaign.item import Arm, Item
from lockwright.campaign.minimise import Minimised, Reduced, Shortened
from lockwright.campaign.plan import Expectation, Limits, Plan, Stop
from lockwright.campaign.record import Head
from lockwright.campaign.store import Store
from lockwright.commands.campaign_changes import changes_text
from lockwright.commands.campaign_minimise import minimised_text
from lockwright.commands.campaign_plan import items_json, items_text
from lockwright.commands.campaign_running import ending, store_path
from lockwright.core.errors import UsageError
from lockwright.options import Options
from tests.report.golden_files import assert_golden

ONE = Side("night", "aaaaaaaa", "1", 5, 1_000, 2)
OTHER = Side("night", "bbbbbbbb", "2", 5, 12_345, 1)

TOKEN = "lw1~demo/d:c~~aaaaaaaa~40x0.50x1.60x0.70x1.80x0.90x1~00000000"
SEEN = (
    Seen("leak box", "leak", "nobody frees", TOKEN, NEW, True, {}, {"demo/d:a dpor": 3}),
    Seen(
        "deadlock x",
        "deadlock",
        "deadlock: 2 tasks wait",
        "",
        GONE,
        False,
        {f"demo/d:case_{number} dpor": 1_000 for number in range(10)},
        {},
    ),
    Seen("race y", "race", "y", "", STILL, True, {"demo/d:a dpor": 1}, {"demo/d:a dpor": 1}),
)
PAIRS = (
    Pair(
        "demo/d:a dpor",
        ("done", "done"),
        True,
        ("verified", "violated"),
        (True, False),
        (12, 1_300),
        {"EBUSY": (0, 4), "0": (12, 1_296)},
    ),
    Pair("demo/d:b pct", ("done", "going"), False, ("stopped", "violated")),
)


def changes(width: int = 80) -> str:
    """All that can be said of two campaigns."""
    return changes_text(
        Comparison(ONE, OTHER, ("demo/d:old dpor",), ("demo/d:new dpor",), PAIRS, SEEN, 1), width
    )


def test_what_changed_is_golden() -> None:
    assert_golden("campaign_changes.txt", changes() + "\n")


def test_only_a_replay_line_is_wider_than_the_screen() -> None:
    for width in (40, 60, 100):
        lines = changes(width).splitlines()
        wide = [line for line in lines if len(line) > width]
        assert all("lockwright replay" in line for line in wide)


def test_two_campaigns_that_are_the_same_are_said_to_be() -> None:
    same = Comparison(ONE, ONE, (), (), (), SEEN[2:], 5)
    assert changes_text(same).splitlines() == [
        "first: campaign night: 5 items, 1,000 executions, 2 findings",
        "second: campaign night: 5 items, 1,000 executions, 2 findings",
        "",
        "5 items are as they were; 1 finding is still there",
        "nothing changed",
    ]


def sampled(number: int) -> Item:
    """An item with two arms, and the corpus."""
    options = Options("pct", executions=3000, seconds=60.0, coverage=True)
    arms = (Arm("pct", 0, 1500), Arm("pct", 1, 1500), Arm("corpus", 0, 0))
    return Item(number, "demo/d:a", (("files", "2"),), options, arms)


def test_a_plan_says_its_items_and_what_ends_it() -> None:
    expected = (Expectation("demo/d:a", verdict="verified"),)
    items = [Item(0, "demo/d:a", (), Options(), (), expected), sampled(1)]
    stop = Stop(executions=1_000_000, seconds=3600.0, findings=1)
    plan = Plan("night", (), stop=stop, limits=Limits(30.0, 512))
    assert items_text(plan, items).splitlines() == [
        "campaign night: 2 items; at most 3,000 executions; 1 item without a bound of",
        "  executions",
        "- stops after 1,000,000 executions",
        "- stops after 3600 seconds of work",
        "- stops at 1 finding",
        "- a piece may take 30 seconds and 512 megabytes",
        "- guidance: coverage",
        "",
        "item                         bound        arms  expectations",
        "------------------------------------------------------------",
        "demo/d:a dpor                none                          1",
        "demo/d:a files=2 pct+corpus  3,000, 60 s     3",
    ]
    told = items_json(plan, items)
    assert [item["item"] for item in told["items"]] == [item.name for item in items]
    assert told["items"][1]["arms"] == ["pct:0", "pct:1"]


def test_what_is_smaller_is_said_with_what_it_was() -> None:
    done = Minimised(
        [Reduced("demo/d:a pct", (12, 1), (90, 1), 1_234)],
        [
            Shortened("leak box", "demo/d:a pct", (7, 1), (90, 30), minimal=True),
            Shortened("race y", "demo/d:b pct", (2, 2), (9, 9), minimal=False),
        ],
        ["demo/d:c pct"],
    )
    corpus = "12 schedules, now 1; 90 switches, now 1"
    leak = "7 switches, now 1; 90 steps, now 30"
    assert minimised_text(done, 400).splitlines() == [
        f"corpus of demo/d:a pct: {corpus}; it covers 1,234 features, as before",
        f"leak box (demo/d:a pct): {leak}; no schedule shows it with fewer preemptions",
        "race y (demo/d:b pct): 2 switches; 9 steps",
        "demo/d:c pct: left alone, since it is being explored; resume the campaign first",
    ]
    assert minimised_text(Minimised()) == (
        "there is nothing to minimise: no corpus, and no finding"
    )


@pytest.mark.parametrize(
    ("reason", "stop", "seconds", "said"),
    [
        ("explored", Stop(), None, ""),
        ("executions", Stop(executions=1_000), None, "stopped after 1,000 executions, as the plan"),
        ("findings", Stop(findings=1), None, "stopped with 0 findings: the plan says to stop at 1"),
        ("seconds", Stop(seconds=0.0), None, "stopped after 0 s in all, as the plan says"),
        ("seconds", Stop(seconds=99.0), 5.0, "stopped after 5 s; go on with `lockwright "),
        ("interrupted", Stop(), None, "interrupted; what was explored is kept: go on with `lockw"),
    ],
)
def test_a_session_says_why_it_ended(
    tmp_path: Path, reason: str, stop: Stop, seconds: float | None, said: str
) -> None:
    head = Head("night", "", "0", "0", "none")
    with Store.create(tmp_path / "it's.campaign", head, [sampled(0)]) as store:
        text = ending(reason, Plan("night", (), stop=stop), store, seconds)
    assert text.startswith(said)
    assert bool(text) == bool(said)
    if "go on" in said:
        assert text.endswith("""it'"'"'s.campaign'`""")


def test_a_store_is_called_as_its_plan_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = ("stress/plans/night.plan.toml", "night.toml", "night", ".toml", "x.plan")
    stores = [str(store_path(name, None)) for name in names]
    assert stores == [
        "night.campaign",
        "night.campaign",
        "night.campaign",
        ".toml.campaign",
        "x.campaign",
    ]
    Path("night.campaign").symlink_to("nowhere")
    with pytest.raises(UsageError, match=r"night\.campaign is there already"):
        store_path("night.toml", None)
