"""Calls on inotify as text, so that a kernel and the model can be given the same ones.

| call | result |
| --- | --- |
| `init G` | 0: the descriptor G, which was closed, has a new group |
| `close G` | 0 or an errno |
| `add G F MASK` | a watch descriptor or an errno; MASK as in `ACCESS|MASK_ADD` |
| `rm G WD` | 0 or an errno |
| `read G` | all events, each as `MODIFY 1` with its watch descriptor; or an errno |
| `told G` | the same without watch descriptors |
| `watches G` | the watches, the newest first, each as `1 f2 ACCESS`; EBADF if G is closed |
| `open F`, `release F` | 0 or an errno: hold the file F open, and let go of it |
| `modify F`, `access F`, `attrib F` | 0 or an errno: a write, a read, a chmod |
| `unlink F` | 0 or an errno |

What is done to a file goes through the descriptor that is held, or through one for the purpose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

DATA = Path(__file__).parent.parent.parent / "tests" / "data"
VECTORS = DATA / "inotify_vectors.json"

GROUPS = ("g1", "g2")
FILES = ("f1", "f2")
FILLERS = {"g1": "f3", "g2": "f4"}
"""Where the queues have to be small: the file whose events fill that of a group."""

BITS = {"ACCESS": 0x1, "MODIFY": 0x2, "ATTRIB": 0x4, "DELETE_SELF": 0x400}
ONLY_TOLD = {"UNMOUNT": 0x2000, "Q_OVERFLOW": 0x4000, "IGNORED": 0x8000}
FLAGS = {"MASK_CREATE": 0x10000000, "MASK_ADD": 0x20000000}
NO_BIT = {"UNKNOWN": 0x08000000}
MASKS = {**BITS, **ONLY_TOLD, **NO_BIT, **FLAGS}

FIRST = (
    "ACCESS",
    "MODIFY",
    "MODIFY|DELETE_SELF",
    "ACCESS|MODIFY|ATTRIB|DELETE_SELF",
    "ATTRIB|DELETE_SELF",
)
"""Masks that are asked for most."""
ODD = ("0", "UNKNOWN", "UNMOUNT", "IGNORED", "Q_OVERFLOW", "MASK_ADD", "MASK_CREATE")

CHOICES = ("add", "event", "rm", "read", "unlink", "hold", "close")
WEIGHTS = (34, 32, 12, 7, 5, 5, 5)
WEIGHTS_OF_SMALL = (16, 60, 8, 4, 4, 2, 2)
"""Where a queue is small, there is much to tell, to all who watch."""

Result = int | str | list[str]


def mask_of(text: str) -> int:
    """`ACCESS|MASK_ADD` as a number."""
    return sum(MASKS[name] for name in text.split("|") if name != "0")


def mask_text(mask: int) -> str:
    """A number as text: `0` if it is none, what has no name as a number."""
    names = [name for name, bit in MASKS.items() if mask & bit]
    rest = mask & ~sum(MASKS.values())
    return "|".join([*names, hex(rest)] if rest else names) or "0"


@dataclass(frozen=True, slots=True)
class Sequence:
    """Calls one after the other, and what each gave.

    `room` is how many events a queue takes, 0 for as many as the kernel allows: then each group
    has a watch on its own file of FILLERS from the beginning, which is never told of.
    """

    seed: str
    room: int
    steps: tuple[tuple[str, Result], ...] = ()


class _Writer:
    """Writes calls that make sense: what is open, held or gone is known without the results."""

    def __init__(self, seed: str, *, room: int) -> None:
        self.random = Random(seed)
        self.room = room
        self.closed: set[str] = set()
        self.held: set[str] = set()
        self.added: dict[str, int] = {}

    def mask(self) -> str:
        random = self.random
        if random.random() < 0.06:
            return random.choice(ODD)
        if random.random() < 0.5:
            mask = random.choice(FIRST)
        else:
            mask = mask_text(random.randrange(1, 16) & 7 | (random.random() < 0.4) << 10)
        chance = random.random()
        flags = "MASK_ADD" * (chance < 0.28 or chance >= 0.46), "MASK_CREATE" * (chance >= 0.28)
        if chance < 0.5:
            mask = "|".join(part for part in (mask, *reversed(flags)) if part)
        return mask

    def call(self) -> str:
        random = self.random
        group, file = random.choice(GROUPS), random.choice(FILES)
        if self.closed and random.random() < 0.15:
            return self._close(min(self.closed))
        if self.held and random.random() < 0.15:
            return self._hold(min(self.held))
        what = random.choices(CHOICES, WEIGHTS_OF_SMALL if self.room else WEIGHTS)[0]
        if what == "add":
            self.added[group] = self.added.get(group, 0) + 1
            return f"add {group} {file} {self.mask()}"
        if what == "event":
            file = random.choice((file, "f1"))
            return f"{random.choice(('modify', 'modify', 'access', 'attrib'))} {file}"
        if what == "rm":
            first = 2 if self.room else 1  # the first one fills the queue
            last = first + self.added.get(group, 0)
            return f"rm {group} {random.choice((-1, 0, *2 * tuple(range(first, last)), last))}"
        if what == "hold":
            return self._hold(file)
        if what == "close":
            return self._close(group)
        return f"unlink {file}" if what == "unlink" else f"read {group}"

    def _hold(self, file: str) -> str:
        holds = file not in self.held
        self.held ^= {file}
        return f"open {file}" if holds else f"release {file}"

    def _close(self, group: str) -> str:
        if group in self.closed and self.random.random() < 0.8:
            self.closed.remove(group)
            self.added[group] = 0
            return f"init {group}"
        self.closed.add(group)
        return f"close {group}"


def calls(seed: str, *, room: int = 0) -> Iterator[str]:
    """A random sequence of calls, that ends by looking at what there is to see: 8 to 15 of them."""
    writer = _Writer(seed, room=room)
    group, file = writer.random.choice(GROUPS), writer.random.choice(FILES)
    writer.added[group] = 1
    yield f"add {group} {file} {'|'.join(BITS) if room else writer.mask()}"
    for _ in range(writer.random.randint(3, 10)):
        yield writer.call()
    for group in GROUPS:
        yield f"read {group}"
        yield f"watches {group}"


def write(path: Path, kernel: str, sequences: list[Sequence]) -> None:
    """Write recorded sequences: one line each."""
    head = json.dumps(
        {"kernel": kernel, "about": "what stress.conformance.inotify_recorder recorded"}
    )
    lines = ",\n".join(
        json.dumps({"seed": each.seed, "room": each.room, "steps": each.steps})
        for each in sequences
    )
    path.write_text(f'{head[:-1]}, "sequences": [\n{lines}\n]}}\n', encoding="utf-8")


def recorded(path: Path = VECTORS) -> tuple[str, list[Sequence]]:
    """The kernel's release, and its sequences."""
    data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data["kernel"], [
        Sequence(each["seed"], each["room"], tuple((call, gave) for call, gave in each["steps"]))
        for each in data["sequences"]
    ]
