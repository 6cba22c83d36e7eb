"""What comes of a scope: the bugs of its programs, each once, at the smallest program."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace

import pytest

from lockwright.calls import Call, Calls
from lockwright.check.linearizability import NOT_LINEARIZABLE
from lockwright.check.linearreference import reference_of
from lockwright.core.errors import InternalError, UsageError
from lockwright.core.finding import Finding
from lockwright.core.result import Verdict
from lockwright.core.world import World
from lockwright.options import Options
from lockwright.scope import Scope, ScopeProgress, ScopeResult, ScopeSession, explore_scope, scope
from lockwright.scope.result import Telling, identity
from lockwright.session import Session, explore
from lockwright.token import parse_token
from tests.scope.designs import CRASHING, DOOR, FINE, PAIR, RING, SUM, Bank

PREDICTED = "possible circular locking dependency"


def shown(result: ScopeResult) -> list[tuple[str, str, str | None, int]]:
    return [
        (found.program.partition(":")[2], found.finding.kind, found.finding.reality, found.programs)
        for found in result.found
    ]


@pytest.mark.parametrize(
    ("made", "size", "found"),
    [
        (PAIR, (1, 1), []),
        (
            PAIR,
            (2, 1),
            [
                ("calls(ab|ba)", "deadlock", None, 1),
                ("calls(ab|ba)", PREDICTED, "confirmed", 1),
            ],
        ),
        # One task alone takes them in both orders: that is a prediction, which comes to nothing.
        (PAIR, (1, 2), [("calls(ab;ba)", PREDICTED, "refuted", 2)]),
        (RING, (2, 1), []),
        (RING, (1, 2), []),
        (
            RING,
            (3, 1),
            [
                ("calls(ab|bc|ca)", "deadlock", None, 1),
                ("calls(ab|bc|ca)", PREDICTED, "confirmed", 1),
            ],
        ),
        (SUM, (2, 1), []),
        (SUM, (1, 2), []),
        (SUM, (2, 2), [("calls(add:=1|add:=1;add:=1)", "broken promise", None, 2)]),
        (DOOR, (1, 2), []),
        (DOOR, (3, 1), []),
        (DOOR, (2, 2), [("calls(visit|visit;go:&1)", "broken promise", None, 3)]),
    ],
)
def test_a_bug_is_found_in_the_scope_that_it_needs(
    made: Calls, size: tuple[int, int], found: list[tuple[str, str, str | None, int]]
) -> None:
    result = explore_scope(made, tasks=size[0], operations=size[1])
    assert shown(result) == found
    assert (result.verdict, result.complete) == (
        Verdict.VIOLATED if found else Verdict.VERIFIED,
        True,
    )
    assert result.explored == result.programs


def test_the_totals_are_those_of_the_programs() -> None:
    result = explore_scope(FINE, tasks=2, operations=2)
    each = [explore(FINE.scenario(program)) for program in scope(FINE, tasks=2, operations=2)]
    # Three calls make 3 + 9 tasks, and those 12 + 12 * 13 / 2 programs.
    assert (result.programs, result.explored, len(each)) == (90, 90, 90)
    assert result.executions == sum(one.executions for one in each)
    assert result.steps == sum(one.steps for one in each)
    assert result.deadlocked == 0


@pytest.mark.parametrize("made", [PAIR, RING])
def test_each_kind_of_finding_of_each_program_is_among_the_findings(made: Calls) -> None:
    size = (2, 2) if made is PAIR else (3, 1)
    result = explore_scope(made, tasks=size[0], operations=size[1])
    every = {
        finding.kind
        for program in scope(made, tasks=size[0], operations=size[1])
        for finding in explore(made.scenario(program)).findings
    }
    assert every == {finding.kind for finding in result.findings}


def test_a_deadlock_is_one_finding_however_many_more_wait() -> None:
    three = explore(PAIR.scenario("calls(ab|ab|ba)"))
    stuck = [finding for finding in three.findings if finding.kind == "deadlock"]
    assert {len(finding.waits) for finding in stuck} == {2, 3}
    result = explore_scope(PAIR, tasks=3, operations=1)
    # ab|ba, ab|ab|ba and ab|ba|ba deadlock.
    assert shown(result)[0] == ("calls(ab|ba)", "deadlock", None, 3)
    assert [found.finding.kind for found in result.found] == ["deadlock", PREDICTED]


def test_a_prediction_is_told_where_it_comes_true_and_not_where_it_does_not() -> None:
    result = explore_scope(PAIR, tasks=2, operations=2)
    smaller = [str(program) for program in scope(PAIR, tasks=2, operations=2)]
    assert smaller.index("calls(ab;ba)") < smaller.index("calls(ab|ba)")
    predicted = [each for each in shown(result) if each[1] == PREDICTED]
    assert [each[:3] for each in predicted] == [("calls(ab|ba)", PREDICTED, "confirmed")]


def test_two_ways_to_the_same_locks_are_two_deadlocks() -> None:
    async def again(at: Bank) -> None:
        await at.b.lock()
        await at.a.lock()
        await at.a.unlock()
        await at.b.unlock()

    made = replace(PAIR, functions={**PAIR.functions, "again": again})
    cases = [f"calls(ab|{other})" for other in ("ba", "again")]
    known = {
        identity(finding, case)
        for case in cases
        for finding in explore(made.scenario(case)).findings
        if finding.kind == "deadlock"
    }
    assert len(known) == 2
    case = "calls(ba;ab|ab;ba)"  # the tasks are called by what they call first
    assert known & {identity(finding, case) for finding in explore(PAIR.scenario(case)).findings}


def test_deadlocks_differ_by_what_is_held_and_not_by_the_names_of_tasks() -> None:
    def stuck(comm: str, held: str) -> Finding:
        lines = (
            f"INFO: task {comm}:840 blocked for ever in mutex_lock(B)",
            "  both+0x2/0x9",
            f"  holds: {held}",
            "  said of nobody",
        )
        return Finding("deadlock", "", f"{comm} in mutex_lock(B)", 0, comm, lines=lines)

    one = identity(stuck("ab", "A (both)"), "calls(ab)")
    assert one == ("deadlock", "mutex_lock(B) both   holds: A (both)")
    assert one == identity(stuck("ba-1", "A (both)"), "calls(ba|ba)")
    assert one != identity(stuck("ab", "C (both)"), "calls(ab)")


class Sum:
    """Adds, and tells the sum."""

    def __init__(self) -> None:
        self.total = 0

    def bump(self) -> int:
        self.total += 1
        return self.total

    def twice(self) -> int:
        self.total += 2
        return self.total


async def in_two(at: Bank, amount: int) -> int:
    """Adds to what was there a moment ago."""
    await at.b.lock()
    total = at.total
    await at.b.unlock()
    await at.b.lock()
    at.total = total + amount
    await at.b.unlock()
    return total + amount


def test_what_is_not_linearizable_is_told_for_the_fewest_calls() -> None:
    async def bump(at: Bank) -> int:
        return await in_two(at, 1)

    async def twice(at: Bank) -> int:
        return await in_two(at, 2)

    made = Calls(
        "bank/counter",
        Bank,
        {"bump": bump, "twice": twice},
        alphabet=(Call("bump"), Call("twice")),
        reference=reference_of(Sum),
    )
    result = explore_scope(made, tasks=2, operations=1)
    # bump|twice is wrong too, which is no news after bump|bump; twice|twice has no bump in it.
    assert shown(result) == [
        ("calls(bump|bump)", NOT_LINEARIZABLE, None, 2),
        ("calls(twice|twice)", NOT_LINEARIZABLE, None, 1),
    ]
    larger = explore_scope(made, tasks=2, operations=2)
    assert [each[0] for each in shown(larger)] == [each[0] for each in shown(result)]


def test_every_token_makes_its_finding_happen_again() -> None:
    result = explore_scope(PAIR, tasks=2, operations=2, options=Options(attempts=20))
    for found in result.found:
        token = parse_token(found.finding.token)
        assert token.scenario == found.program
        if found.finding.kind == "deadlock":
            session = Session(PAIR.scenario(token.scenario.partition(":")[2]), Options())
            _, again = session.run_once(token.schedule, token.marks)
            assert "deadlock" in [finding.kind for finding in again]
    # ab holds A, ba takes B: one preemption, and none does not do.
    assert result.found[0].finding.preemptions == 1
    assert result.found[0].finding.minimal


@pytest.mark.parametrize("made", [PAIR, DOOR])
def test_the_result_is_the_same_however_many_processes_there_are(made: Calls) -> None:
    options = Options(attempts=10)
    alone = explore_scope(made, tasks=2, operations=2, options=options)
    many = explore_scope(made, tasks=2, operations=2, options=replace(options, jobs=3))
    assert many.as_json() == alone.as_json()


def test_a_bound_is_each_programs_own_and_no_pass() -> None:
    each = {
        str(program): explore(FINE.scenario(program)).executions
        for program in scope(FINE, tasks=2, operations=2)
    }
    more = [name for name, executions in each.items() if executions > 1]
    result = explore_scope(FINE, tasks=2, operations=2, options=Options(executions=1))
    assert (result.verdict, result.complete) == (Verdict.STOPPED, False)
    assert (result.explored, result.executions) == (90, 90)
    assert result.incomplete == len(more) > 0
    # The order of two additions to the sum is the first that counts.
    assert more[0] == "calls(add:=1|add:=1)"
    assert result.covered.startswith(
        f"{len(more)} programs not to the end, first bank/fine:{more[0]}: 1 execution, not all"
    )
    enough = explore_scope(
        FINE, tasks=2, operations=2, options=Options(executions=max(each.values()))
    )
    assert (enough.verdict, enough.complete, enough.covered) == (Verdict.VERIFIED, True, "")


def test_time_that_ran_out_is_no_pass() -> None:
    result = explore_scope(FINE, tasks=2, operations=1, options=Options(seconds=1e-9))
    assert (result.verdict, result.complete, result.explored) == (Verdict.STOPPED, False, 0)
    assert result.covered == "0 of 9 programs explored"
    assert result.assumptions[0] == "0 of 9 programs explored"


def test_a_program_whose_time_ran_out_is_not_kept() -> None:
    options = Options(strategy="random", executions=10**6, seconds=0.05)
    session = ScopeSession(Scope(PAIR, 2, 1), options)
    kept: list[Telling] = []
    session.keep = kept.append
    result = session.explore()
    assert (kept, result.explored, result.complete) == ([], 0, False)
    assert 0 < result.executions < 10**6


def test_a_search_that_bounds_itself_says_so() -> None:
    options = Options(strategy="bounded", bound=0)
    result = explore_scope(FINE, tasks=2, operations=1, options=options)
    assert (result.verdict, result.complete) == (Verdict.WITHIN_BOUND, False)


def test_what_a_green_result_does_not_show_is_said_of_the_scope() -> None:
    said = explore_scope(FINE, tasks=2, operations=1).assumptions
    assert said[0] == ("at most 2 tasks, with at most 1 call each, and no calls but: ab bc add:=1")
    assert said[1:] == explore(FINE.scenario("calls(ab|bc)")).assumptions[1:]


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_a_model_raises_is_raised(jobs: int) -> None:
    with pytest.raises(ValueError, match=r"^the model has a bug$"):
        explore_scope(CRASHING, tasks=2, operations=1, options=Options(jobs=jobs))


@pytest.mark.parametrize("jobs", [1, 2])
def test_programs_that_cannot_be_judged_do_not_stop_the_others(jobs: int) -> None:
    def said(session: Session, error: BaseException) -> str:
        return f"{session.scenario.name}: {type(error).__name__}: {error}"

    session = ScopeSession(Scope(CRASHING, 2, 1), Options(jobs=jobs), on_failure=said)
    result = session.explore()
    assert [(each.program, each.error, each.status, each.programs) for each in result.errors] == [
        (
            "bank/crashing:calls(crash)",
            "bank/crashing:calls(crash): ValueError: the model has a bug",
            4,
            3,
        )
    ]
    assert (result.verdict, result.complete, result.explored) == (Verdict.STOPPED, False, 5)
    assert result.executions == 2  # of ab and ab|ab


class Counting:
    """A ground that counts how often it was made, and by which program."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, world: World) -> Bank:
        self.made += 1
        return Bank(world)


