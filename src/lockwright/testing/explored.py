"""What came of an exploration, and what a test asks of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from lockwright.core.event import Event
from lockwright.core.finding import Finding
from lockwright.core.result import Result, Verdict
from lockwright.report.columns import counted
from lockwright.testing import assertions
from lockwright.testing.failure import REPLAY, Failure


@dataclass(frozen=True, slots=True, repr=False)
class Explored:
    """A Result and the questions of a test; each `assert_` gives the object itself.

    `replay` is the command that takes the tokens; `stopped` says in sentences what ended a search
    that is not complete.
    """

    result: Result
    replay: str = REPLAY
    stopped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        done = counted(self.executions, "execution")
        found = counted(len(self.findings), "finding")
        return f"<{self.result.scenario}: {self.verdict.value}, {done}, {found}>"

    @property
    def verdict(self) -> Verdict:
        """Verified, violated, stopped."""
        return self.result.verdict

    @property
    def complete(self) -> bool:
        """Was every interleaving explored?"""
        return self.result.complete

    @property
    def executions(self) -> int:
        """How many there were."""
        return self.result.executions

    @property
    def outcomes(self) -> dict[str, int]:
        """The final states by their text, and in how many executions each came."""
        return self.result.outcomes

    @property
    def findings(self) -> list[Finding]:
        """What broke."""
        return self.result.findings

    @property
    def tokens(self) -> list[str]:
        """The tokens of what broke, in the order of the findings."""
        return [finding.token for finding in self.result.findings if finding.token]

    def assert_no_findings(self) -> Explored:
        """Nothing broke in what was explored, however little that was."""
        __tracebackhide__ = True
        assertions.assert_no_findings(self.result, replay=self.replay)
        return self

    def assert_verified(self, *, within_bound: bool = False) -> Explored:
        """Nothing broke, and every interleaving was explored; with `within_bound`, every one of at
        most as many preemptions as the strategy `bounded` was told."""
        __tracebackhide__ = True
        assertions.assert_verified(
            self.result, within_bound=within_bound, said=self.stopped, replay=self.replay
        )
        return self

    def assert_outcomes(
        self, expected: Iterable[str] | Mapping[str, int], *, within_bound: bool = False
    ) -> Explored:
        """The final states are exactly these, and there are no others in any interleaving; with a
        mapping, each in exactly so many executions."""
        __tracebackhide__ = True
        assertions.assert_outcomes(
            self.result, expected, within_bound=within_bound, said=self.stopped
        )
        return self

    def assert_finds(self, kind: str, *, says: str = "") -> Explored:
        """There is a finding of this kind that matches the regular expression."""
        __tracebackhide__ = True
        assertions.assert_finds(self.result, kind, says=says)
        return self


@dataclass(frozen=True, slots=True, repr=False)
class Replayed(Explored):
    """One execution along a schedule: what holds of all interleavings is not asked of it.

    `events` are its steps.
    """

    events: tuple[Event, ...] = field(default=(), kw_only=True)

    def assert_verified(self, *, within_bound: bool = False) -> Explored:
        """Nothing broke in it."""
        __tracebackhide__ = True
        return self.assert_no_findings()

    def assert_outcomes(
        self, expected: Iterable[str] | Mapping[str, int], *, within_bound: bool = False
    ) -> Explored:
        """Its final state, if it came to one, is among these."""
        __tracebackhide__ = True
        for outcome in self.outcomes:
            if outcome not in expected:
                summary = f"{self.result.scenario}: not expected: {outcome}"
                raise Failure(summary, result=self.result)
        return self


@dataclass(frozen=True, slots=True, repr=False)
class Elsewhere(Explored):
    """What was not explored, because another scenario's schedule is replayed: nothing to ask."""

    def assert_verified(self, *, within_bound: bool = False) -> Explored:
        """Nothing is asked."""
        return self

    def assert_outcomes(
        self, expected: Iterable[str] | Mapping[str, int], *, within_bound: bool = False
    ) -> Explored:
        """Nothing is asked."""
        return self

    def assert_finds(self, kind: str, *, says: str = "") -> Explored:
        """Nothing is asked."""
        return self
