"""What the sequential machines find in the designs: the known faults that one user can meet.

`KNOWN` has each with its id of the corpus, where that has one, the fewest calls that show it, and
what it is gone with: a switch of the design that mends it, or a later design.
"""

from __future__ import annotations

from stress.machines import faults_early, faults_late
from stress.machines.fault import Fault

KNOWN: tuple[Fault, ...] = (*faults_early.KNOWN, *faults_late.KNOWN)
