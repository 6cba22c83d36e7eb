"""The promises of watches on a remote file system: what breaks each, and what keeps them all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from invariants.remote import PROMISES, client_of, promise_of
from lockwright.calls import Calls, Function, Program, parse_program
from lockwright.core.errors import UsageError
from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.scenario import Scenario
from lockwright.session import Options, explore
from stress.fsnotify.bound import EXECUTIONS_MAX, PARTS, Part
from stress.fsnotify.calls import ALPHABET, CALLS
from stress.fsnotify.cases import CASES, FINALLY, SCENARIOS, Case
from stress.fsnotify.variants import VARIANTS

NAMES = A, B, C, ARMED = ("per_group", "aggregated", "changed", "armed")
BY_NAME: dict[str, Calls] = {calls.design.partition("/")[2]: calls for calls in CALLS}
CASE: dict[str, Case] = {case.name: case for case in CASES}
PART: dict[str, Part] = {part.name: part for part in PARTS}

ENOUGH = 100
"""Executions in which what breaks is seen, where it is not all that there is to see."""
ADDS_UP = "P1: for i1 the guest's marks add up to {}, the server watches for {}"
NEVER_HEARD = "P2: MODIFY of i1 was promised to group 1, and it never heard of it"
GOES_ON = "P3: the server goes on telling of {} of i1"
ADDRESS = "P4: no kernel address is part of the protocol"
ANOTHERS = "P4: what is said of one group is not done to the watch of another"
SLEEPS = "sleeping function {}() called in atomic context (atomic depth 1)"
IN_ORDER = "P6: what the server is told of i1 is applied in the order of what it tells of"
TWICE = "P7: MODIFY of i1 is told to group 1 by the guest and by the server"
REFUSED = (
    "P8: the server has refused to watch i1 for MODIFY, group 1 has a watch all the same, and "
    "nobody tells it"
)
CROSSES = "F11: MODIFY of i1 crosses the wire 2 times"


def case_of(variant: str, name: str, **switches: str) -> Scenario:
    """A case of a variant."""
    return CASE[name].scenario(BY_NAME[variant]).with_parameters(switches)


def program_of(variant: str, calls: str, **switches: str) -> Scenario:
    """A program of a variant's vocabulary."""
    program = parse_program(f"calls({calls})")
    return BY_NAME[variant].scenario(program).with_parameters(switches)


def tried(scenario: Scenario, most: int | None = None) -> Result:
    """Explored, in so many executions at most."""
    result = explore(scenario, Options(events=False, executions=most))
    assert result.sleep_set_blocked == 0
    return result


def told_of(result: Result) -> set[str]:
    """What the findings say."""
    return {finding.message for finding in result.findings}


def broken(result: Result) -> set[str]:
    """The promises that the findings break; "" stands for all else."""
    return {promise_of(finding.kind, finding.message) for finding in result.findings}


def is_kept(result: Result) -> bool:
    """Is everything explored, and nothing found?"""
    return (result.verdict, result.complete, told_of(result)) == (Verdict.VERIFIED, True, set())


# What breaks each promise

BREACHES: tuple[tuple[str, str, dict[str, str], str, str], ...] = (
    (A, "widen", {}, "P1", ADDS_UP.format("ACCESS|MODIFY", "ACCESS")),
    (A, "watch_vs_watch", {}, "P1", ADDS_UP.format("ACCESS", "MODIFY")),
    (B, "watch_vs_unwatch_of_others", {}, "P1", ADDS_UP.format("ACCESS", "0")),
    (C, "watch_vs_unwatch_of_others", {}, "P1", ADDS_UP.format("ACCESS", "ACCESS|MODIFY")),
    *((each, "overflow_then_delete", {}, "P1", ADDS_UP.format("MODIFY", "0")) for each in (A, B)),
    *((each, "touch_vs_unwatch", {}, "P2", NEVER_HEARD) for each in (A, B, C)),
    (B, "touch_vs_narrow", {}, "P2", NEVER_HEARD),
    (B, "widen_vs_watch_of_others", {}, "P2", NEVER_HEARD),
    (C, "overflow", {}, "P2", NEVER_HEARD),
    (C, "restart", {}, "P2", NEVER_HEARD),
    (A, "watch_vs_unwatch", {}, "P3", GOES_ON.format("MODIFY")),
    *((each, "unwatch_held", {}, "P3", GOES_ON.format("MODIFY")) for each in (B, C)),
    (A, "watch", {}, "P4", ADDRESS),
    (A, "close_then_init", {"removes": "work"}, "P4", ANOTHERS),
    (A, "unwatch", {}, "P5", SLEEPS.format("fuse_simple_request")),
    (A, "close_vs_touch", {}, "P5", SLEEPS.format("wait_for_completion")),
    (A, "watch_vs_watch", {}, "P6", IN_ORDER),
    *((each, "watch_vs_unwatch_of_others", {}, "P6", IN_ORDER) for each in (B, C)),
    (B, "write_vs_watch", {"suppresses_late": "true"}, "P7", TWICE),
    *((each, "refused", {}, "P8", REFUSED) for each in (A, B, C)),
    (A, "touch_shared", {}, "F11", CROSSES),
)


