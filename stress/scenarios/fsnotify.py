"""The named situations of the remote watches; `stress/fsnotify` has them, and the vocabulary."""

from __future__ import annotations

from stress.fsnotify.calls import CALLS
from stress.fsnotify.cases import SCENARIOS

__all__ = ["CALLS", "SCENARIOS"]
