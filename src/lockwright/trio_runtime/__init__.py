"""Models on a real trio event loop: for demonstrations, and for stress.

    from lockwright.trio_runtime import run

    result = run(scenario, seed=7, executions=1000)

Each task of the model is a trio task, which does the steps of it; trio's clock and scheduler
decide who is next, trio's events wake who was held up, trio's cancellation stops everybody.  The
model's code is the same, and so are the rules; what is found carries a schedule, whose token the
machine replays.  `docs/trio_runtime.md` says more.

`pacing.py` draws how long tasks pause, `stage.py` plays one execution, `performance.py` many of
them under the rules, `showing.py` tells what happens as it does.
"""

from lockwright.trio_runtime.performance import Performance, run
from lockwright.trio_runtime.playing import Playing

__all__ = ["Performance", "Playing", "run"]