@pytest.mark.parametrize(
    ("variant", "case", "switches", "promise", "message"),
    BREACHES,
    ids=[f"{promise}-{variant}-{case}" for variant, case, _, promise, _ in BREACHES],
)
def test_what_breaks_a_promise_says_so(
    variant: str, case: str, switches: dict[str, str], promise: str, message: str
) -> None:
    result = tried(case_of(variant, case, **switches))
    assert result.verdict is Verdict.VIOLATED
    assert message in told_of(result)
    assert promise in broken(result)
    (kind,) = {finding.kind for finding in result.findings if finding.message == message}
    assert promise_of(kind, message) == promise


def test_each_promise_is_broken_by_something() -> None:
    assert {promise for _, _, _, promise, _ in BREACHES} == {one.id for one in PROMISES}
    assert len(PROMISES) == 9


def test_a_promise_is_broken_by_what_is_its_own_and_by_nothing_else() -> None:
    assert promise_of("broken promise", "P1: something") == "P1"
    assert promise_of("broken promise", "P10: something") == ""
    assert promise_of("data race", "P1: something") == ""
    assert promise_of("livelock", "1 task goes round for ever") == "P3"
    assert promise_of("scheduling while atomic", "") == promise_of("sleeping in atomic context", "")
    assert promise_of("scheduling while atomic", "") == "P5"


# What keeps them all

LARGE = {"watch_vs_unlink", "watch_vs_watch_of_others"}
"""Takes the variant that does most a second or several."""


@pytest.mark.parametrize("case", [case.name for case in CASES if case.name not in LARGE])
def test_what_is_armed_first_keeps_all_promises(case: str) -> None:
    assert is_kept(tried(case_of(ARMED, case)))


@pytest.mark.slow
@pytest.mark.parametrize("case", sorted(LARGE))
def test_what_is_armed_first_keeps_all_promises_in_the_largest_cases(case: str) -> None:
    assert is_kept(tried(case_of(ARMED, case)))


def test_what_breaks_a_promise_is_kept_in_the_same_case_by_what_is_armed_first() -> None:
    """Each of those is among the cases above."""
    assert {case for _, case, _, _, _ in BREACHES} <= {case.name for case in CASES} - LARGE


@pytest.mark.parametrize(
    ("switch", "case", "promises"),
    [
        ("reports_overflow", "overflow", {"P2"}),
        ("rechecks", "overflow_then_delete", {"P1"}),
        ("recalc_always", "widen_vs_unwatch_of_others", {"P1", "P2"}),
        ("lowers_at_detach", "unwatch_held", {"P1", "P3"}),
        ("flushes", "touch_vs_unwatch", {"P2"}),
        ("flushes", "touch_vs_narrow", {"P2"}),
        ("keeps_unlinked", "touch_then_unlink", {"P2"}),
        ("resends", "restart", {"P1", "P2"}),
        ("resends", "restart_vs_unwatch", {"P2"}),
        ("resends", "restart_refused", {"P1"}),
    ],
)
def test_each_part_of_what_is_armed_first_is_for_something(
    switch: str, case: str, promises: set[str]
) -> None:
    assert broken(tried(case_of(ARMED, case, **{switch: "false"}), ENOUGH)) == promises


def test_no_part_of_what_is_armed_first_is_left_out_above() -> None:
    parameters = VARIANTS[-1].parameters
    others = {"support", "frees", "recalc_split"}  # the environment's, not the design's
    switches = {name for name, value in parameters.items() if value is True} - others
    assert switches == {
        *("reports_overflow", "rechecks", "recalc_always"),
        *("lowers_at_detach", "flushes", "keeps_unlinked", "resends"),
    }


