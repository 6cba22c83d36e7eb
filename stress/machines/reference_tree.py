"""The tree of names that the reference goes by, and what is open in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from model.vfs.err import ENAMETOOLONG, ENOENT, ENOTDIR, NAME_MAX

TOO_LONG = (-ENOENT, -ENAMETOOLONG)
Owners: TypeAlias = tuple[tuple[int, int], ...]


@dataclass(slots=True, eq=False)
class Node:
    """A file or directory.

    `owners` has the (uid, gid) that it may have, as far as is known; `mode` is None while nobody
    has set it.
    """

    name: str
    directory: bool
    above: Node | None
    owners: Owners
    mode: int | None = None
    children: list[Node] = field(default_factory=list)
    gone: bool = False

    def walk(self) -> Iterator[Node]:
        """It and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()

    def child(self, name: str) -> Node | None:
        """What has this name."""
        return next((child for child in self.children if child.name == name), None)

    def give(self, uid: int | None, gid: int | None, *, perhaps: bool = False) -> None:
        """It belongs to these from now on, or perhaps; None leaves as it is."""
        owners = []
        for old_uid, old_gid in self.owners:
            uids = [old_uid if uid is None else uid, *([old_uid] if perhaps else [])]
            gids = [old_gid if gid is None else gid, *([old_gid] if perhaps else [])]
            owners += [(one, other) for one in uids for other in gids]
        self.owners = tuple(dict.fromkeys(owners))

    def remove(self) -> None:
        """Take it out of its directory; it and all below it are gone."""
        assert self.above is not None, "the root stays"
        self.above.children.remove(self)
        for node in list(self.walk()):
            node.gone = True


@dataclass(slots=True)
class Listing:
    """What an open directory has given since it was opened or rewound.

    `all_the_time` has the names that were there at the beginning and have been since, `ever`
    those that have been there at some time, `seen` those that were given.
    """

    all_the_time: set[str]
    ever: set[str]
    seen: list[str] = field(default_factory=list)

    def note(self, now: Sequence[str]) -> None:
        """What is there now."""
        self.all_the_time &= set(now)
        self.ever |= set(now)


@dataclass(slots=True)
class Open:
    """An open file.  `pos` is where reading goes on."""

    node: Node
    flags: str
    pos: int = 0
    listing: Listing | None = None


class Tree:
    """tracefs with its events and instances, and the open files.

    `files`, `system_files` and `top_files` are the names in an event's directory, a system's, and
    `events`; with `keeps` the system of the top instance stays without an event.  `enabled` has
    (instance, event), the empty instance is the top one; `filters` what filter an event has, where
    that is known.
    """

    def __init__(
        self,
        events: Sequence[str],
        files: Sequence[str],
        *,
        system_files: Sequence[str] = (),
        top_files: Sequence[str] = (),
        instances: Sequence[str] = (),
        keeps: bool = False,
    ) -> None:
        self.files, self.system_files, self.top_files = files, system_files, top_files
        self.keeps = keeps
        self.mounted = (0, 0)
        self.usual: dict[str, int] = {}
        self.enabled: set[tuple[str, str]] = set()
        self.filters: dict[tuple[str, str], str | None] = {}
        self.opened: dict[str, Open] = {}
        self.names: list[str] = []
        self.root = Node("", True, None, (self.mounted,))
        self._events(self.root)
        self.instances = self._make(self.root, "instances")
        for name in events:
            self._create(name)
        for name in instances:
            self._instance(name)

    # The tree.

    def _make(self, above: Node, name: str, *, directory: bool = True) -> Node:
        # the mount's, or those of the directory that it is made in
        owners = tuple(dict.fromkeys((self.mounted, *above.owners)))
        node = Node(name, directory, above, owners)
        above.children.append(node)
        return node

    def _make_files(self, above: Node, given: Sequence[str]) -> None:
        for name in given:
            self._make(above, name, directory=False)

    def _events(self, above: Node) -> None:
        self._make_files(self._make(above, "events"), self.top_files)

    def _instance(self, name: str) -> None:
        made = self._make(self.instances, name)
        self._events(made)
        for event in self.names:
            self._event(made, event)

    def _event(self, tracer: Node, name: str) -> None:
        events = tracer.child("events")
        assert events is not None, "every tracer has one"
        system = events.child("kprobes")
        if system is None:
            system = self._make(events, "kprobes")
            self._make_files(system, self.system_files)
        self._make_files(self._make(system, name), self.files)

    def _tracers(self) -> list[Node]:
        return [self.root, *self.instances.children]

    def _create(self, name: str) -> None:
        self.names.append(name)
        for tracer in self._tracers():
            self._event(tracer, name)

    def _remove(self, name: str) -> None:
        self.names.remove(name)
        for tracer in self._tracers():
            events = tracer.child("events")
            assert events is not None, "every tracer has one"
            system = events.child("kprobes")
            event = None if system is None else system.child(name)
            assert event is not None, "an event is everywhere"
            event.remove()
            if system is not None and not self.names and not (self.keeps and tracer is self.root):
                system.remove()
            self.enabled.discard((tracer.name, name))
            self.filters.pop((tracer.name, name), None)
        self._note_changes()

    def _note_changes(self) -> None:
        for file in self.opened.values():
            if file.listing is not None:
                file.listing.note(self._names_in(file.node))

    def _names_in(self, node: Node) -> list[str]:
        return [child.name for child in node.children] if not node.gone else []

    def _find(self, path: str, start: Node | None = None) -> Node | tuple[int, ...]:
        """Where a path leads, or the errnos that it may give."""
        node = start or self.root
        parts = path if start else path[1:] if path.startswith("/") else f"events/{path}"
        for part in parts.split("/"):
            if part in ("", "."):
                continue
            if not node.directory:
                return (-ENOTDIR,)
            found = (node.above or node) if part == ".." else node.child(part)
            if found is None:
                return TOO_LONG if len(part) > NAME_MAX else (-ENOENT,)
            node = found
        return node

    def _above(self, node: Node) -> list[str]:
        names: list[str] = []
        at: Node | None = node
        while at is not None:
            names.insert(0, at.name)
            at = at.above
        return names

    def _like(self, node: Node) -> str:
        """Its path, with one name for all events, and one for all instances."""
        names = self._above(node)
        if names[1:2] == ["instances"] and len(names) > 2:
            names[2] = "*"
        if "events" in names and len(names) - names.index("events") > 2 + (not node.directory):
            names[names.index("events") + 2] = "*"
        return "/".join(names)

    def _where(self, node: Node) -> tuple[str, str]:
        """(instance, event) of a file of an event; empty where there is none."""
        names = self._above(node)
        instance = names[2] if names[1:2] == ["instances"] and len(names) > 2 else ""
        rest = names[names.index("events") + 1 :] if "events" in names else []
        return instance, rest[1] if len(rest) == 3 else ""