def test_what_was_kept_is_not_explored_again() -> None:
    ground = Counting()
    made = replace(PAIR, ground=ground)
    session = ScopeSession(Scope(made, 2, 2), Options())
    tellings: dict[str, Telling] = {}
    session.keep = lambda telling: tellings.update({telling["program"]: telling})
    whole = session.explore()
    assert len(tellings) == whole.programs == 27
    ground.made = 0
    again = ScopeSession(Scope(made, 2, 2), Options())
    again.kept = json.loads(json.dumps(tellings))
    assert (again.explore().as_json(), ground.made) == (whole.as_json(), 0)


@pytest.mark.parametrize("lost", [("ab|ba",), ("ab|ab", "ab|ba", "ab;ba|ab"), ("ab", "ba")])
def test_what_is_missing_is_explored_with_the_same_result(lost: tuple[str, ...]) -> None:
    session = ScopeSession(Scope(PAIR, 2, 2), Options())
    tellings: dict[str, Telling] = {}
    session.keep = lambda telling: tellings.update({telling["program"]: telling})
    # as several processes do: those with findings come last, and then first
    tasks = list(session._tasks())
    for task in (*tasks[::-2], *tasks[-2::-2]):
        session._one(task, None)
    whole = explore_scope(PAIR, tasks=2, operations=2)
    assert session.result.as_json() == whole.as_json()
    for name in lost:
        tellings.pop(f"calls({name})", None)
    again = ScopeSession(Scope(PAIR, 2, 2), Options())
    again.kept = json.loads(json.dumps(tellings))
    assert again.explore().as_json() == whole.as_json()