def test_the_lost_event_of_inotify_itself_is_no_matter_of_the_server() -> None:
    """Whatever adds up the masks in one step, or always, has not lost it."""
    assert is_kept(
        tried(
            case_of(
                ARMED, "widen_vs_unwatch_of_others", recalc_always="false", recalc_split="false"
            )
        )
    )


@pytest.mark.parametrize("between", [";", "|"])
def test_who_cannot_be_armed_anew_loses_the_watch_and_is_told(between: str) -> None:
    """Somebody else has taken the server's only watch meanwhile."""
    calls = f"watch:g1:i1:MODIFY!restart{between}watch:g2:i2:MODIFY"
    scenario = program_of(ARMED, calls, limit="1")
    assert is_kept(tried(scenario))

    def refused(world: World) -> str:
        return str(sorted(client_of(world).ledger.refused))

    assert "[1]" in tried(replace(scenario, outcome=refused)).outcomes


@pytest.mark.parametrize(
    "calls",
    [
        "watch:g1:i1:MODIFY",
        "watch:g1:i1:MODIFY|watch:g2:i1:ACCESS",
        "unwatch:g1:i1|watch:g1:i1:MODIFY",
        "watch:g1:i1:MODIFY!touch:i1:MODIFY|unwatch:g1:i1",
    ],
)
def test_no_promise_is_broken_for_want_of_memory(calls: str) -> None:
    """What the server was armed for is taken back if the guest's mark cannot be made."""
    assert is_kept(tried(program_of(ARMED, calls, failures="1")))


# A server that knows no watches


def heard(scenario: Scenario) -> set[str]:
    """What can become of an execution: whether the guest has given up, who told whom of what."""

    def outcome(world: World) -> str:
        at = client_of(world)
        return f"{at.conn.no_fsnotify.value}: {sorted(how for _, _, how in at.ledger.told)}"

    result = tried(replace(scenario, outcome=outcome))
    assert result.complete
    return set(result.outcomes)


@pytest.mark.parametrize("variant", NAMES)
def test_a_guest_whose_server_knows_no_watches_tells_its_own(variant: str) -> None:
    assert heard(case_of(variant, "unsupported")) == {"True: ['local']"}
    assert heard(case_of(variant, "unsupported", support="true")) == {"False: ['remote']"}


@pytest.mark.parametrize("variant", [B, C, ARMED])
def test_what_such_a_server_does_is_no_broken_promise(variant: str) -> None:
    for calls in ("touch:i1:MODIFY", "delete:i1", "restart", "close:g1"):
        scenario = program_of(variant, f"watch:g1:i1:MODIFY!{calls}", support="false")
        assert is_kept(tried(scenario)), calls


# What finally happens

ROUND = "1 task goes round for ever: quiet in cond_resched(), READ_ONCE(i1 at the host)"
QUIET, HELD = (calls for promise, calls in FINALLY if promise == "P3")


def finally_(variant: str, calls: str, **switches: str) -> Result:
    """Explored by states."""
    scenario = program_of(variant, calls, **switches)
    result = explore(scenario, Options(strategy="liveness", events=False))
    assert result.complete
    return result


@pytest.mark.parametrize("variant", [B, C])
def test_who_waits_for_the_server_to_be_quiet_waits_for_ever_while_a_mark_is_held(
    variant: str,
) -> None:
    result = finally_(variant, HELD)
    assert [(finding.kind, finding.message) for finding in result.findings] == [("livelock", ROUND)]
    assert broken(result) == {"P3"}


@pytest.mark.parametrize("variant", [B, C])
def test_the_server_is_quiet_at_last_if_the_mask_is_lowered_when_a_mark_is_detached(
    variant: str,
) -> None:
    assert is_kept(finally_(variant, HELD, lowers_at_detach="true"))


def test_the_server_is_quiet_at_last_after_the_last_watch() -> None:
    assert is_kept(finally_(B, QUIET))


@pytest.mark.slow
@pytest.mark.parametrize("calls", [calls for _, calls in FINALLY])
@pytest.mark.parametrize("variant", [A, B, C])
def test_nothing_else_goes_round_for_ever(variant: str, calls: str) -> None:
    kinds = {finding.kind for finding in finally_(variant, calls).findings}
    assert ("livelock" in kinds) == (variant != A and calls == HELD)
    assert variant == A or kinds <= {"livelock"}


