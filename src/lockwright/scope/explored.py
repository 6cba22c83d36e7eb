"""Exploring a scope: each program from end to end, by one process or by several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from time import monotonic

from lockwright.calls import Calls, Program
from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.result import Progress
from lockwright.options import Options, check_name, check_options
from lockwright.parallel import check_jobs
from lockwright.scenario import Scenario
from lockwright.scope.crew import ProgramCrew, Task
from lockwright.scope.programs import Scope
from lockwright.scope.result import (
    Found,
    ScopeProgress,
    ScopeResult,
    Tally,
    Telling,
    failed,
    identity,
    telling_of,
)
from lockwright.searches import EXHAUSTIVE, STRATEGIES
from lockwright.session import Session

OnProgress = Callable[[ScopeProgress], None]
OnFailure = Callable[[Session, BaseException], str]
"""What is said of a program that could not be judged."""
Keep = Callable[[Telling], None]


def explore_scope(
    calls: Calls,
    *,
    tasks: int,
    operations: int,
    options: Options | None = None,
    progress: OnProgress | None = None,
    parameters: Mapping[str, str] | None = None,
) -> ScopeResult:
    """Explore every program with at most so many tasks, of at most so many calls each.

    The bound `options.executions` is each program's, `options.seconds` that of them all;
    `options.jobs` processes explore programs, with the same result whatever their number.
    `progress` is told now and then, and whatever it raises ends the exploration.
    Raises UsageError for a vocabulary or options that nothing can be explored with, and what
    exploring a program raises: ModelError, or the model's own exception.
    """
    session = ScopeSession(Scope(calls, tasks, operations), options or Options(), parameters or {})
    return session.explore(progress)


class ScopeSession:
    """One scope, and what came of its programs so far.

    `kept` are tellings of an earlier exploration by their programs, which are taken as they are if
    they are whole; `keep` is told each new one, and `on_failure` makes a telling of an exception
    that a program raises.
    """

    def __init__(
        self,
        scope: Scope,
        options: Options,
        parameters: Mapping[str, str] | None = None,
        *,
        on_failure: OnFailure | None = None,
    ) -> None:
        self.scope = scope
        self.given = dict(parameters or {})
        self.jobs = options.jobs
        check_options(options)
        check_jobs(Options(jobs=options.jobs))
        check_name("strategy", options.strategy, STRATEGIES)
        if options.prefix:
            raise UsageError("the programs of a scope have no prefix in common")
        self.options = replace(options, jobs=1, coverage=False)
        self.on_failure = on_failure
        self.kept: Mapping[str, Telling] = {}
        self.keep: Keep | None = None
        self.deadline: float | None = None
        first = self.scenario(next(scope.programs()))
        self.first = first
        if options.strategy not in EXHAUSTIVE and options.executions is None:
            raise UsageError(f"strategy {options.strategy} needs a number of executions")
        self.tally = Tally(scope, self.options, first.parameters)

    def scenario(self, program: Program) -> Scenario:
        """A program of the scope as a scenario.  Raises UsageError for parameters it has not."""
        made = self.scope.calls.scenario(program).with_parameters(self.given)
        # a program need not have the allocation that another's may fail in
        return replace(made, sometimes=())

    @property
    def result(self) -> ScopeResult:
        """What is known by now."""
        return self.tally.result()

    def explore(self, progress: OnProgress | None = None) -> ScopeResult:
        """Explore what is left of the scope.  Raises what `explore_scope` does."""
        seconds = self.options.seconds
        self.deadline = None if seconds is None else monotonic() + seconds
        if self.jobs > 1:
            self._by_many(progress)
        else:
            for task in self._tasks():
                self._one(task, progress)
        if self.options.attempts:
            for found in self.tally.found():
                self._polish(found, progress)
        return self.result

    def _tasks(self) -> Iterator[Task]:
        """What there is to explore; what was kept is entered on the way.  Ends when time does."""
        for at, program in enumerate(self.scope.programs()):
            telling = self.kept.get(str(program))
            if telling is not None and self._is_whole(telling):
                self.tally.enter(at, telling)
                continue
            left = None if self.deadline is None else self.deadline - monotonic()
            if left is not None and left <= 0:
                return
            yield Task(at, program, left)

    def _is_whole(self, telling: Telling) -> bool:
        """Was a program explored to its end, or as far as the bound that there is?"""
        if "error" in telling or telling["exhausted"]:
            return True
        most = self.options.executions
        return most is not None and bool(telling["executions"] >= most)

    def _by_many(self, progress: OnProgress | None) -> None:
        crew = ProgramCrew(self.first, replace(self.options, jobs=self.jobs), self._told)
        with crew:
            for ended in crew.explored(self._tasks()):
                if ended is not None:
                    task, telling = ended
                    if telling is None:
                        self._one(task, progress)  # raises here what it raised there
                    else:
                        self._enter(task, telling)
                self._tell(progress)

    def _one(self, task: Task, progress: OnProgress | None) -> None:
        self._enter(task, self._judged(task, progress))
        self._tell(progress)

    def _tell(self, progress: OnProgress | None) -> None:
        if progress is not None:
            progress(self.tally.progress)

    def _judged(self, task: Task, progress: OnProgress | None) -> Telling:
        """Explore a program here; what it raises is told, if somebody makes a telling of it."""
        session = self._session(task)
        told = self.tally.progress
        before = told.executions

        def listen(now: Progress) -> None:
            if progress is not None:
                told.executions = before + now.executions
                progress(told)

        try:
            return telling_of(task.program, session.explore(listen))
        except UsageError:
            raise
        except (Exception, SystemExit) as error:
            if self.on_failure is None:
                raise
            status = error.exit_status if isinstance(error, LockwrightError) else 4
            return failed(task.program, self.on_failure(session, error), status)

    def _told(self, task: Task) -> Telling:
        """Explore a program in another process."""
        return telling_of(task.program, self._session(task).explore())

    def _session(self, task: Task) -> Session:
        options = replace(self.options, seconds=task.seconds, attempts=0)
        return Session(self.scenario(task.program), options)

    def _enter(self, task: Task, telling: Telling) -> None:
        done = self._is_whole(telling)
        worth = self.tally.enter(task.at, telling, done=done)
        if done and self.keep is not None:
            self.keep(worth)

    def _polish(self, found: Found, progress: OnProgress | None) -> None:
        """Explore a program again for a finding's shortest schedule and nearest run."""
        case = found.program.partition(":")[2]
        program, options = self.scope.calls.program(case), replace(self.options, seconds=None)
        wanted = identity(found.finding, case)

        def listen(now: Progress) -> None:
            self._tell(progress)

        for finding in Session(self.scenario(program), options).explore(listen).findings:
            if identity(finding, case) == wanted:
                self.tally.seen[wanted].finding = finding
