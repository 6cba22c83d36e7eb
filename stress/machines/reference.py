"""tracefs as a reader of its documentation would write it down: a tree of names, one at a time.

Source: Documentation/trace/ftrace.rst, events.rst, kprobetrace.rst; stat(2), open(2), chmod(2),
getdents(2), mount(8).  Nothing in here knows of dentries, inodes or eventfs: what a design caches,
and when it makes what, is not to be noticed.

Where the documentation leaves a choice, so does the reference: in which order names come; which
of two errnos a name has that is too long; what modes there are at first, as long as they stay the
same; what the open files of a removed event give, but for the file's own data; and what becomes
of an event whose name is longer than that of a file can be.

Each method is a call of the vocabulary (`calls.py`) and gives what that may give.  A listing by
several calls promises each name once that is there all the time (`Listing`).  `reference_tree.py`
has the tree, `reference_paths.py` the calls by path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lockwright.calls import Argument
from lockwright.core.location import Value
from model.vfs.err import (
    EACCES,
    EBADF,
    EBUSY,
    EEXIST,
    EINVAL,
    EISDIR,
    ENODEV,
    ENOENT,
    ENOTDIR,
    NAME_MAX,
)
from model.vfs.syscalls import parse_options
from stress.machines.calls import FLAGS
from stress.machines.descriptors import NUMBERS
from stress.machines.expected import Expected, Like, any_text, one_of, or_refused
from stress.machines.reference_paths import Paths
from stress.machines.reference_tree import TOO_LONG, Listing, Node, Open
from stress.machines.vocabulary import GROUND
from stress.scenarios.case import KREFS

DOTS = (".", "..")


def _is_long(path: str) -> bool:
    """Has it a name that no file can have?"""
    return any(len(name) > NAME_MAX for name in path.split("/"))


REMOUNTED: dict[str, tuple[str, ...]] = {
    "eventfs/linux_6_7": ("gid",),
    "eventfs/linux_6_8_rc1": ("gid",),
    **dict.fromkeys(KREFS, ("uid", "gid")),
}
"""What a remount changes of all that is there, where its authors said so."""
WRITES = ("w", "rw", "trunc", "creat")
GONE = (-ENODEV, -ENOENT)


class Tracefs(Paths):
    """The documented tracefs: its calls, and what each may give."""

    remounted: tuple[str, ...] = ("uid", "gid")
    """What a remount promises to change of all that is there; the rest it is free to leave."""

    def expects(self, call: str, *arguments: Argument) -> Expected:
        """What a call may give now; it has to be told what it gave (`Expected.accept`)."""
        method: Callable[..., Expected] = getattr(self, call)
        expected = method(*arguments)
        long = any(_is_long(one) for one in arguments if isinstance(one, str) and "/" in one)
        return or_refused(expected, TOO_LONG) if long else expected

    # Events, and the whole mount.

    def create(self, name: str) -> Expected:
        """An event, in every instance."""
        if name in self.names:
            return one_of(-EEXIST)
        return one_of(0, then=lambda got: self._created(name))

    def _created(self, name: str) -> None:
        self._create(name)
        self._note_changes()

    def _busy(self, name: str) -> bool:
        return any(event == name for _, event in self.enabled)

    def remove(self, name: str) -> Expected:
        """The event, if it is enabled nowhere."""
        if name not in self.names:
            return one_of(-ENOENT)
        if self._busy(name):
            return one_of(-EBUSY)
        return one_of(0, then=lambda got: self._remove(name))

    def clear(self) -> Expected:
        """All events, or none if one is enabled."""
        if self.enabled:
            return one_of(-EBUSY)

        def then(got: Value) -> None:
            for name in list(self.names):
                self._remove(name)

        return one_of(0, then=then)

    def drop_caches(self) -> Expected:
        """Nobody notices."""
        return one_of(0)

    def reclaim(self, path: str) -> Expected:
        """Nor this."""
        return one_of(0)

    def remount(self, options: str) -> Expected:
        """What is made from then on belongs to `uid` and `gid`, and so does all that is there,
        where that is promised; the root has `mode`."""
        parsed = parse_options(options)
        if isinstance(parsed, int):
            return one_of(-EINVAL)
        uid, gid, mode = parsed.uid, parsed.gid, parsed.mode

        def then(got: Value) -> None:
            was = self.mounted
            self.mounted = (was[0] if uid is None else uid, was[1] if gid is None else gid)
            for node in self.root.walk():
                below = node is not self.root
                node.give(uid, None, perhaps=below and "uid" not in self.remounted)
                node.give(None, gid, perhaps=below and "gid" not in self.remounted)
            if mode is not None:
                self.root.mode = mode

        return one_of(0, then=then)

    # By descriptor.

    def open(self, number: str, path: str, flags: str = "r") -> Expected:
        """A descriptor leads to the file from then on, if it may be opened so."""
        if flags not in FLAGS:
            return one_of(-EINVAL)
        node = self._find(path)
        if not isinstance(node, Node):
            if flags == "creat" and -ENOENT in node and self._could_be_made(path):
                return one_of(-EACCES, *node)
            return one_of(*node)
        if node.directory and flags in WRITES:
            return one_of(-EISDIR)
        if not node.directory and flags == "dir":
            return one_of(-ENOTDIR)
        return one_of(-EBADF) if number not in NUMBERS else self._opened(number, node, flags)

    def _could_be_made(self, path: str) -> bool:
        above = self._parent(path)
        return isinstance(above[0], Node) or above == TOO_LONG

    def _opened(self, number: str, node: Node, flags: str) -> Expected:
        def then(got: Value) -> None:
            self.opened[number] = file = Open(node, flags)
            self._begin(file)

        return one_of(0, then=then)

    def _begin(self, file: Open) -> None:
        file.pos = 0
        if file.node.directory:
            there = {*DOTS, *self._names_in(file.node)}
            file.listing = Listing({name for name in there if not _is_long(name)}, there)

    def close(self, number: str) -> Expected:
        """It leads nowhere any more."""
        if number not in self.opened:
            return one_of(-EBADF)
        return one_of(0, then=lambda got: self._closed(number))

    def _closed(self, number: str) -> None:
        del self.opened[number]

    def _file(self, number: str) -> Open | None:
        """What a descriptor leads to that can be used for more than a path."""
        file = self.opened.get(number)
        return None if file is None or file.flags == "path" else file

    def getdents(self, number: str, limit: int | None = None) -> Expected:
        """The next names: not more than fit, none twice, none that never was there; and at the
        end none is missing that was there all the time."""
        file = self._file(number)
        if file is None:
            return one_of(-EBADF)
        listing = file.listing
        if listing is None:
            return one_of(-ENOTDIR)
        errors = (-EINVAL, *GONE) if file.node.gone else (-EINVAL,) if limit == 0 else ()
        gone = file.node.gone

        def judge(got: Value) -> bool:
            if not isinstance(got, tuple) or (limit is not None and len(got) > limit):
                return False
            seen = [*listing.seen, *got]
            if not got and not gone:
                return listing.all_the_time <= set(seen)
            return len(set(seen)) == len(seen) and set(got) <= listing.ever

        def then(got: Value) -> None:
            if isinstance(got, tuple):
                listing.seen += got

        left = sorted(listing.all_the_time - set(listing.seen))
        some = Like(judge, f"some of: {', '.join(left) or 'nothing'}")
        return Expected((*errors, some), then)

    def rewind(self, number: str) -> Expected:
        """Back to the beginning."""
        file = self._file(number)
        return one_of(-EBADF) if file is None else one_of(0, then=lambda got: self._begin(file))

    def read(self, number: str) -> Expected:
        """The text from the position on."""
        file = self._file(number)
        if file is None or file.flags == "w":
            return one_of(-EBADF)
        if file.node.directory:
            return one_of(-EISDIR)
        found = self._stale(file) if file.node.gone else self._text(file.node, file.pos)

        def then(got: Value) -> None:
            if isinstance(got, str):
                file.pos += len(got)

        return Expected(found.values, then)

    def _stale(self, file: Open) -> Expected:
        """Of a removed event nothing is to be had but its number."""
        _, event = self._where(file.node)
        if event and file.node.name != "id":
            # at the end of a text nothing is asked for any more
            return one_of(-ENODEV, *([""] if file.pos else []))
        return one_of(any_text("what is left of it"), -ENODEV)

    def write(self, number: str, text: str) -> Expected:
        """What the file is told."""
        file = self._file(number)
        if file is None or file.flags not in WRITES:
            return one_of(-EBADF)
        if file.node.gone:
            _, event = self._where(file.node)
            return one_of(-ENODEV, -EINVAL, *([] if event else [len(text)]))
        found = self._told(file.node, text, len(text))

        def then(got: Value) -> None:
            found.accept(got)
            file.pos += max(got, 0)

        return Expected(found.values, then)

    def fchmod(self, mode: int, number: str) -> Expected:
        """As chmod()."""
        file = self._file(number)
        return one_of(-EBADF) if file is None else self._set_mode(file.node, mode)

    def fchown(self, uid: int | None, gid: int | None, number: str) -> Expected:
        """As chown()."""
        file = self._file(number)
        return one_of(-EBADF) if file is None else self._set_owner(file.node, uid, gid)

    def stat_at(self, number: str, path: str) -> Expected:
        """A path from an open directory: in one that is gone there is nothing."""
        file = self.opened.get(number)
        if file is None:
            return one_of(-EBADF)
        if not file.node.directory:
            return one_of(-ENOTDIR)
        if file.node.gone:
            return one_of(0, -ENOENT) if path in DOTS else one_of(-ENOENT)
        found = self._find(path, file.node)
        return one_of(0) if isinstance(found, Node) else one_of(*found)


def reference_of(design: str, parameters: Mapping[str, object]) -> Tracefs:
    """The reference of a design's vocabulary, whose ground has these parameters."""
    named = {key: value for key, value in {**GROUND, **parameters}.items() if key in GROUND}
    lists = {k: tuple(n for n in str(v).split("+") if n) for k, v in named.items() if k != "keeps"}
    made = Tracefs(
        lists["events"],
        [name for name in lists["files"] if name != "btf_ids"],  # which no kprobe has
        system_files=lists["system_files"],
        top_files=lists["top_files"],
        instances=lists["instances"],
        keeps=str(named["keeps"]).lower() in ("true", "1", "yes"),
    )
    made.remounted = REMOUNTED.get(design, ())
    return made
