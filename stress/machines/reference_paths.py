"""The reference's calls by path."""

from __future__ import annotations

from lockwright.core.location import Value
from model.vfs.err import EBUSY, EEXIST, EINVAL, EISDIR, ENODEV, ENOENT, ENOTDIR, EPERM, NAME_MAX
from stress.machines.expected import ANY_MODE, Expected, any_text, names, one_of
from stress.machines.reference_tree import TOO_LONG, Node, Tree

HOLDING = ("enable", "filter")
"""Files that keep their instance while they are open."""
MAY_HOLD = ("hist",)


class Paths(Tree):
    """What a path's calls give."""

    def stat(self, path: str) -> Expected:
        """0 if it is there."""
        found = self._find(path)
        return one_of(0) if isinstance(found, Node) else one_of(*found)

    def show(self, path: str) -> Expected:
        """Kind, mode, owner and group, as they were set last."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        kind = "dir" if node.directory else "file"
        usual = self._like(node)
        mode = self.usual.get(usual) if node.mode is None else node.mode

        def then(got: Value) -> None:
            node.owners = (got[2:],)
            if node.mode is None and isinstance(got[1], int):
                self.usual[usual] = got[1]

        shown = ANY_MODE if mode is None else mode
        return one_of(*((kind, shown, *owner) for owner in node.owners), then=then)

    def cat(self, path: str) -> Expected:
        """The text."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        return one_of(-EISDIR) if node.directory else self._text(node)

    def _text(self, node: Node, pos: int = 0) -> Expected:
        instance, event = self._where(node)
        if event and node.name == "enable":
            text = "1\n" if (instance, event) in self.enabled else "0\n"
        elif event and node.name == "filter" and self._filter(instance, event) is not None:
            text = f"{self._filter(instance, event)}\n"
        elif not event and node.name == "enable":
            text = self._enabled_in(instance)
        else:
            return one_of(any_text(f"the text of {node.name}"))
        return one_of(text) if not pos else one_of(text[pos:], "")

    def _filter(self, instance: str, event: str) -> str | None:
        return self.filters.get((instance, event), "none")

    def _enabled_in(self, instance: str) -> str:
        on = {(instance, event) in self.enabled for event in self.names}
        return "X\n" if len(on) == 2 else "1\n" if True in on else "0\n" if on else "?\n"

    def echo(self, text: str, path: str) -> Expected:
        """What a file is told; 0 if it took it."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        if node.directory:
            return one_of(-EISDIR)
        return self._told(node, text, 0)

    def _told(self, node: Node, text: str, success: int) -> Expected:
        instance, event = self._where(node)
        if node.name == "enable":
            on = text.strip()
            if on not in ("0", "1") or not (event or self.names):
                return one_of(-EINVAL)
            touched = [event] if event else self.names

            def enable(got: Value) -> None:
                for name in touched:
                    (self.enabled.add if on == "1" else self.enabled.discard)((instance, name))

            return one_of(success, then=enable)
        if node.name == "filter" and event:

            def filter(got: Value) -> None:
                known = {success: "none" if text.strip() == "0" else text.strip()}
                self.filters[instance, event] = known.get(got)

            return one_of(success, -EINVAL, then=filter)
        return one_of(success, -EINVAL)

    def ls(self, path: str, limit: int | None = None) -> Expected:
        """All the names, whatever the size of the buffer, if it holds one."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        if not node.directory:
            return one_of(-ENOTDIR)
        there = self._names_in(node)
        long = [name for name in there if len(name) > NAME_MAX]
        sure = [name for name in there if len(name) <= NAME_MAX]
        return one_of(-EINVAL if limit == 0 else names(sure, long))

    def has(self, path: str, name: str, limit: int | None = None) -> Expected:
        """Is a name in a listing?"""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        if not node.directory:
            return one_of(-ENOTDIR)
        if limit == 0:
            return one_of(-EINVAL)
        there = name in self._names_in(node)
        return one_of(there, *([False] if len(name) > NAME_MAX else []))

    def chmod(self, mode: int, path: str) -> Expected:
        """0, and it is shown from then on."""
        node = self._find(path)
        return self._set_mode(node, mode) if isinstance(node, Node) else one_of(*node)

    def chown(self, uid: int | None, gid: int | None, path: str) -> Expected:
        """The same."""
        node = self._find(path)
        return self._set_owner(node, uid, gid) if isinstance(node, Node) else one_of(*node)

    def _set_mode(self, node: Node, mode: int) -> Expected:
        def then(got: Value) -> None:
            if got == 0:
                node.mode = mode

        return one_of(0, *([-ENODEV, -ENOENT] if node.gone else []), then=then)

    def _set_owner(self, node: Node, uid: int | None, gid: int | None) -> Expected:
        def then(got: Value) -> None:
            if got == 0:
                node.give(uid, gid)

        return one_of(0, *([-ENODEV, -ENOENT] if node.gone else []), then=then)

    def _parent(self, path: str) -> tuple[Node, str] | tuple[int, ...]:
        """The directory in which the last name of a path is looked for, and that name."""
        whole = path if path.startswith("/") else f"/events/{path}"
        above, _, name = whole.rstrip("/").rpartition("/")
        found = self._find(above or "/")
        if not isinstance(found, Node):
            return found
        if not found.directory:
            return (-ENOTDIR,)
        missing = found.child(name) is None
        return TOO_LONG if missing and len(name) > NAME_MAX else (found, name)

    def mkdir(self, path: str) -> Expected:
        """An instance, below `instances`; nothing can be made anywhere else."""
        place = self._parent(path)
        above, name = place[0], place[-1]
        if not isinstance(above, Node) or not isinstance(name, str):
            # it could not be made with a shorter name either, and that may be said first
            return Expected((*place, -EPERM) if place == TOO_LONG else place)
        if not name or above.child(name) is not None:
            return one_of(-EEXIST)
        if above is not self.instances:
            return one_of(-EPERM)
        return one_of(0, then=lambda got: self._instance(name))

    def rmdir(self, path: str) -> Expected:
        """An instance that nobody uses; nothing else can be removed."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        if not node.directory:
            return one_of(-ENOTDIR)
        if node.above is not self.instances:
            return one_of(-EBUSY if node is self.root else -EPERM)
        inside = [file.node for file in self.opened.values() if file.flags != "path"]
        used = {one.name for one in inside if one in list(node.walk())}
        if used & set(HOLDING):
            return one_of(-EBUSY)

        def then(got: Value) -> None:
            if got == 0:
                node.remove()
                kept = {key for key in self.enabled if key[0] != node.name}
                self.enabled = kept
                self._note_changes()

        return one_of(0, *([-EBUSY] if used & set(MAY_HOLD) else []), then=then)

    def unlink(self, path: str) -> Expected:
        """Never."""
        node = self._find(path)
        if not isinstance(node, Node):
            return one_of(*node)
        return one_of(-EISDIR if node.directory else -EPERM)