def test_what_only_a_larger_program_tells_of_is_not_told_without_that_one() -> None:
    session = ScopeSession(Scope(PAIR, 2, 2), Options())
    tellings: dict[str, Telling] = {}
    session.keep = lambda telling: tellings.update({telling["program"]: telling})
    for task in list(session._tasks())[:10][::-1]:
        session._one(task, None)
    assert tellings["calls(ab;ba)"]["findings"] == []  # ab|ba came first, and confirms it
    assert len(tellings["calls(ab|ba)"]["findings"]) == 2
    del tellings["calls(ab|ba)"]
    again = ScopeSession(Scope(PAIR, 2, 2), Options(seconds=1e-9))
    again.kept = tellings
    result = again.explore()
    assert (result.findings, result.verdict) == ([], Verdict.STOPPED)


def test_what_has_more_executions_than_a_bound_is_kept() -> None:
    session = ScopeSession(Scope(PAIR, 2, 1), Options(executions=2))
    tellings: dict[str, Telling] = {}
    session.keep = lambda telling: tellings.update({telling["program"]: telling})
    whole = session.explore()
    again = ScopeSession(Scope(PAIR, 2, 1), Options(executions=1))
    again.kept = tellings
    assert again.explore().as_json() == whole.as_json()


def test_what_was_stopped_by_another_bound_is_explored_again() -> None:
    session = ScopeSession(Scope(FINE, 2, 1), Options(executions=1))
    tellings: dict[str, Telling] = {}
    session.keep = lambda telling: tellings.update({telling["program"]: telling})
    assert not session.explore().complete
    again = ScopeSession(Scope(FINE, 2, 1), Options())
    again.kept = tellings
    assert again.explore().as_json() == explore_scope(FINE, tasks=2, operations=1).as_json()


