"""One execution along a token, and a scope of programs, as results like any other."""

from __future__ import annotations

from lockwright.check.rule import Rule
from lockwright.core.errors import UsageError
from lockwright.core.event import Event
from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.report.columns import counted
from lockwright.scope import ScopeResult
from lockwright.session import Session
from lockwright.token import Token


class _Ending(Rule):
    """Hears how an execution ends."""

    def __init__(self, session: Session) -> None:
        self.outcome = session.scenario.outcome
        self.result = session.result

    def finish(self, world: World) -> None:
        """Keep the final state, if the execution came to one."""
        if self.outcome is not None and not world.blocked() and not world.oopsed:
            self.result.outcomes = {self.outcome(world): 1}


def run_once(session: Session, token: Token) -> tuple[Result, tuple[Event, ...]]:
    """What is broken in the execution, and its steps.

    Raises UsageError that says at which step a token stops fitting.
    """
    session.judge.listen(_Ending(session))
    done, findings = session.run_once(token.schedule, token.marks)
    if done.misfit:
        raise UsageError("\n".join(filter(None, (done.misfit, done.difference))))
    result = session.result
    result.executions = 1
    result.steps = result.steps_longest = sum(event.step >= 0 for event in done.events)
    result.findings = findings
    result.verdict = Verdict.VIOLATED if findings else Verdict.STOPPED
    if done.difference:
        result.assumptions = [done.difference]
    return result, tuple(done.events)


def result_of(done: ScopeResult) -> Result:
    """What tests ask of a scope as they ask it of one scenario: verdict, findings, how many."""
    return Result(
        done.scenario,
        counted(done.programs, "program"),
        dict(done.parameters),
        done.strategy,
        verdict=done.verdict,
        complete=done.complete,
        executions=done.executions,
        steps=done.steps,
        deadlocked=done.deadlocked,
        findings=done.findings,
        assumptions=list(done.assumptions),
        model_version=done.model_version,
    )
