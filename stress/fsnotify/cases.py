"""Named situations: the bugs of the facts (F01 to F11), and what each promise is tried by.

Each is a program of the vocabulary (`calls.py`) with a name, the same for every variant, and with
what is particular about its server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lockwright.calls import Calls, parse_program
from lockwright.scenario import Parameter, Scenario
from stress.fsnotify.calls import CALLS

M1, M2 = "watch:g1:i1:MODIFY", "watch:g2:i1:MODIFY"


@dataclass(frozen=True, slots=True)
class Case:
    """One of them.  `calls` is what stands between the brackets of a program's name."""

    name: str
    title: str
    calls: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)

    def scenario(self, calls: Calls) -> Scenario:
        """Of one variant."""
        made = calls.scenario(parse_program(f"calls({self.calls})"))
        return replace(
            made,
            name=f"{calls.design}:{self.name}",
            title=self.title,
            parameters={**made.parameters, **self.parameters},
        )


CASES: tuple[Case, ...] = (
    Case("watch", "A file is watched, and nothing happens.", M1),
    Case("unwatch", "A watch is removed.", f"{M1}!unwatch:g1:i1"),
    Case("watch_vs_unwatch", "A watch is removed while it is made.", f"{M1}|unwatch:g1:i1"),
    Case(
        "watch_vs_watch",
        "Two threads watch a file by one descriptor, each for another event.",
        f"{M1}|watch:g1:i1:ACCESS",
    ),
    Case(
        "watch_vs_watch_of_others",
        "Two groups begin to watch a file for the same event, and then it happens.",
        f"{M1}|{M2}|touch:i1:MODIFY",
    ),
    Case(
        "widen_vs_watch_of_others",
        "A group widens its watch by what another one is beginning to watch, and it happens.",
        f"watch:g1:i1:ACCESS!{M2}|widen:g1:i1:MODIFY|touch:i1:MODIFY",
    ),
    Case(
        "watch_vs_unwatch_of_others",
        "One group leaves a file while another comes.",
        f"{M1}!unwatch:g1:i1|watch:g2:i1:ACCESS",
    ),
    Case(
        "widen_vs_unwatch_of_others",
        "A group widens its watch by what another one leaves, while masks are added up.",
        f"watch:g1:i1:ACCESS;{M2}!unwatch:g2:i1|widen:g1:i1:MODIFY;touch:i1:MODIFY",
        {"recalc_split": True},
    ),
    Case("widen", "A watch is widened by IN_MASK_ADD.", f"{M1}!widen:g1:i1:ACCESS"),
    Case("narrow", "A watch is replaced by one for another event.", f"{M1}!watch:g1:i1:ACCESS"),
    Case(
        "touch_vs_unwatch",
        "Something happens to a file while its watch is removed.",
        f"{M1}!touch:i1:MODIFY|unwatch:g1:i1",
    ),
    Case(
        "touch_vs_narrow",
        "Something happens to a file while it stops to be of interest.",
        f"{M1}!touch:i1:MODIFY|watch:g1:i1:ACCESS",
    ),
    Case(
        "touch_shared", "Something happens to a file of two groups.", f"{M1};{M2}!touch:i1:MODIFY"
    ),
    Case("write_vs_watch", "The guest writes to a file while it is watched.", f"write:i1|{M1}"),
    Case("write_watched", "The guest writes to a file that is watched.", f"{M1}!write:i1"),
    Case(
        "touch_then_unlink",
        "A file that somebody has just changed is unlinked by the guest.",
        f"{M1}!touch:i1:MODIFY;unlink:i1",
    ),
    Case(
        "watch_vs_unlink",
        "A file is unlinked by the guest while it is watched anew.",
        f"{M1}!unlink:i1|watch:g2:i1:ACCESS",
    ),
    Case("watch_vs_delete", "A file is deleted at the server.", f"{M1}!delete:i1|{M2}"),
    Case(
        "unwatch_vs_name_gone",
        "The last name that counts goes while the file is watched by another, and not any more.",
        f"{M1}!drop:i1|{M2};unwatch:g2:i1",
    ),
    Case(
        "close_then_init",
        "A group is closed, and the next one lies where it was.",
        f"{M1}!close:g1;init:g1;{M1}",
        {"frees": True},
    ),
    Case(
        "close_vs_touch",
        "A group is closed while a file of it is changed.",
        f"{M1}!close:g1|touch:i1:MODIFY",
    ),
    Case(
        "unwatch_held",
        "A watch is removed while one of its events waits for its user.",
        f"{M1};hold:g1:i1!unwatch:g1:i1",
    ),
    Case("refused", "The server has no watch to give.", M1, {"limit": 0}),
    Case(
        "refused_to_both",
        "The server has no watch to give to two groups.",
        f"{M1}|{M2}",
        {"limit": 0},
    ),
    Case("unsupported", "The server knows no watches.", f"{M1};write:i1", {"support": False}),
    Case(
        "overflow",
        "More happens to a file than its host remembers.",
        f"{M1}!touch:i1:MODIFY;touch:i1:MODIFY",
        {"host_queue": 1},
    ),
    Case(
        "overflow_then_delete",
        "A file is deleted at the server while its host's queue is full.",
        f"{M1}!touch:i1:MODIFY;delete:i1",
        {"host_queue": 1},
    ),
    Case(
        "restart",
        "The server is started anew, and then something happens.",
        f"{M1}!restart;touch:i1:MODIFY",
    ),
    Case(
        "restart_vs_unwatch",
        "The server is started anew while a watch is removed.",
        f"{M1}!restart;touch:i1:MODIFY|unwatch:g1:i1",
    ),
    Case(
        "restart_refused",
        "The server is started anew and gives its only watch to another before it is asked again.",
        f"{M1}!restart;watch:g2:i2:MODIFY",
        {"limit": 1},
    ),
)

FINALLY: tuple[tuple[str, str], ...] = (
    ("P1", f"{M1}|equal:i1"),
    ("P1", f"{M1}!unwatch:g1:i1|equal:i1"),
    ("P3", f"{M1}!unwatch:g1:i1|quiet:i1:MODIFY"),
    ("P3", f"{M1};hold:g1:i1!unwatch:g1:i1|quiet:i1:MODIFY"),
)
"""Promises about what finally happens, and programs in which somebody waits for it: under every
fair scheduler (`--strategy liveness`) it comes, or the one who waits goes round for ever."""

SCENARIOS: tuple[Scenario, ...] = tuple(case.scenario(calls) for calls in CALLS for case in CASES)
