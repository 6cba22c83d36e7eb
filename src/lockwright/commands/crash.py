"""A model that raises an exception: which scenario, where in its schedule, where in its source."""

from __future__ import annotations

import linecache
import traceback
from collections import Counter
from pathlib import Path

from lockwright.core.errors import LockwrightError, UsageError
from lockwright.core.location import Names, Value
from lockwright.core.operation import Operation
from lockwright.core.schedule import Choice
from lockwright.core.task import Task
from lockwright.core.world import World
from lockwright.report.findings import replay_line
from lockwright.session import Session, search

ENGINE = "lockwright."
"""How the names of our modules begin: their files are not known where they are compiled."""
FRAMES_MAX = 8
EXECUTIONS_MAX = 20_000
"""The search is run again to learn the schedule if it had no more executions than this."""


def crash_text(session: Session, error: BaseException) -> str:
    """What is known of an exception that the exploration of a scenario raised."""
    if isinstance(error, LockwrightError):
        return f"{session.scenario.name}: {str(error).removeprefix(f'{session.scenario.name}: ')}"
    frames = _model_frames(error)
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if not frames:
        trace = "".join(traceback.format_exception(error)).rstrip()
        return f"{session.scenario.name}: internal error, this is ours: {said}\n{trace}"
    where, schedule = _where(session)
    lines = [f"{session.scenario.name}: the model raised {said}"]
    lines += [f"  {where}", *frames] if where else frames
    if schedule:
        lines.append(replay_line(str(session.token(schedule))))
    return "\n".join(lines)


def _where(session: Session) -> tuple[str, list[Choice]]:
    world = session.world
    if world is None:
        return "while the scenario was set up", []
    task = _failed(world)
    if task is None and world.enabled():
        return "", []
    if task is None:
        run = session.run
        schedule = run.schedule if run is not None and run.world is world else []
        return "in a check at the end of an execution", schedule
    return f"in step {world.steps}, of {task.comm}", _schedule(session)


def _failed(world: World) -> Task | None:
    """The task whose coroutine is gone although it never ended."""
    for task in world.tasks:
        if task.pending is not None and getattr(task.coro, "cr_frame", None) is None:
            return task
    return None


def _schedule(session: Session) -> list[Choice]:
    """The schedule that the exception was raised in, learned by running the same search again."""
    taken: list[Choice] = []
    if session.result.executions > EXECUTIONS_MAX:
        return taken

    def make(names: Names) -> World:
        taken.clear()
        world = World(names)

        def step(task: Task, operation: Operation, result: Value) -> None:
            taken.append((task.index, world.choice))

        world.on_step = (step,)
        session.scenario.set_up(world)
        return world

    left = session.result.executions
    try:
        for run in search(make, session.options):
            run.world.close()
            left -= 1
            if left < 0:
                return []
    except UsageError:
        return []
    except (Exception, SystemExit):
        return taken
    return []


def _model_frames(error: BaseException) -> list[str]:
    """The stack entries that are not ours, outermost first; those of a recursion once."""
    lines: Counter[str] = Counter()
    for frame, line in traceback.walk_tb(error.__traceback__):
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(ENGINE) or frame.f_code.co_filename.startswith("<"):
            continue
        path = Path(frame.f_code.co_filename)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        source = linecache.getline(frame.f_code.co_filename, line).strip()
        lines[f"  {shown.as_posix()}:{line}, in {frame.f_code.co_name}: {source}"] += 1
    last = list(lines.items())[-FRAMES_MAX:]
    return [line if times == 1 else f"{line} ({times} times)" for line, times in last]
