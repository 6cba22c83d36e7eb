"""A data race as the kernel's detector prints it.

Source: kernel/kcsan/report.c, print_report(): the access that ran into the other one comes first,
then the one that was waiting, whose task reports; the title has the functions in alphabetical
order.
"""

from __future__ import annotations

from lockwright.core.race import RaceAccess, RaceReport
from lockwright.report.kernel.pieces import Kernel, frame_lines, machine_lines

RULER = "=" * 66


def format_race(report: RaceReport, *, ident: str) -> str:
    """The whole report; `ident` is release, version and taint: "6.5.0-rc1 #1 Not tainted".

    Raises: ValueError if `ident` has not these three parts.
    """
    kernel = Kernel.named(ident)
    one, other = report.functions
    first = report.first
    lines = [RULER, f"BUG: KCSAN: data-race in {one} / {other}", ""]
    for access in (report.second, first):
        lines += [*_access(report, access), ""]
    if report.values is not None:
        before, after = (value & (1 << 8 * report.size) - 1 for value in report.values)
        width = 2 + 2 * report.size
        lines += [f"value changed: {before:#0{width}x} -> {after:#0{width}x}", ""]
    lines += [
        "Reported by Kernel Concurrency Sanitizer on:",
        *machine_lines(first, kernel),
        RULER,
    ]
    return "\n".join(lines) + "\n"


def _access(report: RaceReport, access: RaceAccess) -> list[str]:
    who = "interrupt" if access.interrupt else f"task {access.pid}"
    what = f"{access.how} to {report.address:#018x} of {report.size} bytes"
    return [f"{what} by {who} on cpu {access.cpu}:", *frame_lines(access.stack, blanks=1)]
