"""Who watches a campaign: what is counted, what a terminal shows, and the plain lines elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence

import pytest
from rich.console import Console

from lockwright.campaign.item import Arm, Item
from lockwright.campaign.piece import DIED, ERROR, Ended, Failure, Piece
from lockwright.campaign.plan import Stop
from lockwright.campaign.record import DONE, FAILED, GOING, TODO, Head, Record
from lockwright.campaign.watcher import Nobody, Watcher
from lockwright.commands.campaign_tally import WINDOW_S, Ends, Tally
from lockwright.commands.campaign_view import EVERY_S, Lines, Screen, drawing, watching
from lockwright.core.finding import Finding
from lockwright.options import Options

HEAD = Head("nightly", "", "0" * 8, "0", "none")
LOST = Finding("leak", "nobody frees the box", "box", 0, "one")


class Clock:
    """A clock that goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def sampled(number: int, most: int = 1000) -> Item:
    """An item of one random strategy."""
    options = Options("pct", executions=most)
    return Item(number, f"demo/d:case_{number}", (), options, (Arm("pct", 0, most),))


def searched(number: int, most: int | None = None, seconds: float | None = None) -> Item:
    """An item of an exhaustive strategy."""
    return Item(number, f"demo/d:case_{number}", (), Options(executions=most, seconds=seconds))


def pieces(items: Sequence[Item], each: int = 1, generation: int = 0) -> list[Piece]:
    """Some pieces of each of the items."""
    whole = [item for item in items for _ in range(each)]
    return [Piece(generation, at, item, {"kind": "range"}) for at, item in enumerate(whole)]


def done(piece: Piece, executions: int) -> Ended:
    """A piece that had so many executions."""
    return Ended(piece, {"executions": executions, "findings": []})


def tally_of(
    items: Sequence[Item], ends: Ends | None = None, *, phase: str = TODO
) -> tuple[Tally, Clock]:
    """A tally of a session that has just begun, with four workers."""
    clock = Clock()
    tally = Tally(ends or Ends(), clock=clock)
    tally.begin(HEAD, [Record(item, phase) for item in items], "local", 4)
    return tally, clock


def test_executions_are_those_of_closed_generations_and_of_the_open_one() -> None:
    item = sampled(0)
    tally, _ = tally_of([item])
    first, second = pieces([item], 2)
    tally.give([first, second])
    tally.end(done(first, 30))
    tally.end(done(second, 12))
    assert tally.executions == 42
    tally.close([Record(item, GOING, executions=42)])
    assert tally.executions == 42
    tally.give(pieces([item], generation=1))
    assert tally.executions == 42


def test_the_rate_is_that_of_the_last_minute() -> None:
    item = sampled(0)
    tally, clock = tally_of([item])
    for executions in (1000, 10, 10):
        clock.now += WINDOW_S / 2
        tally.end(done(pieces([item])[0], executions))
    assert tally.rate == (1020 - 1000) / WINDOW_S
    assert tally.rate_of(tally.records[0]) == 1020 / (1.5 * WINDOW_S)


def test_a_resumed_campaign_begins_with_no_rate() -> None:
    item = sampled(0)
    clock = Clock()
    tally = Tally(clock=clock)
    tally.begin(HEAD, [Record(item, GOING, executions=500)], "local", 1)
    clock.now += 10
    assert (tally.executions, tally.rate, tally.rate_of(tally.records[0])) == (500, 0, 0)


def left(ends: Ends, *items: Item) -> str:
    """What is left when each of the items has had 100 executions, all in 10 seconds."""
    tally, clock = tally_of(items, ends)
    tally.give(pieces(items))
    clock.now += 10
    for piece in pieces(items):
        tally.end(done(piece, 100))
    return tally.left()


def test_what_is_left_is_told_by_what_there_is_to_explore() -> None:
    assert left(Ends(), sampled(0, 300), sampled(1, 300)) == "about 20 seconds left"
    assert left(Ends(), searched(0, 300)) == "at most about 20 seconds left"
    assert left(Ends(), searched(0, seconds=400), searched(1, 300)) == (
        "at most about 2 minutes left"  # 400 s of four workers, and 20 s of all
    )
    assert left(Ends(), searched(0), sampled(1)) == "until all is explored"


def test_what_is_left_is_told_by_where_the_campaign_ends() -> None:
    endless = (searched(0),)
    assert left(Ends(Stop(seconds=100), before=30), *endless) == "at most about 1 minute left"
    assert left(Ends(Stop(seconds=100), seconds=15), *endless) == "at most about 5 seconds left"
    assert left(Ends(Stop(executions=150)), sampled(0)) == "about 5 seconds left"
    assert left(Ends(Stop(findings=3)), *endless) == "until 3 findings"
    assert left(Ends(Stop(findings=3)), sampled(0, 300)) == "at most about 20 seconds left"
    assert left(Ends(seconds=3), *endless) == "at most about 0 seconds left"


