"""The ways in which lockwright itself refuses or fails."""

from __future__ import annotations


class LockwrightError(Exception):
    """Base of all errors that lockwright raises on purpose.  Each class has an exit status."""

    exit_status = 4


class UsageError(LockwrightError):
    """Input that cannot be used: names the thing and says what was expected."""

    exit_status = 2


class ModelError(LockwrightError):
    """The model breaks the machine's own rules (not the kernel's), so no verdict is possible."""


class NondeterminismError(ModelError):
    """The same schedule made the model do something else than before."""


class InternalError(LockwrightError):
    """Lockwright contradicts itself; the message holds what to report."""


class KernelOops(Exception):
    """Raised inside model code: this task dies here, and the finding says why.

    A kernel task that oopses stops where it is and keeps the locks it holds; so does ours.
    """

    def __init__(self, kind: str, message: str, signature: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.signature = signature or message
