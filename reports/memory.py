"""How much memory each design takes for the trees of the mails, idle and used.

`python -m reports.memory` builds the trees in the model, with each design's own functions, walks
all of them, drops the caches, and counts (`invariants/memory.py`).  With `--write` it makes
`reports/baselines/memory.json` anew, which the project's own report shows.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from invariants.memory import Use, file_system, of_tracing_core, total, usage
from lockwright.core.boot import boot
from lockwright.core.world import World
from model.tracefs.entry import EntryFile, EventfsEntry
from model.tracing.core import Entries
from model.tracing.entries import FTRACE_SYSTEM
from model.tracing.setup import Tracing, tracing
from model.tracing.static_events import add_static_event
from model.vfs.err import IS_ERR
from model.vfs.objects import FileOperations
from model.vfs.readdir import __x64_sys_getdents64
from model.vfs.reclaim import drop_caches
from model.vfs.syscalls import __do_sys_newfstatat, __x64_sys_close, __x64_sys_openat
from reports.running import run, table_in, written
from stress.scenarios.designs import DESIGNS

BASELINE = Path(__file__).parent / "baselines" / "memory.json"

Figures = dict[str, dict[str, list[str]]]
"""By tree and design, the cells of `HEADER` but for the first."""

TOP_FILES = ("enable", "header_page", "header_event")
SYSTEM_FILES = ("filter", "enable")
EVENT_FILES = ("enable", "filter", "trigger", "format", "id", "hist")
MORE_FILES = ("hist_debug", "inject")
"""Of which the tracing core here has nothing but their place in the directory."""
FILES = len(EVENT_FILES) + len(MORE_FILES)
MEGA = 1_000_000
STEPS_MAX = 10_000_000
"""No tree takes more to build or to walk."""
CACHES = {
    "tracefs/pinned": {"tracefs_inode_cache": 624},
    "eventfs/latest": {"tracefs_inode_cache": 592},
}
"""Where sizes differ from the classes': an inode is a plain one before eventfs, smaller in 7.3."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A tree of events: `ftrace` of its events are ftrace's own, with three files less each, in a
    system without files."""

    name: str
    systems: int
    events: int
    ftrace: int

    @property
    def directories(self) -> int:
        """Systems and events; `events` itself is not counted."""
        return self.systems + self.events

    @property
    def files(self) -> int:
        """Files at all levels."""
        below = FILES * self.events - 3 * self.ftrace
        return len(TOP_FILES) + len(SYSTEM_FILES) * (self.systems - 1) + below

    @property
    def second_level(self) -> int:
        """`ls -d events/*/*`"""
        return self.events + len(SYSTEM_FILES) * (self.systems - 1)

    @property
    def third_level(self) -> int:
        """`ls -d events/*/*/*`"""
        return FILES * self.events - 3 * self.ftrace


COVER_LETTER = Shape("10,000 files and directories", 100, 1085, 22)
MAIL = Shape("2,212 and 15,819", 114, 1986, 23)
SHAPES = (COVER_LETTER, MAIL)


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a design takes for a tree: idle, when every path has been looked up and every directory
    listed, and when the caches have been dropped."""

    design: str
    shape: Shape
    idle: dict[str, Use]
    walked: dict[str, Use]
    reclaimed: dict[str, Use]


def names(shape: Shape) -> list[tuple[str, str]]:
    """(system, event) of every event; the names are as long as those of system calls are."""
    systems = [f"system_{nth:03}" for nth in range(1, shape.systems)]
    plain = [
        (systems[nth % len(systems)], f"sys_enter_event_{nth:04}")
        for nth in range(shape.events - shape.ftrace)
    ]
    own = [(FTRACE_SYSTEM, f"ftrace_event_{nth:02}") for nth in range(shape.ftrace)]
    return [*plain, *own]


async def _more(name: str, data: object) -> EntryFile:
    return EntryFile(0o440, data, FileOperations())