def test_progress_tells_how_many_programs_are_done() -> None:
    told: list[tuple[int, int, int]] = []

    def listen(progress: ScopeProgress) -> None:
        told.append((progress.programs, progress.executions, progress.findings))
        assert progress.total == 27

    result = explore_scope(PAIR, tasks=2, operations=2, progress=listen)
    assert told == sorted(told)
    assert told[-1][:2] == (27, result.executions)


def test_the_result_is_json_with_a_version() -> None:
    result = explore_scope(PAIR, tasks=2, operations=1, options=Options(version="abc"))
    data = json.loads(json.dumps(result.as_json()))
    first = data["findings"][0]
    assert (first["program"], first["programs"]) == ("bank/pair:calls(ab|ba)", 1)
    assert {name: data[name] for name in data if name not in ("findings", "assumptions")} == {
        "version": 1,
        "scenario": "bank/pair tasks=2,operations=1",
        "design": "bank/pair",
        "tasks": 2,
        "operations": 1,
        "parameters": {},
        "strategy": "dpor",
        "verdict": "violated",
        "complete": True,
        "programs": 5,
        "explored": 5,
        "incomplete": {"programs": 0, "first": "", "covered": ""},
        "executions": 7,  # ab|ba has three traces, of the others each one
        "steps": result.steps,
        "deadlocked": 1,
        "errors": [],
        "model_version": "abc",
    }


@pytest.mark.parametrize(
    ("options", "parameters", "said"),
    [
        (Options(strategy="dporr"), {}, "unknown strategy 'dporr'; did you mean dpor"),
        (Options(strategy="random"), {}, "^strategy random needs a number of executions"),
        (Options(jobs=0), {}, "^0 jobs: expected 1 or more"),
        (Options(rules=("none",)), {}, "^unknown rule 'none'"),
        (Options(), {"x": "1"}, r"^bank/fine:calls\(ab\) has no parameter 'x'"),
        (Options(prefix=((0, 0),)), {}, "^the programs of a scope have no prefix in common"),
    ],
)
def test_what_nothing_can_be_explored_with_is_refused(
    options: Options, parameters: Mapping[str, str], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        explore_scope(FINE, tasks=1, operations=1, options=options, parameters=parameters)


def test_a_random_strategy_can_be_asked_too() -> None:
    options = Options(strategy="random", executions=7, seed=3)
    result = explore_scope(PAIR, tasks=2, operations=1, options=options)
    assert (result.executions, result.explored, result.complete) == (35, 5, False)
    assert result.findings


def test_a_program_that_kills_its_process_is_named() -> None:
    async def kill(at: Bank) -> None:
        await at.a.lock()
        os._exit(9)

    made = replace(PAIR, functions={**PAIR.functions, "ba": kill})
    with pytest.raises(InternalError, match=r"^calls\(ba\): 3 processes died .* exit status 9"):
        explore_scope(made, tasks=1, operations=1, options=Options(jobs=2))
