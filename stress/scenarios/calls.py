"""What users of each design can call, so that `lockwright` finds it (`stress/machines`)."""

from __future__ import annotations

from stress.machines.vocabulary import CALLS

__all__ = ["CALLS"]
