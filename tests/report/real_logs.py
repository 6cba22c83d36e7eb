"""Real reports made comparable: what a log, a mail or a symboliser did to them is taken back.

A *skeleton* is the text of a report up to the header of its backtrace, in which runs of frames
are one line that keeps only their indent, and addresses of code are masked.  All else stays: names,
numbers, blanks, empty lines, the length of the rulers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

SPLATS = Path(__file__).parent.parent / "data" / "splats"

QUOTE = re.compile(r"^(?:> ?|\| ?)+")
STAMP = re.compile(r"^\[ *\d+\.\d+\](?:\[ *[TC]\d+\])? ?")
SOURCE_PLACE = re.compile(r"(?<=[0-9a-f]) [\w./-]+\.[chS]:-?\d+$")
FRAME = re.compile(r"( +)(?:\? )?[\w.]+\+0x[0-9a-f]+/0x[0-9a-f]+(?: \[\w+\])?$")
CODE = re.compile(r"\[<[0-9a-f]+>\](?! 0x0$)")
FREE = ("Hardware name: ", "Workqueue: ", "Tainted: [", "Modules linked in: ")


def real_lines(number: str, *, joined: bool = False) -> list[str]:
    """The lines of one file, by its number, without quotes, stamps and what a symboliser added.

    `joined`: a mailer broke its lines; those without a stamp belong to the line before.
    """
    (path,) = SPLATS.glob(f"{number}_*.txt")
    lines: list[str] = []
    for raw in path.read_text(encoding="utf-8").splitlines():
        quoted = QUOTE.sub("", raw.replace("\u00a0", " "))
        if quoted.endswith("[inline]"):
            continue
        text = STAMP.sub("", quoted)
        if joined and text == quoted and lines:
            lines[-1] = f"{lines[-1]} {text}"
        else:
            lines.append(SOURCE_PLACE.sub("", text))
    return lines


def section(lines: list[str], first: str, last: str) -> list[str]:
    """From the line with `first`, and a ruler before it, to the line with `last`."""
    start = next(i for i, line in enumerate(lines) if first in line)
    ruled = start > 0 and set(lines[start - 1]) == {"="}
    end = next(i for i, line in enumerate(lines) if i > start and last in line.lower())
    return lines[start - ruled : end + 1]


def skeleton(lines: list[str]) -> list[str]:
    """What is compared of a report: see above."""
    bones: list[str] = []
    for line in lines:
        frame = FRAME.fullmatch(line)
        bone = f"{frame[1]}FRAMES" if frame else CODE.sub("[<CODE>]", line)
        bone = re.sub(r"(at: \S+) \[\w+\]$", r"\1", bone)  # a module: the model has none
        bone = re.sub(r"(key +at: ).*", r"\1KEY", bone)
        bone = re.sub(r"^(CPU: .*?) PREEMPT\S*\s*$", r"\1", bone)
        bone = bone.replace("Call trace:", "Call Trace:")  # arm64 writes it small
        # which tainted a kernel, and a mail that cut the blanks at the end of a line
        bone = re.sub(r"(Tainted: [A-Z ]*[A-Z]) *", r"\1 ", bone).rstrip()
        if bone.startswith(FREE) or (frame and bones and bones[-1] == bone):
            continue
        bones.append(bone)
    return bones


def printed_skeleton(text: str, keep: Callable[[str], bool] = lambda line: True) -> list[str]:
    """The skeleton of a text of ours, from its first ruler to the header of the backtrace."""
    lines = [line for line in text.removeprefix("\n").splitlines() if keep(line)]
    ends = [i for i, line in enumerate(lines) if line == "Call Trace:"]
    return skeleton(lines[: ends[0] + 1] if ends else lines)