def test_a_death_is_told_with_what_becomes_of_the_piece() -> None:
    item = sampled(0)
    tally, _ = tally_of([item])
    (piece,) = pieces([item])
    tally.give([piece])
    killed = Ended(piece, failure=Failure(DIED, "SIGKILL"))
    assert tally.die(killed, 1) == (
        "demo/d:case_0 pct: SIGKILL; the piece is tried again (try 1 of 3)"
    )
    assert tally.die(killed, 3) == "demo/d:case_0 pct: SIGKILL; the piece is given up"
    raised = Ended(piece, failure=Failure(ERROR, "ValueError: no"))
    assert tally.die(raised, 1) == "demo/d:case_0 pct cannot be explored: ValueError: no"
    assert tally.progress() == (
        "0 executions, 0 a second, 0 findings, 3 tries failed, until all is explored"
    )


def watched(watcher: Watcher, clock: Clock) -> None:
    """A session of two items: a finding, a death, two generations."""
    items = [sampled(0), searched(1)]
    watcher.began(HEAD, [Record(item) for item in items], "local", 4, resumed=False)
    first, second = given = pieces(items)
    watcher.given(given)
    clock.now += 2
    watcher.found(LOST, items[0])
    watcher.ended(done(first, 1000))
    watcher.died(Ended(second, failure=Failure(DIED, "SIGKILL")), 1)
    watcher.ended(done(second, 24))
    ended = Record(items[0], DONE, executions=1000)
    watcher.closed([ended, Record(items[1], GOING, executions=24)])
    watcher.given(pieces([items[1]], generation=1))
    clock.now += EVERY_S
    watcher.ended(done(pieces([items[1]], generation=1)[0], 200))
    watcher.closed([ended, Record(items[1], FAILED, executions=224, failure="no")])


def test_plain_lines_say_what_was_found_at_once_and_how_far_it_is_now_and_then() -> None:
    said: list[str] = []
    clock = Clock()
    watched(Lines(Tally(clock=clock), said.append), clock)
    how_far = "1 of 2 items done, 1 failed; 1,224 executions, 102 a second"
    assert said == [
        "campaign nightly begins: 0 of 2 items done, 4 workers (local)",
        "found in demo/d:case_0 pct: leak: nobody frees the box",
        "demo/d:case_1 dpor: SIGKILL; the piece is tried again (try 1 of 3)",
        f"{how_far}, 1 finding, 1 try failed, about 0 seconds left",
    ]


def test_plain_lines_say_how_far_it_is_once_in_a_while() -> None:
    said: list[str] = []
    clock = Clock()
    lines = Lines(Tally(clock=clock), said.append)
    lines.began(HEAD, [], "local", 1, resumed=False)
    for seconds in (1.0, EVERY_S, 1.0, EVERY_S - 2, 1.0):
        clock.now += seconds
        lines.closed([])
    assert len(said) == 1 + 2  # after 1 + EVERY_S seconds, and EVERY_S later


def test_a_resumed_campaign_says_so_and_counts_the_findings_that_it_had() -> None:
    said: list[str] = []
    lines = Lines(Tally(clock=Clock(), found=3), said.append)
    lines.began(HEAD, [Record(sampled(0), GOING)], "dask", 1, resumed=True)
    assert said == ["campaign nightly goes on: 0 of 1 item done, 1 worker (dask)"]
    assert "3 findings" in lines.tally.progress()


def drawn(tally: Tally, width: int, height: int = 30) -> list[str]:
    """The lines of the live view."""
    console = Console(
        file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None
    )
    with console.capture() as captured:
        console.print(drawing(tally, width, height))
    return [line.rstrip() for line in captured.get().splitlines()]


def test_what_was_told_before_the_session_is_known_and_no_part_of_its_rate() -> None:
    items = [searched(0), sampled(1), sampled(2)]
    clock = Clock()
    tally = Tally(clock=clock, generation=3)
    tally.recall(
        [
            (0, {"executions": 7, "result": {}}),
            (1, {"executions": 20}),
            (1, {"executions": 30}),
        ]
    )
    tally.begin(HEAD, [Record(item) for item in items], "local", 1)
    tally.give(pieces(items[1:], 1, 3))
    clock.now += 10
    assert (tally.executions, tally.rate) == (57, 0)
    assert tally.standing() == "1 of 3 items done"
    assert [line.split()[0] for line in drawn(tally, 40)[3:]] == ["demo/d:case_1", "demo/d:case_2"]
    assert drawn(tally, 100)[3].endswith("2 of 3")


def screen(width: int, height: int, *, items: int = 2, each: int = 3) -> list[str]:
    """What the live view shows of a campaign in its first generation."""
    whole = [sampled(number) for number in range(items)]
    tally, clock = tally_of(whole)
    tally.generation = 4
    given = pieces(whole, each, 4)
    tally.give(given)
    clock.now += 3662
    tally.end(done(given[0], 256))
    return drawn(tally, width, height)


