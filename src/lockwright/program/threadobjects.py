"""The objects of a program with "threads", made anew for each execution."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lockwright.core.lockuse import WAIT_SLEEP, LockKey
from lockwright.core.world import World
from lockwright.kernel.bit_spinlock import BitSpinLock
from lockwright.kernel.completion import Completion
from lockwright.kernel.local_lock import LocalLock
from lockwright.kernel.mutex import Mutex
from lockwright.kernel.once import Variable
from lockwright.kernel.percpu_rwsem import PercpuRwSem
from lockwright.kernel.rcu import Rcu
from lockwright.kernel.rtmutex import RtMutex
from lockwright.kernel.rwlock import RwLock
from lockwright.kernel.rwsem import RwSem
from lockwright.kernel.semaphore import Semaphore
from lockwright.kernel.spinlock import RawSpinLock, SpinLock
from lockwright.kernel.srcu import Srcu
from lockwright.kernel.workqueue import Work, WorkQueue
from lockwright.kernel.ww_ctx import WwAcquireCtx, WwClass, WwMutex
from lockwright.program.compiler import Compiled, Objects
from lockwright.program.program import Make, starter
from lockwright.program.starting import Thread
from lockwright.program.threadops import CONTEXT, HANDLE

LOCKS: dict[str, Callable[..., Any]] = {
    "mutex": Mutex,
    "rtmutex": RtMutex,
    "rwsem": RwSem,
    "rwlock": RwLock,
    "spinlock": SpinLock,
    "raw_spinlock": RawSpinLock,
    "local_lock": LocalLock,
    "percpu_rwsem": PercpuRwSem,
    "srcu": Srcu,
}
"""What makes a lock that has a class."""
PLAIN: dict[str, Callable[..., Any]] = {
    "semaphore": Semaphore,
    "bit_spinlock": BitSpinLock,
    "completion": Completion,
    "work queue": WorkQueue,
}
"""What makes an object without one, of a world and a name."""
WW_CLASS, WW_CLASS_NAME = "ww class", "ww"
WW = ("ww_mutex", CONTEXT)


def declare_ww_classes(locks: Mapping[str, str], classes: Mapping[str, str]) -> dict[str, str]:
    """The objects that ww mutexes and contexts need: their classes."""
    used = [classes.get(name, WW_CLASS_NAME) for name, kind in locks.items() if kind in WW]
    return {f"{WW_CLASS} {name}": WW_CLASS for name in used}


def makes_of(
    objects: Objects,
    threads: list[Compiled],
    work: Mapping[str, str],
    classes: Mapping[str, str],
) -> tuple[Make, ...]:
    """What makes each object, in order; `work` maps items to threads, `classes` locks to names."""
    names = list(objects.kinds)
    maker = _Maker({thread.name: thread for thread in threads}, work, classes, names)
    return tuple(partial(maker.make, name, kind) for name, kind in objects.kinds.items())


@dataclass(slots=True)
class _Maker:
    """Makes the objects of a program, which are called `names`."""

    threads: Mapping[str, Compiled]
    work: Mapping[str, str]
    classes: Mapping[str, str]
    names: list[str]

    def make(self, name: str, kind: str, world: World, objects: list[Any]) -> Any:  # noqa: ANN401  # whatever kind it is
        """The object of this name."""
        if kind in LOCKS:
            return LOCKS[kind](world, name, cls=self._key(name, kind))
        if kind in PLAIN:
            return PLAIN[kind](world, name)
        if kind == "variable":
            return Variable(world, 0, name)
        if kind == "rcu":
            return Rcu(world)
        if kind == "work item":
            return Work(world, name, starter(self.threads[self.work[name]], objects))
        if kind == WW_CLASS:
            return WwClass(world, name.removeprefix(f"{WW_CLASS} "))
        if kind in WW:
            number = self.names.index(f"{WW_CLASS} {self.classes.get(name, WW_CLASS_NAME)}")
            made = WwMutex if kind == "ww_mutex" else WwAcquireCtx
            return made(objects[number], name)
        assert kind == "thread", kind
        name = name.removeprefix(HANDLE)
        return Thread(world, name, starter(self.threads[name], objects))

    def _key(self, name: str, kind: str) -> LockKey | None:
        if name not in self.classes:
            return None
        wait = {"srcu": 0}.get(kind, WAIT_SLEEP)  # other locks see to that themselves
        return LockKey(self.classes[name], "", 0, wait)