def built(design: str, shape: Shape, *, files: bool = True) -> Tracing:
    """The tree, idle; without `files` there are directories only."""
    kind = DESIGNS[design]
    world = World()
    fs: Any = kind.kind_of()(world)
    at = tracing(
        world,
        fs,
        kind.release(),
        events=(),
        files=EVENT_FILES if files else (),
        system_files=SYSTEM_FILES if files else (),
        top_files=TOP_FILES if files else (),
        keeps=False,
    )
    entries = at.core.entries
    more = tuple(EventfsEntry(name, _more) for name in MORE_FILES if files)
    at.core.entries = Entries(entries.events, entries.system, (*entries.event, *more))

    async def fill() -> None:
        await at.core.event_mutex.lock()
        for system, name in names(shape):
            await add_static_event(at.core, system, name)
        await at.core.event_mutex.unlock()

    at.boot(fill(), steps_max=STEPS_MAX)
    return at


def directories(shape: Shape) -> Iterator[str]:
    """Every directory below `events`, and that itself."""
    yield "events"
    known: dict[str, None] = {}
    for system, _ in names(shape):
        known.setdefault(system)
    for system in known:
        yield f"events/{system}"
    for system, name in names(shape):
        yield f"events/{system}/{name}"


async def walk(at: Tracing, shape: Shape) -> int:
    """`find events -ls`: list each directory, and look up all that is in it; how much it was."""
    root = at.sb.s_root
    seen = 0
    for path in directories(shape):
        file = await __x64_sys_openat(root, path)
        assert not IS_ERR(file), f"{path} is there"
        entries = await __x64_sys_getdents64(file)
        assert isinstance(entries, list), f"{path} is a directory"
        for entry in entries:
            if entry.name not in (".", ".."):
                await __do_sys_newfstatat(root, f"{path}/{entry.name}")
                seen += 1
        await __x64_sys_close(file)
    return seen


def footprint(design: str, shape: Shape) -> Footprint:
    """Build, walk, reclaim, and count."""
    at = built(design, shape)
    idle = _used(design, at)
    seen = boot(at.sb.world, walk(at, shape), steps_max=STEPS_MAX)
    assert seen == shape.directories + shape.files, (design, seen, shape)
    walked = _used(design, at)
    at.boot(drop_caches(at.sb), steps_max=STEPS_MAX)
    return Footprint(design, shape, idle, walked, _used(design, at))


PER_EVENT = ("trace_event_file", "trace_subsystem_dir", "event_subsystem")
"""What the tracing core allocates for events that were built in; the events are static."""
SAMPLE = Shape("a sample", 3, 10, 2)


def objects_a_file(design: str) -> float:
    """How many objects are allocated for a file before anybody has looked at it."""
    counts = [
        sum(1 for _ in file_system(built(design, SAMPLE, files=files).sb.world))
        for files in (True, False)
    ]
    return (counts[0] - counts[1]) / SAMPLE.files


def _used(design: str, at: Tracing) -> dict[str, Use]:
    """What is there, less the root of tracefs, which is no part of the tree."""
    sizes = CACHES.get(design, {})
    root = (at.sb.s_root, at.sb.s_root.peek("d_inode"))
    found = usage(obj for obj in file_system(at.sb.world) if obj not in root)
    return {
        kind: replace(use, bytes=use.count * sizes[kind]) if kind in sizes else use
        for kind, use in found.items()
    }


def megabytes(number: int) -> str:
    """`8.632`"""
    return f"{number / MEGA:.3f}"


HEADER = ("design", "idle", "walked", "reclaimed", "a file", "idle objects")


def rows(shape: Shape, designs: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """A row a design."""
    for design in designs:
        made = footprint(design, shape)
        objects = ", ".join(f"{use.count} {use.kind}" for use in made.idle.values())
        figures = (made.idle, made.walked, made.reclaimed)
        a_file = f"{objects_a_file(design):g}"
        yield (design, *(megabytes(total(uses)) for uses in figures), a_file, objects)


def table(shape: Shape, designs: tuple[str, ...]) -> str:
    """The figures for one tree, in megabytes of file system objects."""
    lines = [HEADER, *rows(shape, designs)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(HEADER) - 1)]
    title = (
        f"{shape.name}: {shape.systems} systems, {shape.events} events, {shape.files} files\n"
        f"(ls -d events/*/*: {shape.second_level}; ls -d events/*/*/*: {shape.third_level})"
    )
    body = [
        "  ".join(
            (
                line[0].ljust(widths[0]),
                *(line[at].rjust(widths[at]) for at in (1, 2, 3, 4)),
                line[5],
            )
        )
        for line in lines
    ]
    return "\n".join((title, "", *body, "", core_of(shape)))


