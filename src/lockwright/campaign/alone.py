"""One item of a campaign, explored by this process to its end, without a store."""

from __future__ import annotations

from math import inf

from lockwright.campaign.conductor import Conductor, Exhaustive
from lockwright.campaign.explored import Explorer
from lockwright.campaign.generations import WIDTH
from lockwright.campaign.item import Item
from lockwright.campaign.piece import Piece
from lockwright.campaign.record import GOING, Record
from lockwright.campaign.sampled import Sampled
from lockwright.core.errors import InternalError
from lockwright.core.result import Result
from lockwright.project import Project


def explore_item(item: Item, project: Project) -> Result:
    """The Result that a campaign of this item alone ends with.  Raises what the model raises."""
    record, scenario = Record(item), item.made(project)
    conductor: Conductor = (
        Sampled(record, scenario, None, []) if item.arms else Exhaustive(record, scenario, None)
    )
    explorer, generation = Explorer(project), 0
    while conductor.record.phase == GOING or not generation:
        conductor.record.served += 1
        for ordinal, work in enumerate(conductor.works(WIDTH, inf)):
            piece = Piece(generation, ordinal, item, work)
            conductor.enter(work, explorer.explore(piece))
        conductor.change()
        generation += 1
    result = conductor.record.result
    if result is None:
        raise InternalError(f"{item.name} has ended without a result")
    return result
