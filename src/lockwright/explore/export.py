"""A search, or parts of one, as JSON: for a checkpoint, and for other processes."""

from __future__ import annotations

from lockwright.core.location import Value
from lockwright.core.lockuse import LockKey
from lockwright.explore.batch import Batch, Explored
from lockwright.explore.portable import Portable
from lockwright.explore.sections import Sections
from lockwright.explore.spine import Node
from lockwright.explore.unit import Unit


class Export:
    """Tells of the parts of one search, and understands what was told of them."""

    __slots__ = ("to",)

    def __init__(self, to: Portable) -> None:
        self.to = to

    def unit(self, unit: Unit | None) -> Value:
        """A part."""
        if unit is None:
            return None
        to = self.to
        return {
            "keys": [to.key(key) for key in unit.keys],
            "base": unit.base,
            "nodes": [
                [to.sleep(sleep), to.branches(branches), tried]
                for sleep, branches, tried in unit.nodes
            ],
            "footprints": [to.footprint(footprint) for footprint in unit.footprints],
            "planned": unit.planned,
        }

    def unit_of(self, told: Value) -> Unit | None:
        """The part that was told of."""
        if told is None:
            return None
        to = self.to
        return Unit(
            [to.key_of(key) for key in told["keys"]],
            int(told["base"]),
            [
                (to.sleep_of(sleep), to.branches_of(branches), int(tried))
                for sleep, branches, tried in told["nodes"]
            ],
            [to.footprint_of(footprint) for footprint in told["footprints"]],
            int(told["planned"]),
        )

    def node(self, node: Node) -> Value:
        """A node of the spine with all below it."""
        to = self.to
        return {
            "key": None if node.parent is None else to.key(node.key),
            "footprint": to.footprint((node.read, node.write)),
            "sleep": None if node.sleep is None else to.sleep(node.sleep),
            "closed": node.closed,
            "tried": node.tried,
            "unit": self.unit(node.unit),
            "children": [self.node(child) for child in node.children],
        }

    def node_of(self, told: Value, parent: Node | None = None) -> Node:
        """The node that was told of."""
        to = self.to
        key = -1 if parent is None else to.key_of(told["key"])
        node = Node(parent, key, *to.footprint_of(told["footprint"]))
        node.sleep = None if told["sleep"] is None else to.sleep_of(told["sleep"])
        node.closed = bool(told["closed"])
        node.tried = int(told["tried"])
        node.unit = self.unit_of(told["unit"])
        node.children = [self.node_of(child, node) for child in told["children"]]
        return node

    def sections(self, known: Sections | None) -> Value:
        """What is known about critical sections."""
        if known is None:
            return None
        to = self.to
        return {
            "apart": [[_lock(cls), why] for cls, why in known.apart.items()],
            "locks": [[to.location(number), _lock(cls)] for number, cls in known.locks.items()],
            "guards": [[to.location(at), to.mask(held)] for at, held in known.guards.items()],
            "nests": [[to.location(at), to.mask(held)] for at, held in known.nests.items()],
            "relied": to.mask(known.relied),
            "awaited": to.mask(known.awaited),
            "several": to.mask(known.several),
            "asked": to.mask(known.asked),
            "under": [
                [_lock(outer), [_lock(cls) for cls in inner]]
                for outer, inner in known.under.items()
            ],
        }

    def sections_of(self, told: Value) -> Sections | None:
        """The knowledge that was told of."""
        if told is None:
            return None
        to, known = self.to, Sections()
        known.apart = {_lock_of(cls): str(why) for cls, why in told["apart"]}
        known.locks = {to.location_of(at): _lock_of(cls) for at, cls in told["locks"]}
        known.guards = {to.location_of(at): to.mask_of(held) for at, held in told["guards"]}
        known.nests = {to.location_of(at): to.mask_of(held) for at, held in told["nests"]}
        known.relied = to.mask_of(told["relied"])
        known.awaited = to.mask_of(told["awaited"])
        known.several = to.mask_of(told["several"])
        known.asked = to.mask_of(told["asked"])
        known.under = {
            _lock_of(outer): dict.fromkeys(_lock_of(cls) for cls in inner)
            for outer, inner in told["under"]
        }
        return known

    def task(self, batch: Batch) -> Value:
        """A batch that is to be explored, or to be finished."""
        return {
            "units": [self.unit(unit) for unit in batch.units],
            "budget": batch.budget,
            "begun": self.outcome(batch, batch.partly),
        }

    def task_of(self, told: Value) -> Batch:
        """The batch that was told of, without its places in the spine."""
        units = [unit for unit in map(self.unit_of, told["units"]) if unit is not None]
        batch = Batch([], units, int(told["budget"]), None)
        self.enter(batch, told["begun"])
        return batch

    def part(self, part: Explored | None) -> Value:
        """What became of a part."""
        if part is None:
            return None
        steps = [[depth, self.to.steps(steps)] for depth, steps in part.outgoing]
        return [self.unit(part.left), steps]

    def part_of(self, told: Value) -> Explored | None:
        """What was told of a part."""
        if told is None:
            return None
        left, outgoing = told
        steps = [(int(depth), self.to.steps_of(steps)) for depth, steps in outgoing]
        return Explored(self.unit_of(left), steps)

    def outcome(self, batch: Batch, partly: Explored | None = None) -> Value:
        """What became of a batch, and of the part that it was at."""
        return {
            "explored": [self.part(part) for part in batch.explored],
            "partly": self.part(partly),
            "sections": self.sections(batch.sections),
            "restart": batch.restart,
            "executions": batch.executions,
        }

    def enter(self, batch: Batch, told: Value) -> None:
        """Enter into a batch what became of it."""
        parts = map(self.part_of, told["explored"])
        batch.explored = [part for part in parts if part is not None]
        batch.partly = self.part_of(told["partly"])
        batch.sections = self.sections_of(told["sections"])
        batch.restart = bool(told["restart"])
        batch.executions = int(told["executions"])


def _lock(cls: LockKey) -> Value:
    return [cls.name, cls.site, cls.wait_outer, cls.wait_inner, cls.type]


def _lock_of(told: Value) -> LockKey:
    name, site, outer, inner, type_ = told
    return LockKey(str(name), str(site), int(outer), int(inner), str(type_))
