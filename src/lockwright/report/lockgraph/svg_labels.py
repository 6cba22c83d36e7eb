"""Where what is written beside the orders of a lock graph stands.

A label stands on its order, where it covers no box, no other label and no other order.  Between two
classes that are taken in both orders it stands beside the two lines: above the upper one, below the
lower one, so that neither is taken for the other's; on its own one if others cross it there.

    Places.find()   the best of the places that `_wanted` names
    traced()        an order's line as it is drawn, in straight pieces
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from lockwright.report.lockgraph.layout import Box, Drawing, Point, Route
from lockwright.report.lockgraph.svg_style import LABEL_CHAR, LABEL_LINE

BOWED = 6  # points of an order between neighbouring columns that makes room for the one back
TRIED = (0.5, 0.35, 0.65, 0.22, 0.78)
PIECES = 12  # of which a bend is made here
ASIDE = LABEL_LINE / 2 + 3  # from a line to the middle of what stands above or below it
ON_LINE, CROSSED, COVERED = 48.0, 60.0, 1000.0  # as bad as so many pixels away from the line

Rect = tuple[float, float, float, float]  # left, top, right, bottom


class Places:
    """What of a picture is covered: by boxes, by labels that have a place, and by lines.

    Without `crossings` lines are let alone: a large picture has no place without one.
    Invariant: `rows` and `lines` have each rectangle and each piece of a line in all rows of
    `HEIGHT` that it touches.
    """

    HEIGHT = 32.0

    def __init__(self, drawing: Drawing, boxes: Sequence[Box], routes: Sequence[Route]) -> None:
        self.size = drawing.width, drawing.height
        self.routes = {(route.held, route.taken): route for route in routes}
        self.rows: dict[int, list[Rect]] = {}
        self.lines: dict[int, list[tuple[Point, Point, tuple[str, str]]]] = {}
        for box in boxes:
            self._take((box.x, box.y), box.width, box.height)

    def keep(self, signed: Iterable[Box], size: float) -> None:
        """Leave what stands at the corners of these boxes uncovered."""
        for box in signed:
            self._take((box.x - box.width / 2, box.y - box.height / 2), size, size)

    def cross(self) -> None:
        """From now on a place that an order crosses is worse than one that none does."""
        for ends, route in self.routes.items():
            for one, other in pairwise(traced(route)):
                for row in self._rows(*sorted((one[1], other[1]))):
                    self.lines.setdefault(row, []).append((one, other, ends))

    def find(self, route: Route, width: float, *, must: bool) -> Point | None:
        """The best place for a label, which then no more is free; None if nothing free is there,
        unless there `must` be one."""
        best: tuple[float, Point] | None = None
        for place, far in self._wanted(route, width):
            rect = _rect(place, width, LABEL_LINE)
            covered = self._covered(rect)
            if covered and not must:
                continue
            cost = far + COVERED * covered + CROSSED * self._crossed(rect, route)
            if best is None or cost < best[0]:
                best = cost, place
        if best is None:
            return None
        self._take(best[1], width, LABEL_LINE)
        return best[1]

    def _wanted(self, route: Route, width: float) -> Iterator[tuple[Point, float]]:
        """Places for a label, the best first, and how far from the line they are."""
        back = self.routes.get((route.taken, route.held))
        if back is None or route.held == route.taken:
            for at, place in enumerate(_middles(route)):
                yield place, float(at)
            return
        own, other = traced(route), traced(back)
        for at, (x, y) in enumerate(_middles(route)):
            mine = _heights(own, x - width / 2, x + width / 2)
            both = mine + _heights(other, x - width / 2, x + width / 2)
            upper = _upper(own, other, x)
            beside = min(both) - ASIDE if upper else max(both) + ASIDE
            yield (x, beside), at + abs(beside - y)
            yield (x, y), at + ON_LINE

    def _rows(self, top: float, bottom: float) -> range:
        return range(int(top // self.HEIGHT), int(bottom // self.HEIGHT) + 1)

    def _take(self, place: Point, width: float, height: float) -> None:
        found = _rect(place, width, height)
        for row in self._rows(found[1], found[3]):
            self.rows.setdefault(row, []).append(found)

    def _covered(self, rect: Rect) -> bool:
        left, top, right, bottom = rect[0] - 2, rect[1], rect[2] + 2, rect[3]
        if left < 0 or top < 0 or right > self.size[0] or bottom > self.size[1]:
            return True
        return any(
            left < end and right > start and top < lower and bottom > upper
            for row in self._rows(top, bottom)
            for start, upper, end, lower in self.rows.get(row, ())
        )

    def _crossed(self, rect: Rect, route: Route) -> int:
        """How many other orders have their line there."""
        found = {
            ends
            for row in self._rows(rect[1], rect[3])
            for one, other, ends in self.lines.get(row, ())
            if ends != (route.held, route.taken) and _meets(one, other, rect)
        }
        return len(found)


def traced(route: Route) -> list[Point]:
    """The points of a line, so close that it is nearly straight between them."""
    found = [route.points[0]]
    for at, (start, end) in enumerate(pairwise(route.points)):
        if at % 2 and start[1] != end[1] and route.held != route.taken:
            found += (bent(start, end, nth / PIECES) for nth in range(1, PIECES))
        found.append(end)
    return found


def bent(start: Point, end: Point, share: float) -> Point:
    """A point of the curve between two columns."""
    early, late = (1 - share) ** 3, share**3
    near, far = 3 * (1 - share) ** 2 * share, 3 * (1 - share) * share**2
    middle = (start[0] + end[0]) / 2
    x = early * start[0] + (near + far) * middle + late * end[0]
    return x, (early + near) * start[1] + (far + late) * end[1]


def _middles(route: Route) -> Iterator[Point]:
    """Points of a route where a label may stand, the best first."""
    if route.held == route.taken:
        x, y = route.points[1]
        yield x, y + LABEL_LINE * 0.7
        return
    if len(route.points) == BOWED:
        yield route.points[2]
    pieces = list(pairwise(route.points))
    for share in TRIED:
        for at, ((x, y), (to_x, to_y)) in enumerate(pieces):
            if at % 2:
                yield bent((x, y), (to_x, to_y), share)
            elif abs(to_x - x) > 4 * LABEL_CHAR:
                yield x + (to_x - x) * share, y


def _rect(place: Point, width: float, height: float) -> Rect:
    x, y = place
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def _clipped(one: Point, other: Point, left: float, right: float) -> tuple[float, float] | None:
    """The heights at the ends of what of a straight piece is between left and right."""
    (x, y), (to_x, to_y) = sorted((one, other))
    if to_x < left or x > right:
        return None
    if x == to_x:
        return y, to_y
    rise = (to_y - y) / (to_x - x)
    return y + rise * (max(x, left) - x), y + rise * (min(to_x, right) - x)


def _heights(line: Sequence[Point], left: float, right: float) -> list[float]:
    """All heights that matter of a line between left and right."""
    found = (_clipped(one, other, left, right) for one, other in pairwise(line))
    return [height for pair in found if pair for height in pair]


def _meets(one: Point, other: Point, rect: Rect) -> bool:
    left, top, right, bottom = rect
    heights = _clipped(one, other, left, right)
    return heights is not None and max(heights) > top and min(heights) < bottom


def _upper(own: Sequence[Point], other: Sequence[Point], x: float) -> bool:
    """Does the first line lie above the other one, at x if both are there?"""
    lines = [_heights(line, x, x) or [y for _, y in line] for line in (own, other)]
    mine, others = (sum(heights) / len(heights) for heights in lines)
    return mine < others
