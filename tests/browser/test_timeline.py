"""The timeline in a browser: after each step it says what Python does, however one walks."""

from __future__ import annotations

from dataclasses import replace

from playwright.sync_api import Locator, Page, expect

from lockwright.core.location import Value
from lockwright.core.timeline import NEVER, Timeline
from lockwright.report.columns import runs_of
from lockwright.report.document import Document, Run
from lockwright.report.page import page
from tests.browser.conftest import Opened
from tests.report.documents import HOSTILE
from tests.report.film_runs import (
    film_document,
    held_after,
    lives_after,
    values_after,
    waiting_after,
)
from tests.report.trace_runs import small

STATES = """index => {
  const { film, data } = window.lockwright, run = film.decode(data, index), steps = [];
  for (let step = -1; step <= STEPS; step += 1) {
    const state = film.stateAt(run, step);
    steps.push({
      held: state.held.map(each => [each.lane, each.lock, each.how, each.begin]),
      waiting: state.waiting.map(each => [each.lane, each.lock, each.begin]),
      values: state.values, lives: state.lives,
    });
  }
  return steps;
}"""


def timeline(shown: Page, nth: int = 1) -> Locator:
    """The timeline of a finding, which is opened."""
    finding = shown.locator(f"#finding-{nth}")
    if finding.get_attribute("open") is None:
        finding.locator("summary").first.click()
    drawn = finding.locator(".tl")
    expect(drawn).to_be_visible()
    return drawn


def current(drawn: Locator) -> str:
    return drawn.locator(".tl-now h4").inner_text()


def held(drawn: Locator) -> list[str]:
    return sorted(
        each.get_attribute("data-held") or "" for each in drawn.locator("[data-held]").all()
    )


def waiting(drawn: Locator) -> list[str]:
    return sorted(
        each.get_attribute("data-wait") or "" for each in drawn.locator("[data-wait]").all()
    )


def lanes_of(run: Run) -> list[int]:
    """The task of each lane, where no tasks share one."""
    return sorted({each.task for each in run.events})


def sorted_lists(state: Value) -> Value:
    return {key: sorted(state[key]) if key in ("held", "waiting") else state[key] for key in state}


def test_the_state_after_every_step_is_that_of_the_recording(opened: Opened) -> None:
    shown = opened(page(film_document()))
    compared = 0
    for nth, run in enumerate(film_document().all_runs()):
        told = run.timeline or Timeline()
        if run.scenario == "film:stored":
            continue  # two tasks share a lane
        assert lanes_of(run) == list(range(len(lanes_of(run)))), "a lane is a task here"
        steps = len(run.events)
        states = shown.evaluate(STATES.replace("STEPS", str(steps)), nth)
        assert [sorted_lists(state) for state in states] == [
            {
                "held": [list(each) for each in held_after(told, step)],
                "waiting": [list(each) for each in waiting_after(told, step)],
                "values": values_after(told, step),
                "lives": lives_after(told, step),
            }
            for step in range(-1, steps + 1)
        ]
        compared += len(states)
    assert compared > 50


def test_keys_walk_down_and_up_and_the_panel_is_right_at_each_step(opened: Opened) -> None:
    run = small().all_runs()[0]
    told = run.timeline or Timeline()
    drawn = timeline(opened(page(small())))
    drawn.locator(".tl-body").focus()
    drawn.page.keyboard.press("Home")
    rows = runs_of([each for each in run.events if each.step >= 0])
    seen = []
    for row in rows:
        step = row[-1].step
        assert current(drawn).startswith(f"Step {step}: {row[0].comm}")
        expect(drawn.locator(".tl-now p").first).to_contain_text(row[0].text)
        assert held(drawn) == sorted(" ".join(map(str, each)) for each in held_after(told, step))
        in_periods = [
            (each.task, NEVER, each.begin)
            for each in told.grace_periods
            if each.begin <= step < each.end
        ]
        assert waiting(drawn) == sorted(
            " ".join(map(str, each)) for each in [*waiting_after(told, step), *in_periods]
        )
        seen.append(current(drawn))
        drawn.page.keyboard.press("j")
    assert current(drawn) == "The end"
    back = []
    for _ in rows:
        drawn.page.keyboard.press("ArrowUp")
        back.append(current(drawn))
    assert back == seen[::-1]


