"""How large a search will be, estimated from the branching that it has seen.

Source: Knuth, "Estimating the efficiency of backtrack programs" (Mathematics of Computation 29,
1975): a walk from the root of a tree that takes each of a node's k branches with probability 1/k
comes to a leaf with the product of these as its probability p, and 1/p is an unbiased estimate of
the number of leaves.  Kilby, Slaney, Thiebaux, Walsh, "Estimating search tree size" (AAAI 2006):
a depth-first search has seen many leaves; weighted by their probabilities, as the walk would have
come to them, their number over the sum of these is the estimate (the weighted backtrack
estimator).  The sum is 1 when all leaves were seen, and the estimate then exact.
"""

from __future__ import annotations

from collections.abc import Sequence

from lockwright.core.result import ESTIMATE_MAX

Branching = Sequence[tuple[int, int]]
"""For each depth of the current path: how many branches were explored to their end, without the
one that the path takes, and how many are known."""


def share_seen(branching: Branching) -> tuple[int, int]:
    """The sum of the probabilities of all leaves up to and with the one the path ends at, as a
    fraction: (numerator, denominator).

    The fraction is f = (done + f') / known, f' being that of the subtree that the path enters.
    It is kept exact: a path of a thousand steps is less probable than any float.
    """
    above, below = 1, 1
    for done, known in reversed(branching):
        above += done * below
        below *= known
    return above, below


def estimated(executions: int, branching: Branching) -> int:
    """How many executions the search will have in all; never fewer than it has had, and
    `ESTIMATE_MAX` for that many and more."""
    above, below = share_seen(branching)
    return max(executions, min(executions * below // above, ESTIMATE_MAX))