def core_of(shape: Shape) -> str:
    """What the tracing core takes beside that, whatever the file system."""
    at = built("tracefs/pinned", shape, files=False)
    found = usage(obj for obj in at.sb.world.objects if obj.alive and of_tracing_core(obj))
    uses = {kind: use for kind, use in found.items() if kind in PER_EVENT}
    objects = ", ".join(f"{use.count} {use.kind}" for use in uses.values())
    return f"tracing core  {megabytes(total(uses))}  {objects}"


WHY = """\
Megabytes (10^6 bytes) of dentries, inodes, and what the file system itself keeps.  Idle is the tree
when nobody has looked at it, walked when every directory was listed and every path looked up,
reclaimed when the caches were dropped after that.  An instance has the idle figure once more.
`a file` is how many objects are allocated for a file before anybody has looked at it: with static
arrays (6.7 and later) none, and so idle memory does not depend on how many files there are.
Below each table stands what the tracing core allocates for the events, whatever the file system.

The cover letter has 9 MB before and 4.5 MB with eventfs, for about 10,000 files and directories.
The 9 MB are the pinned dentries and inodes: 192 + 624 bytes each, or 848 with the inode of eventfs.
The 4.5 MB are not what eventfs keeps.  The letter measures what the whole of tracing takes: events,
their trace_event_files and filters, which stay, and perhaps a dentry cache that is not cold.  No
one constant beside the file system's objects fits both of its figures: 9 MB leaves 0.4 to 0.8 MB
for it, 4.5 MB leaves 2.7 to 3.5 MB."""


def parts(shapes: tuple[Shape, ...], designs: tuple[str, ...]) -> Iterator[str]:
    """A table for each tree, and what they mean."""
    chosen = designs or tuple(name for name in DESIGNS if _there(name))
    for shape in shapes:
        yield table(shape, chosen)
    yield WHY


def report(shapes: tuple[Shape, ...] = SHAPES, designs: tuple[str, ...] = ()) -> str:
    """The whole text."""
    return "\n\n".join(parts(shapes, designs))


def figures(designs: tuple[str, ...], shapes: tuple[Shape, ...] = SHAPES) -> Figures:
    """The cells of the tables: by tree and design, without the design's name."""
    return {
        shape.name: {design: list(cells) for design, *cells in rows(shape, designs)}
        for shape in shapes
    }


def baseline() -> Figures:
    """The committed ones.  Raises UsageError if they cannot be read."""
    return {
        tree: {design: _texts(cells) for design, cells in given.items()}
        for tree, given in table_in(BASELINE).items()
    }


def _texts(cells: object) -> list[str]:
    return [str(cell) for cell in cells] if isinstance(cells, list) else []


def _there(design: str) -> bool:
    try:
        import_module(DESIGNS[design].module)
    except ModuleNotFoundError:
        return False
    return True


@click.command()
@click.option(
    "--design",
    type=click.Choice(list(DESIGNS)),
    multiple=True,
    help="Only this design; may be given several times.",
)
@click.option("--write", is_flag=True, help="Make the baseline anew.")
def main(*, design: tuple[str, ...], write: bool) -> None:
    """Build the trees of the mails in each design, and print what they take."""
    if write and design:
        raise click.UsageError("--write makes the baseline of every design: leave out --design")
    if write:
        written(BASELINE, json.dumps(figures(tuple(DESIGNS)), indent=1) + "\n")
        return
    for part in parts(SHAPES, design):
        click.echo(f"{part}\n")


if __name__ == "__main__":
    run(main)