def test_keys_lead_to_the_finding_to_the_ends_and_to_switches_of_tasks(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    assert current(drawn) == "The end"
    drawn.locator(".tl-body").focus()
    found: dict[str, list[str]] = {}
    for key in ("Home", "n", "n", "N", "End", "Home", "f"):
        drawn.page.keyboard.press(key)
        found.setdefault(key, []).append(current(drawn).split(":")[0])
    assert found == {
        "Home": ["Step 0", "Step 0"],
        "n": ["Step 1", "Step 2"],
        "N": ["Step 1"],
        "End": ["The end"],
        "f": ["The end"],
    }


def test_keys_do_nothing_outside_of_the_timeline_that_has_the_focus(opened: Opened) -> None:
    shown = opened(page(film_document()))
    one, two = timeline(shown, 1), timeline(shown, 2)
    before = current(two)
    one.locator(".tl-body").focus()
    shown.keyboard.press("Home")
    assert (current(one).split(":")[0], current(two)) == ("Step 0", before)


def test_clicks_walk_select_and_slide(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    drawn.get_by_role("button", name="First step").click()
    expect(drawn.get_by_role("button", name="Previous step")).to_be_disabled()
    drawn.get_by_role("button", name="Next step").click()
    assert current(drawn) == "Step 1: remover"
    drawn.get_by_role("option", name="step 5").click()
    assert current(drawn) == "Step 5: remover"
    expect(drawn.locator("[aria-selected=true]")).to_have_attribute("data-stop", "5")
    drawn.get_by_role("slider").fill("3")
    assert current(drawn) == "Step 3: reader (hardirq)"
    drawn.locator("[data-held='0 0 shared 0'] .tl-since").click()
    assert current(drawn) == "Step 0: reader"
    drawn.get_by_role("button", name="Go to the finding").click()
    assert current(drawn) == "The end"
    expect(drawn.locator(".tl-flag")).to_contain_text("1 task waits for ever")


def test_what_a_step_changes_is_marked_with_what_it_was(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    drawn.get_by_role("option", name="step 5").click()
    thing = drawn.locator("[data-thing='0']")
    expect(thing.locator("[data-field=nr]")).to_have_text("nr = 2 → 1")
    expect(thing.locator("[data-field=nr]")).to_have_class("tl-new")
    # seen for the first time is no change
    expect(thing.locator("[data-field=name]")).not_to_have_class("tl-new")
    drawn.get_by_role("option", name="step 6").click()
    expect(thing.locator("[data-field=nr]")).to_have_text("nr = 1")
    drawn.get_by_role("option", name="step 8").click()
    expect(thing).to_contain_text("freed by this step")
    drawn.get_by_role("button", name="Next step").click()
    expect(thing).to_contain_text("freed by remover")


def test_a_frame_leads_to_its_line_in_the_source(opened: Opened) -> None:
    shown = opened(page(film_document()))
    drawn = timeline(shown, 1)
    drawn.locator(".tl-body").focus()
    shown.keyboard.press("Home")
    here = drawn.locator(".tl-here")
    expect(here).to_contain_text("await a.lock()")
    place = drawn.locator(".tl-source h5 code").inner_text()
    assert place.startswith("tests/report/film_runs.py:")
    assert here.locator("b").inner_text() == place.rpartition(":")[2]
    drawn.get_by_role("button", name=f"Copy {place}").click()
    expect(drawn.get_by_role("button", name=f"Copy {place}")).to_have_text("Copied")


def test_of_a_frame_without_a_source_the_place_is_told(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    drawn.get_by_role("option", name="step 0").click()
    drawn.locator(".tl-chain button").nth(1).click()
    expect(drawn.locator(".tl-source")).to_contain_text("model/small.py:32")
    expect(drawn.locator(".tl-source")).to_contain_text("not in this report")
    expect(drawn.locator(".tl-chain button").nth(1)).to_have_attribute("aria-pressed", "true")


def test_lanes_and_objects_can_be_hidden_and_shown(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    drawn.get_by_text("Show and hide").click()
    expect(drawn.locator(".tl-head")).to_have_count(3)
    drawn.get_by_role("checkbox", name="remover").uncheck()
    assert drawn.locator(".tl-head b").all_inner_texts() == ["reader", "ei"]
    # the remover's steps, in one piece or another: 1, 5, 7 and 8
    assert drawn.locator(".tl-gap").all_inner_texts() == [
        "⋯ 1 step not shown",
        "⋯ 1 step not shown",
        "⋯ 2 steps not shown",
    ]
    expect(drawn.locator(".tl-arrow")).to_have_count(0)
    drawn.get_by_role("checkbox", name="eventfs_inode ei").uncheck()
    assert drawn.locator(".tl-head b").all_inner_texts() == ["reader"]
    drawn.get_by_role("checkbox", name="remover").check()
    expect(drawn.locator(".tl-gap")).to_have_count(0)


def test_only_the_steps_with_a_lock_are_left_and_walked(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    drawn.get_by_text("Show and hide").click()
    drawn.get_by_label("Only steps with").select_option("B list_mutex")
    rows = drawn.locator(".tl-row[data-lane]")
    assert [each.get_attribute("data-stop") for each in rows.all()] == ["1", "6"]
    drawn.locator(".tl-body").focus()
    walked = []
    for key in ("Home", "j", "j"):
        drawn.page.keyboard.press(key)
        walked.append(current(drawn))
    assert walked == ["Step 1: remover", "Step 6: reader", "The end"]


def test_only_what_the_finding_is_about_is_one_switch(opened: Opened) -> None:
    document = small()
    finding = replace(document.results[0].findings[0], classes=("list_mutex",))
    document.results[0].findings = [finding]
    drawn = timeline(opened(page(document)))
    drawn.get_by_role("checkbox", name="Only what the finding is about").check()
    legend = drawn.get_by_label("Legend")
    expect(legend).to_contain_text("list_mutex")
    expect(legend).not_to_contain_text("fs_srcu")
    assert drawn.locator(".tl-gap").count() == 3
    drawn.locator(".tl-body").focus()
    drawn.page.keyboard.press("a")
    expect(drawn.locator(".tl-gap")).to_have_count(0)


def about_list_mutex(opened: Opened) -> Locator:
    """The timeline of a finding about one lock, which one of the tasks has no part in."""
    document = small()
    finding = replace(document.results[0].findings[0], classes=("list_mutex",))
    told = finding.timeline or Timeline()
    events = tuple(
        replace(each, task=2, comm="bystander") if each.step == 3 else each
        for each in finding.events
    )
    finding = replace(finding, events=events, timeline=replace(told, lanes=()))
    document.results[0].findings = [finding]
    return timeline(opened(page(document)))


def test_ticks_show_which_tasks_are_shown(opened: Opened) -> None:
    drawn = about_list_mutex(opened)
    drawn.get_by_text("Show and hide").click()
    tasks = drawn.get_by_role("group", name="Tasks").get_by_role("checkbox")
    assert tasks.count() == 3
    assert all(each.is_checked() for each in tasks.all())
    switch = drawn.get_by_role("checkbox", name="Only what the finding is about")
    switch.check()
    heads = drawn.locator(".tl-head b", has_text="bystander")
    expect(heads).to_have_count(0)
    expect(drawn.get_by_role("checkbox", name="bystander")).not_to_be_checked()
    drawn.get_by_role("checkbox", name="bystander").check()
    expect(heads).to_have_count(1)
    switch.uncheck()
    assert all(each.is_checked() for each in tasks.all())
    drawn.get_by_role("checkbox", name="remover").uncheck()
    for _ in range(2):
        switch.click()
    assert [each.is_checked() for each in tasks.all()] == [True, False, True]


def test_a_switch_moves_from_the_current_step_only_if_it_is_hidden(opened: Opened) -> None:
    drawn = about_list_mutex(opened)
    drawn.locator(".tl-body").focus()
    keyboard = drawn.page.keyboard
    for step, other in (("6", "Step 6"), ("3", "Step 1")):
        drawn.get_by_role("option", name=f"step {step}").click()
        before = current(drawn)
        keyboard.press("a")
        assert current(drawn).startswith(other)
        away = drawn.locator(".tl-away")
        assert away.all_inner_texts() == (
            [] if step == "6" else ["Step 3 is hidden: this is the nearest one"]
        )
        keyboard.press("a")
        assert current(drawn) == before


def test_keys_go_on_at_the_ends_and_where_a_button_went_away(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    keyboard = drawn.page.keyboard
    drawn.get_by_role("button", name="First step").click()
    following = drawn.get_by_role("button", name="Next step")
    following.click()
    keyboard.press("End")
    expect(following).to_be_focused()
    expect(following).to_be_disabled()
    keyboard.press("Enter")
    assert current(drawn) == "The end"
    keyboard.press("k")
    assert current(drawn).startswith("Step 8")
    keyboard.press("Home")
    keyboard.press("n")
    assert current(drawn).startswith("Step 1")
    drawn.get_by_role("option", name="step 5").click()
    drawn.locator("[data-held='0 0 shared 0'] .tl-since").focus()
    keyboard.press("Enter")
    assert current(drawn) == "Step 0: reader"
    drawn.get_by_role("option", name="step 3").click()
    drawn.locator(".tl-chain button").nth(2).focus()
    keyboard.press("j")  # one frame less, so its button is gone
    expect(drawn.locator(".tl-chain button")).to_have_count(2)
    keyboard.press("j")
    assert current(drawn).startswith("Step 5")


def test_waits_point_to_who_is_waited_for_and_wakes_to_who_goes_on(opened: Opened) -> None:
    drawn = timeline(opened(page(small())))
    kinds = [each.get_attribute("class") for each in drawn.locator(".tl-arrow").all()]
    # the grace period waits for the reader, whose leaving wakes it; the reader for the mutex
    assert sorted(kind.split()[1] for kind in kinds if kind) == [
        "tl-arrow-on",
        "tl-arrow-period",
        "tl-arrow-woken",
    ]
    expect(drawn.locator(".tl-period")).not_to_have_count(0)
    expect(drawn.locator(".tl-hold.tl-shared")).to_have_count(1)


def test_without_a_timeline_there_are_lanes_and_steps(opened: Opened) -> None:
    drawn = timeline(opened(page(small(timeline=None))))
    drawn.get_by_role("option", name="step 3").click()
    assert current(drawn) == "Step 3: reader (hardirq)"
    expect(drawn.locator(".tl-chain button")).to_have_count(3)
    expect(drawn.locator(".tl-row")).to_have_count(10)
    expect(drawn.locator(".tl-hold, .tl-wait, .tl-arrow, .tl-source")).to_have_count(0)
    drawn.get_by_role("checkbox", name="Only what the finding is about").check()
    expect(drawn.locator(".tl-row")).to_have_count(10)


def test_a_run_without_a_step_says_so(opened: Opened) -> None:
    shown = opened(page(Document("empty", runs=[Run("nothing", "", (), None)])))
    said = shown.evaluate(
        """() => {
          const place = document.createElement("section");
          window.lockwright.components.timeline(place, 0);
          return place.textContent;
        }"""
    )
    assert said == "No task made a step."


def test_hostile_names_are_text(opened: Opened) -> None:
    document = small()
    finding = document.results[0].findings[0]
    told = finding.timeline or Timeline()
    told = replace(
        told,
        locks=tuple(lock._replace(name=HOSTILE, lock_class=HOSTILE) for lock in told.locks),
        things=tuple(thing._replace(name=HOSTILE, fields=(HOSTILE, "b")) for thing in told.things),
        lanes=tuple(lane._replace(comm=HOSTILE) for lane in told.lanes),
        changes=tuple(change._replace(value=HOSTILE) for change in told.changes),
    )
    events = tuple(replace(each, text=HOSTILE, comm=HOSTILE) for each in finding.events)
    hostile = replace(finding, timeline=told, events=events, message=HOSTILE)
    document.results[0].findings = [hostile]
    path = told.places[0].path
    document.sources[path] = "\n".join([f"def f():  # {HOSTILE}"] * 80)
    shown = opened(page(document), viewport={"width": 390, "height": 800})
    drawn = timeline(shown)
    drawn.get_by_role("button", name="First step").click()
    expect(drawn.locator(".tl-now")).to_contain_text("<script>alert")
    expect(drawn.locator(".tl-source")).to_contain_text("<script>alert")
    assert shown.locator("main script").count() == 0
    assert shown.evaluate("document.documentElement.scrollWidth") <= 390


def test_two_hundred_steps_in_eight_lanes_open_and_step_fast(opened: Opened) -> None:
    document = Document("large", results=small().results)
    finding = document.results[0].findings[0]
    events = tuple(
        replace(finding.events[at % 2], step=at, task=at % 8, comm=f"task{at % 8}")
        for at in range(200)
    )
    told = replace(
        finding.timeline or Timeline(),
        chains=tuple(((0, 1), (2, 3))[at % 2] for at in range(200)),
        lanes=(),
    )
    document.results[0].findings = [replace(finding, events=events, timeline=told, step=150)]
    shown = opened(page(document))
    timeline(shown)
    took = shown.evaluate(
        """() => {
          const place = document.createElement("section");
          document.querySelector("main").append(place);
          const begin = performance.now();
          window.lockwright.components.timeline(place, 0);
          place.getBoundingClientRect();
          const drawn = performance.now() - begin;
          return [drawn, place.querySelectorAll(".tl-row").length];
        }"""
    )
    assert took[1] >= 200
    # on an idle machine a quarter of a second at most; the bound is for a busy one
    assert took[0] < 2000
    step = shown.evaluate(
        """async () => {
          const body = document.querySelector("#finding-1 .tl-body");
          const begin = performance.now();
          for (let at = 0; at < 10; at += 1) {
            body.dispatchEvent(new KeyboardEvent("keydown", { key: "j", bubbles: true }));
            await new Promise(requestAnimationFrame);
          }
          return (performance.now() - begin) / 10;
        }"""
    )
    assert current(shown.locator("#finding-1 .tl")) == "Step 160: task0"
    assert step < 500
