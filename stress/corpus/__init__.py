"""The bugs that the history of eventfs records, each with the scenario that shows it, and those
of the proposals for watches on a remote file system (`f.py`).

`ENTRIES` has them all, in the order of their ids; each id of the recorded corpus is there, with
an entry for each design that had the bug, or with the reason why no model shows it.  Ids that
begin with A are of bugs that only the models have shown (`a.py`).
`python -m reports.corpus` explores them.
"""

from __future__ import annotations

from stress.corpus import a, d, e, f, fg, pinned
from stress.corpus.entry import Entry, NotModelled, StillThere


def _id_of(entry: Entry | NotModelled | StillThere) -> str:
    return entry.id


ENTRIES: tuple[Entry | NotModelled | StillThere, ...] = tuple(
    sorted(
        (*a.ENTRIES, *d.ENTRIES, *e.ENTRIES, *f.ENTRIES, *fg.ENTRIES, *pinned.ENTRIES), key=_id_of
    )
)
