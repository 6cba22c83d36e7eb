"""Real trio programs under test: every order in which trio could resume their tasks.

    from lockwright.testing.trio import check, report

    result = check(main, strategy="every")
    assert not result.findings, report(result)

`check` runs an ordinary async function in `trio.run`, time and again, with tasks resumed in
another order each time, and time virtual.  It finds deadlocks, lost wakeups, nurseries that never
end, and assertions of the program itself that fail in some orders only; `replay` runs one of the
executions again, from its token.

A guided tour: `hook.py` is the one place that reaches into trio; `driver.py` takes one run along a
strategy's choices; `places.py`, `wakeups.py` and `stuck.py` tell what a run that got stuck means;
`every.py` and `shrinking.py` search; `checking.py` puts it all together.
"""

from __future__ import annotations

from lockwright.testing.trio.checking import STRATEGIES, check, replay
from lockwright.testing.trio.hook import VERSIONS
from lockwright.testing.trio.reporting import report, verify

__all__ = ["STRATEGIES", "VERSIONS", "check", "replay", "report", "verify"]
