"""What a system call of the model gave, in the form of the recording."""

from __future__ import annotations

import errno
from typing import Any

from model.vfs.attr import Stat
from model.vfs.readdir import DT_DIR, Dirent

OK = "OK"
NAMES = {**errno.errorcode, errno.EOPNOTSUPP: "EOPNOTSUPP"}


Answer = dict[str, Any]


def answer(result: object) -> Answer:
    """An errno (negative), or success."""
    if isinstance(result, int) and result < 0:
        return {"errno": NAMES[-result]}
    return {"errno": OK}


def stat_answer(result: Stat | int) -> Answer:
    """Attributes, or an errno.  No file has a size: nothing here gives it one."""
    if isinstance(result, int):
        return answer(result)
    given = {
        "type": "dir" if result.directory else "reg",
        "mode": f"{result.mode:04o}",
        "nlink": result.nlink,
        "uid": result.uid,
        "gid": result.gid,
        "size": 0,
        "ino": result.ino,
    }
    return {"errno": OK, "stat": given}


def text_answer(result: int | str) -> Answer:
    """What was read, or an errno."""
    if isinstance(result, int):
        return answer(result)
    return {"errno": OK, "n": len(result), "data": result}


def entry(given: Dirent) -> Answer:
    """One line of a listing."""
    kind = "dir" if given.d_type == DT_DIR else "reg"
    return {"name": given.name, "type": kind, "ino": given.ino, "d_off": given.d_off}