@pytest.mark.slow
@pytest.mark.parametrize("calls", [FINALLY[0][1], QUIET, HELD])
def test_what_is_promised_of_the_end_comes_if_the_server_is_armed_first(calls: str) -> None:
    assert is_kept(finally_(ARMED, calls))


# The bound


def programs(variant: str, part: Part, tasks: int) -> Iterator[tuple[Program, Scenario]]:
    """Those of exactly so many tasks."""
    calls = BY_NAME[variant]
    fewer = replace(part, tasks=tasks)
    for program in fewer.programs(calls):
        if len(program.tasks) == tasks:
            yield program, fewer.scenario(calls, program)


def whole(variant: str, part: Part, tasks: int, *, unlinks: bool | None = None) -> set[str]:
    """Every program of so many tasks explored to its end: the promises that are broken.

    With `unlinks` only those with or without a call that unlinks, which has reapers work.
    """
    found: set[str] = set()
    for program, scenario in programs(variant, part, tasks):
        if unlinks is None or unlinks == any(call.name == "unlink" for call in program.calls):
            result = tried(scenario, EXECUTIONS_MAX)
            assert result.complete, program
            found |= broken(result)
    return found


@pytest.mark.parametrize("part", PART)
def test_any_one_call_keeps_all_promises_if_the_server_is_armed_first(part: str) -> None:
    assert whole(ARMED, PART[part], 1) == set()


BY_ONE_CALL = {A: {"P1", "P4", "P5", "P8", "F11"}, B: {"P1", "P8"}, C: {"P1", "P8"}}
"""Which promises a call breaks all by itself."""


@pytest.mark.parametrize("variant", [A, B, pytest.param(C, marks=pytest.mark.slow)])
def test_what_one_call_breaks_by_itself(variant: str) -> None:
    found = {part: whole(variant, PART[part], 1, unlinks=False) for part in PART}
    assert set().union(*found.values()) == BY_ONE_CALL[variant]
    # Only of what the server refuses, and when it is started anew, is nobody told.
    assert {part for part in PART if "P8" in found[part]} == {"refusing", "refusing more"}
    if variant != A:
        rest = {part: promises - {"P8"} for part, promises in found.items() if promises}
        expected = ("refusing", "refusing more", "restarting", "restarting anew")
        assert rest == {part: {"P1"} for part in expected}


@pytest.mark.slow
@pytest.mark.parametrize("variant", [A, B, C])
def test_unlinking_breaks_nothing_by_itself_but_what_sleeps(variant: str) -> None:
    found = whole(variant, PART["unlinking"], 1, unlinks=True)
    assert found == ({"P4", "P5"} if variant == A else set())


SMALL = ("refusing", "unsupporting", "overflowing for ever", "restarting anew")


@pytest.mark.parametrize("part", SMALL)
def test_any_two_calls_at_once_keep_all_promises_if_the_server_is_armed_first(part: str) -> None:
    assert whole(ARMED, PART[part], 2) == set()


@pytest.mark.slow
@pytest.mark.parametrize("part", ["fresh", "leaving", "removing", "refusing more"])
def test_any_two_calls_at_once_keep_all_promises_in_some_larger_parts_too(part: str) -> None:
    assert whole(ARMED, PART[part], 2) == set()


def test_the_parts_are_as_they_are_told_of() -> None:
    assert len(PART) == len(PARTS)
    for part in PARTS:
        everything = {name for program, _ in programs(ARMED, part, 1) for name in _names(program)}
        assert everything <= {call.name for call in ALPHABET}
    given = {part.name: dict(PART[part.name].parameters) for part in PARTS}
    assert given["refusing"] == {"limit": 0}
    assert given["refusing more"] == {"limit": 1}
    assert given["unsupporting"] == {"support": False}
    assert given["overflowing"] == given["overflowing for ever"] == {"host_queue": 1}


def _names(program: Program) -> set[str]:
    return {call.name for call in program.calls}


@pytest.mark.parametrize("part", PART)
def test_a_part_begins_with_its_smallest_programs_and_has_each_once(part: str) -> None:
    texts, sizes = [], []
    for program in PART[part].programs(BY_NAME[ARMED]):
        texts.append(str(program))
        sizes.append(len(program.calls))
    assert len(set(texts)) == len(texts)
    assert sizes == sorted(sizes)


