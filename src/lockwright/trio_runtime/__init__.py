"""Models on a real trio event loop: for demonstrations, and for stress.

    from lockwright.trio_runtime import run

    result = run(scenario, seed=7, executions=1000)

Each task of the model is a trio task, which does the steps of it; trio's clock and scheduler
decide who is next, trio's events wake who was held up, trio's cancellation stops everybody.  The
model's code is the same, and so are the rules; what is found carries a schedule, whose token the
machine replays.  `docs/trio_runtime.md` says more.

`pacing.py` draws how long tasks pause, `stage.py` plays one execution, `performance.py` many of
them under the rules, `showing.py` tells what happens as it does.  trio is wanted by whoever uses
one of the names below; the engine, and the import of this package, do without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from lockwright.core.errors import UsageError

if TYPE_CHECKING:
    from lockwright.trio_runtime.performance import Performance, run
    from lockwright.trio_runtime.playing import Playing

__all__ = ["Performance", "Playing", "TrioMissingError", "run"]

_MODULES = {"Performance": "performance", "Playing": "playing", "run": "performance"}
"""Where the names are that need trio."""


class TrioMissingError(UsageError, ImportError):
    """trio is not installed."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        importlib.import_module("trio")
    except ModuleNotFoundError as error:
        if error.name != "trio":
            raise
        raise TrioMissingError(
            "lockwright.trio_runtime needs trio, which is not installed: "
            "pip install 'lockwright[trio]'"
        ) from None
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    return value
