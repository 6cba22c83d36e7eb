"""Promises that a model makes where it runs: what always holds, and what is sometimes so.

    always(world, "a dentry that is looked up has an inode", dentry.d_inode is not None)
    reached(world, "the lookup had to wait for the removal")

A promise over nothing passes; so a scenario names its goals (`sometimes`), and a complete
exploration that never came to one has a finding.
"""

from __future__ import annotations

from collections.abc import Callable

from lockwright.core.errors import ModelError
from lockwright.core.finding import Finding
from lockwright.core.task import Task
from lockwright.core.world import World

Condition = Callable[[World], bool]
"""Says, of a world whose execution has ended well, whether a goal was reached."""

Goal = str | tuple[str, Condition]
"""A sentence that the model or the scenario says by `reached`, or one with its condition."""

BROKEN = "broken promise"


def always(world: World, sentence: str, condition: object) -> None:
    """Report a broken promise, unless the condition is true.  The task goes on."""
    _check(sentence, "always")
    if condition:
        return
    task = world.creator
    if isinstance(task, Task):
        world.warn(task, BROKEN, sentence, signature=sentence)
    else:  # while the scenario is set up
        world.report(Finding(BROKEN, sentence, sentence, 0, "", fatal=False))


def sometimes(world: World, sentence: str, condition: object) -> None:
    """Note that an execution has reached a goal, if the condition is true.

    Asked in the middle of an execution, the condition must be about what the task has seen in
    operations of its own, not about what others do at the time.
    """
    _check(sentence, "sometimes")
    if condition and sentence not in world.reached:
        world.reached.append(sentence)


def reached(world: World, sentence: str) -> None:
    """Note that an execution has come here.  It counts if the scenario has such a goal."""
    _check(sentence, "reached")
    if sentence not in world.reached:
        world.reached.append(sentence)


def _check(sentence: object, function: str) -> None:
    if not isinstance(sentence, str) or not sentence:
        raise ModelError(
            f"{function}() wants a sentence after the world\nexpected: say, "
            f'{function}(world, "the child is seen"{", seen" * (function != "reached")})\n'
            f"got: {sentence!r}"
        )