# The vocabulary


def test_every_variant_has_every_case() -> None:
    assert [calls.design for calls in CALLS] == [f"fsnotify/{name}" for name in NAMES]
    assert len(SCENARIOS) == len(NAMES) * len(CASES) == len({one.name for one in SCENARIOS})


@pytest.mark.parametrize(
    ("calls", "complaint"),
    [
        ("watch:g1:i3:MODIFY", "there is no file 'i3'; there are: i1, i2"),
        ("write:", "there is no file ''; there are: i1, i2"),
        ("touch:=1:MODIFY", "there is no file 1; there are: i1, i2"),
        (
            "watch:g1:i1:OPEN",
            "there is no event 'OPEN'; there are: ACCESS, MODIFY, ATTRIB, DELETE_SELF, joined by +",
        ),
        (
            "widen:g1:i1:ACCESS%2B",
            "there is no event ''; there are: ACCESS, MODIFY, ATTRIB, DELETE_SELF, joined by +",
        ),
        ("watch:g3:i1:MODIFY", "there is no descriptor 'g3'; there are: g1, g2"),
        ("unwatch:g3:i1", "there is no descriptor 'g3'; there are: g1, g2"),
        ("close:g3", "there is no descriptor 'g3'; there are: g1, g2"),
        ("init:", "there is no descriptor ''; there are: g1, g2"),
        ("hold:=1:i1", "there is no descriptor 1; there are: g1, g2"),
        ("watch:g1:i1:MODIFY!quiet:i1:MODIFI", "there is no event 'MODIFI'; there are: "),
        ("close:g4!watch:g1:i1:MODIFY", "there is no descriptor 'g4'; there are: g1, g2"),
    ],
)
def test_what_there_is_not_is_said_in_one_sentence(calls: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(complaint)}[^\n]*$"):
        tried(program_of(B, calls))


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        ("close:g1;watch:g1:i1:MODIFY", "-9"),  # EBADF
        ("close:g1;unwatch:g1:i1", "-9"),
        ("close:g1;close:g1", "-9"),
        ("close:g1;init:g1;watch:g1:i1:MODIFY", "1"),
        ("unwatch:g1:i1", "-22"),  # EINVAL
        ("watch:g1:i1:MODIFY;unwatch:g1:i1;unwatch:g1:i1", "-22"),
        ("watch:g1:i1:MODIFY;unwatch:g1:i1;watch:g1:i1:MODIFY", "2"),
        ("unlink:i1;watch:g1:i1:MODIFY", "-2"),  # ENOENT
        ("unlink:i1;unlink:i1", "-2"),
        ("delete:i1;write:i1", "-2"),
        ("delete:i1;touch:i1:MODIFY", "-2"),
        ("watch:g1:i1:ACCESS;widen:g1:i1:MODIFY+ATTRIB", "1"),
    ],
)
def test_a_call_gives_what_the_kernel_does(calls: str, expected: str) -> None:
    assert last_of(B, calls) == {expected}


@pytest.mark.parametrize("calls", ["watch:g1:i1:MODIFY", "watch:g1:i1:MODIFY;watch:g1:i1:ACCESS"])
def test_a_refused_watch_fails_where_the_server_is_asked_first(calls: str) -> None:
    assert last_of(ARMED, calls, limit="0") == {"-28"}  # ENOSPC
    assert last_of(B, calls, limit="0") == {"1"}
    assert last_of(B, "watch:g1:i1:MODIFY", limit="0", checks_errors="true") == {"-28"}


def last_of(variant: str, calls: str, **switches: str) -> set[str]:
    """What the last call of one task can give."""
    given: list[int] = []

    def kept(function: Function) -> Function:
        async def called(*arguments: object) -> object:
            given.append(await function(*arguments))
            return given[-1]

        return called

    vocabulary = BY_NAME[variant]
    functions = {name: kept(function) for name, function in vocabulary.functions.items()}
    recording = replace(vocabulary, functions=functions)
    scenario = recording.scenario(parse_program(f"calls({calls})")).with_parameters(switches)
    result = tried(replace(scenario, outcome=lambda world: str(given[-1])))
    return set(result.outcomes)
