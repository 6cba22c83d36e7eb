"""The kernels of the recording: which design each is, and what it had lived through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Kernel:
    """One kernel.  `design` is a name in `stress/scenarios/designs.py`.

    `first_type` is the id that the first event made at run time gets: as many as the kernel was
    built with come before it.  `mode` is that of the root of tracefs when the recording began.
    """

    version: str
    design: str
    first_type: int
    mode: str


KERNELS: Mapping[str, Kernel] = {
    kernel.version: kernel
    for kernel in (
        Kernel("6.12.95", "eventfs/linux_6_12", 1496, "0700"),
        Kernel("6.16.3", "eventfs/linux_6_12", 1528, "0755"),
        Kernel("7.3.4", "eventfs/latest", 1609, "0700"),
    )
}

_EVENTS = ("chmod", "$T/events", "0750")
_SWITCH = ("chmod", "$T/events/sched/sched_switch", "0750")
_ROOT = ("remount", "mode=0700")

LEFT_BEHIND: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "f_remount": (_EVENTS, ("chmod", "$T/events/sched", "0750"), _SWITCH),
    "f_remount_mode_chmod_dir": (_EVENTS,),
    "f_nonroot": (_EVENTS, _ROOT),
    "h_errors": (("chmod", "$T/events/sched", "0711"), _SWITCH),
    "x_opath_dir_walk": (_EVENTS,),
    "x_stat_root_nlink": (_ROOT,),
    "x_mount_gid": (_ROOT,),
}
"""What a sequence shows of those before it: operations with their arguments.

All sequences ran on one boot of a kernel, in the order of the recording, and between them some
that are not in it.
"""
