"""The design's own promises, checked when an execution has ended well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from lockwright.check.rule import Rule
from lockwright.core.errors import ModelError
from lockwright.core.finding import Finding
from lockwright.core.world import World


class Promises(Rule):
    """Runs a scenario's checks; each sentence they give is a finding."""

    name = "promises"

    def __init__(self, checks: Sequence[Callable[[World], Iterable[str]]]) -> None:
        self.checks = checks

    def finish(self, world: World) -> None:
        if world.oopsed or world.blocked():
            return
        for check in self.checks:
            for sentence in _sentences(check, check(world)):
                world.report(
                    Finding(
                        "broken promise",
                        sentence,
                        sentence,
                        0,
                        "",
                        fatal=False,
                    )
                )


def _sentences(check: Callable[[World], Iterable[str]], said: object) -> Iterator[str]:
    """What a check gave.  Raises ModelError for anything that is no iterable of strings."""
    if isinstance(said, str) or not isinstance(said, Iterable):
        raise _wrong(check, said)
    for sentence in said:
        if not isinstance(sentence, str):
            raise _wrong(check, sentence, what="an item")
        yield sentence


def _wrong(
    check: Callable[[World], Iterable[str]], got: object, *, what: str = "a value"
) -> ModelError:
    name = getattr(check, "__qualname__", type(check).__name__)
    shown = "None" if got is None else f"{what} of type {type(got).__name__}"
    return ModelError(
        f"the check {check.__module__}.{name}() gives no iterable of sentences at the end of an "
        f"execution\nexpected: say, an empty tuple, or strings that are yielded\n"
        f"got: {shown}"
    )