def test_the_live_view_shows_the_whole_and_each_item_that_is_explored() -> None:
    assert screen(100, 30) == [
        "nightly: 0 of 2 items done, generation 4, 4 workers (local), 1:01:02",
        "256 executions, 0 a second, 0 findings, about 7 hours left",
        "item" + 49 * " " + "executions  findings  a second  covered  pieces",
        "demo/d:case_0 pct" + 34 * " " + "256 of 1,000         0         0        0  1 of 3",
        "demo/d:case_1 pct" + 36 * " " + "0 of 1,000         0         0        0  0 of 3",
    ]


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
@pytest.mark.parametrize("height", [6, 10, 24])
def test_hundreds_of_items_stay_within_the_screen(width: int, height: int) -> None:
    lines = screen(width, height, items=300)
    assert len(lines) < height
    assert max(map(len, lines)) <= width
    assert lines[3].startswith("demo/d:")
    shown = len(lines) - 4
    if width >= 60:
        assert lines[-1] == f"{300 - shown:,} more are being explored"


def test_a_narrow_screen_keeps_what_matters_most() -> None:
    assert screen(40, 10)[2].split() == ["item", "executions"]
    assert screen(60, 10)[2].split() == ["item", "executions", "findings"]
    assert screen(80, 10)[2].split() == ["item", "executions", "findings", "a", "second"]


def test_an_item_that_has_told_its_result_is_done_before_its_generation_is() -> None:
    endless, whole = searched(0), sampled(1)
    tally, clock = tally_of([endless, whole])
    first, second, third = pieces([endless, whole, whole])
    tally.give([first, second, third])
    clock.now += 10
    tally.end(done(second, 100))
    assert (tally.standing(), tally.left()) == ("0 of 2 items done", "until all is explored")
    tally.end(Ended(first, {"executions": 100, "findings": [], "result": {}}))
    assert tally.standing() == "1 of 2 items done"
    assert tally.left() == "about 45 seconds left"  # 900 of 20 a second
    shown = drawn(tally, 100)
    assert [line for line in shown if endless.name in line] == []
    assert len([line for line in shown if whole.name in line]) == 1
    tally.die(Ended(third, failure=Failure(ERROR, "ValueError: no")), 1)
    assert tally.standing() == "1 of 2 items done, 1 failed"
    assert [line for line in drawn(tally, 100) if "case" in line] == []


def test_nothing_is_drawn_before_a_session_begins() -> None:
    assert "".join(drawn(Tally(), 100)) == ""


def test_items_that_wait_are_counted() -> None:
    items = [sampled(0), sampled(1), sampled(2)]
    tally, _ = tally_of(items)
    tally.give(pieces(items[:1]))
    assert drawn(tally, 100)[-1] == "2 wait for their turn"


def test_a_terminal_keeps_the_findings_and_loses_the_view() -> None:
    written = io.StringIO()
    console = Console(file=written, width=100, height=20, force_terminal=True, color_system=None)
    clock = Clock()
    view = Screen(Tally(clock=clock), console, auto_refresh=False)
    with view:
        watched(view, clock)
        view.live.refresh()
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written.getvalue())
    assert plain.count("found in demo/d:case_0 pct: leak: nobody frees the box\n") == 1
    assert "demo/d:case_1 dpor: SIGKILL; the piece is tried again (try 1 of 3)\n" in plain
    assert "\x1b[2K" in written.getvalue()


def test_names_are_text_and_no_markup() -> None:
    item = Item(0, "demo/d:case", (("files", "[bold]2[/bold]"),), Options())
    tally, _ = tally_of([item])
    tally.give(pieces([item]))
    assert "files=[bold]2[/bold]" in "".join(drawn(tally, 100))


def test_who_asks_for_quiet_has_nobody_watch(capsys: pytest.CaptureFixture[str]) -> None:
    with watching(Tally(), quiet=True) as nobody:
        assert isinstance(nobody, Nobody)
    with watching(Tally(clock=Clock()), quiet=False) as lines:
        assert isinstance(lines, Lines)
        lines.began(HEAD, [], "local", 1, resumed=False)
    said = capsys.readouterr().err
    assert said == "campaign nightly begins: 0 of 0 items done, 1 worker (local)\n"


def test_the_view_of_a_terminal_draws_by_itself_while_a_session_goes_on() -> None:
    written = io.StringIO()
    console = Console(file=written, width=100, height=20, force_terminal=True, color_system=None)
    items = [sampled(number) for number in range(50)]
    view = Screen(Tally(), console)
    view.live.refresh_per_second = 200
    with view:
        view.began(HEAD, [Record(item) for item in items], "local", 2, resumed=False)
        for generation in range(20):
            given = pieces(items, 2, generation)
            view.given(given)
            for piece in given:
                view.ended(done(piece, 1))
            view.found(LOST, items[0])
            view.closed([Record(item, GOING, executions=2) for item in items])
    assert written.getvalue().count("found in demo/d:case_0 pct") == 20
