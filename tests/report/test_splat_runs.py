"""Reports that a validator gives when it is told what tasks do, each printed whole.

The kinds that test_splat.py has not: what interrupts, wait types and annotations lead to.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lockwright.core.lockuse import NO_KEY, READER, WAIT_CONFIG, WAIT_SPIN
from lockwright.lockdep import LockKey, LockUse, Report, TaskLocks, Validator
from lockwright.lockdep.limits import Limits
from lockwright.report.kernel import format_report
from tests.report.golden_files import assert_golden
from tests.report.scene import stack_of

IDENT = "6.19.0 #1 Not tainted"
PORT = LockKey("&port_lock_key", "uart_add_one_port", wait_inner=WAIT_CONFIG)
FASYNC = LockKey("&new->fa_lock", "fasync_insert_entry.__key", wait_inner=WAIT_CONFIG)
OWNER = LockKey("&f_owner->lock", "file_f_owner_allocate.__key", wait_inner=WAIT_CONFIG)
TASKS = LockKey("tasklist_lock", wait_inner=WAIT_CONFIG)
RAW = LockKey("&rq->__lock", "sched_init", wait_inner=WAIT_SPIN)
MUTEX = LockKey("event_mutex")
ADDRESS = {
    PORT: 0xFFFF888100004000,
    FASYNC: 0xFFFF888100005000,
    OWNER: 0xFFFF888100006000,
    TASKS: 0xFFFFFFFF82000200,
    RAW: 0xFFFF888237A2B0C0,
    MUTEX: 0xFFFFFFFF820000C0,
    NO_KEY: 0xFFFF888100007000,
}


class Machine:
    """One validator, and tasks that lock."""

    def __init__(self, validator: Validator | None = None) -> None:
        self.validator = Validator() if validator is None else validator

    def task(self, comm: str, pid: int) -> TaskLocks:
        return self.validator.task(comm, pid)

    def lock(self, task: TaskLocks, key: LockKey, caller: str, read: int = 0) -> Report | None:
        use = LockUse(key, 0, ADDRESS[key], read=read)
        function = "_raw_read_lock" if read else "_raw_spin_lock"
        return self.validator.acquire(task, use, stack_of(f"{function}+0x0/0x1 {caller}"))

    def unlock(self, task: TaskLocks, key: LockKey) -> None:
        assert self.validator.release(task, ADDRESS[key], stack_of("unlock+0x0/0x1")) is None

    def order(self, task: TaskLocks, caller: str, *keys: LockKey) -> Report | None:
        """Lock all and unlock them; the tasklist is only read."""
        found = None
        for key in keys:
            read = READER if key is TASKS else 0
            found = found or self.lock(task, key, caller, read)
        for key in reversed(keys):
            self.unlock(task, key)
        return found

    def in_softirq(self, task: TaskLocks, caller: str, *keys: LockKey) -> Report | None:
        self.validator.softirq_enter(task, stack_of("__do_softirq+0x0/0x1 handle+0x3/0x9"))
        found = self.order(task, caller, *keys)
        self.validator.softirq_exit(task, stack_of("__do_softirq+0x0/0x1 handle+0x7/0x9"))
        return found

    def hardirqs_off(self, task: TaskLocks, caller: str) -> None:
        self.validator.hardirqs_off(task, stack_of(f"local_irq_save+0x0/0x1 {caller}"))


def inconsistent() -> Report | None:
    """An interrupt handler takes what a task takes with interrupts on."""
    machine = Machine()
    task = machine.task("sh", 494)
    machine.validator.hardirq_enter(task, stack=stack_of("irq_enter+0x0/0x1 asm_irq+0x2/0x9"))
    machine.order(task, "uart_interrupt+0x2/0x20", PORT)
    machine.validator.hardirq_exit(task, stack_of("irq_exit+0x0/0x1 asm_irq+0x5/0x9"))
    return machine.order(task, "uart_suspend+0x4/0x10", PORT)


def learnt_paths(machine: Machine) -> TaskLocks:
    """fasync -> owner -> tasklist in a task with interrupts off; the tasklist with them on."""
    task = machine.task("syz.8.7222", 28053)
    machine.order(task, "do_wait+0x1/0x30", TASKS)
    machine.hardirqs_off(task, "kill_fasync+0x2/0x20")
    machine.order(task, "kill_fasync+0x5/0x20", FASYNC, OWNER)
    machine.order(task, "send_sigio+0x7/0x20", OWNER, TASKS)
    return task


def irq_order() -> Report | None:
    """A lock of soft interrupts is held while the path to the tasklist is entered."""
    machine = Machine()
    task = learnt_paths(machine)
    machine.in_softirq(task, "uart_timer+0x3/0x10", PORT)
    return machine.order(task, "uart_flow+0x2/0x10", PORT, FASYNC)


def irq_order_between_the_two() -> Report | None:
    """The new edge joins the safe lock to the unsafe one itself."""
    machine = Machine()
    task = learnt_paths(machine)
    machine.in_softirq(task, "uart_timer+0x3/0x10", PORT)
    return machine.order(task, "uart_flow+0x2/0x10", PORT, TASKS)


def irq_inversion_forwards() -> Report | None:
    """What leads to the tasklist is then taken in a soft interrupt."""
    machine = Machine()
    task = learnt_paths(machine)
    return machine.in_softirq(task, "uart_timer+0x3/0x10", FASYNC)


def irq_inversion_backwards() -> Report | None:
    """What is taken under a lock of soft interrupts is then taken with them on."""
    machine = Machine()
    task, other = machine.task("kworker/1:0", 19), machine.task("sh", 494)
    machine.in_softirq(task, "uart_timer+0x3/0x10", PORT)
    machine.hardirqs_off(other, "uart_flow+0x1/0x10")
    machine.order(other, "uart_flow+0x2/0x10", PORT, FASYNC)
    return machine.order(task, "lock_sock_nested+0x3/0x11", FASYNC)


def wait_context() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    machine.lock(task, RAW, "schedule+0x1/0x20")
    return machine.lock(task, PORT, "printk+0x3/0x10")


def wait_context_in_a_handler() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    machine.validator.hardirq_enter(task, threaded=False)
    return machine.lock(task, PORT, "uart_interrupt+0x2/0x20")


def bad_contention() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    machine.order(task, "event_enable+0x1/0x9", MUTEX)
    machine.lock(task, PORT, "uart_flow+0x2/0x10")
    stack = stack_of("mutex_lock+0x0/0x1 event_enable+0x4/0x9")
    return machine.validator.contended(task, ADDRESS[MUTEX], stack)


def user_return() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    machine.lock(task, MUTEX, "event_enable+0x1/0x9")
    return machine.validator.user_return(task, stack_of("syscall_exit+0x0/0x1"))


def key_not_registered() -> Report | None:
    machine = Machine()
    task = machine.task("modprobe", 77)
    stack = stack_of("lockdep_init_map_type+0x0/0x1 load+0x2/0x9")
    return machine.validator.init_map(task, MUTEX, stack, address=0xFFFF888100007000)


def key_not_static() -> Report | None:
    machine = Machine()
    return machine.lock(machine.task("modprobe", 77), NO_KEY, "load+0x4/0x9")


def limit_depth() -> Report | None:
    machine = Machine(Validator(limits=Limits(depth=2)))
    task = machine.task("trace-cmd", 839)
    machine.lock(task, MUTEX, "event_enable+0x1/0x9")
    return machine.lock(task, PORT, "uart_flow+0x2/0x10")


def api_state() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    stack = stack_of("ww_mutex_unlock+0x0/0x1 event_enable+0x5/0x9")
    return machine.validator.api_warning(task, "lock->ctx != ww_ctx", stack)


def pinned() -> Report | None:
    machine = Machine()
    task = machine.task("trace-cmd", 839)
    machine.lock(task, RAW, "schedule+0x1/0x20")
    machine.validator.pin(task, ADDRESS[RAW], stack_of("pin+0x0/0x1 schedule+0x3/0x20"))
    stack = stack_of("_raw_spin_unlock+0x0/0x1 schedule+0x5/0x20")
    return machine.validator.release(task, ADDRESS[RAW], stack)


@pytest.mark.parametrize(
    ("scene", "kind"),
    [
        (inconsistent, "inconsistent lock state"),
        (irq_order, "irq-safe -> irq-unsafe lock order"),
        (irq_order_between_the_two, "irq-safe -> irq-unsafe lock order"),
        (irq_inversion_forwards, "possible irq lock inversion"),
        (irq_inversion_backwards, "possible irq lock inversion"),
        (wait_context, "Invalid wait context"),
        (wait_context_in_a_handler, "Invalid wait context"),
        (bad_contention, "bad contention"),
        (user_return, "lock held when returning to user space"),
        (key_not_registered, "lock key not registered"),
        (key_not_static, "lock key not registered"),
        (limit_depth, "validator limit reached"),
        (api_state, "API state warning (DEBUG_LOCKS_WARN_ON)"),
        (pinned, "lock annotation warning"),
    ],
)
def test_each_kind_that_a_run_gives_is_printed_whole(
    scene: Callable[[], Report | None], kind: str
) -> None:
    report = scene()
    assert report is not None
    assert report.kind == kind
    assert_golden(f"run_{scene.__name__}.txt", format_report(report, ident=IDENT))
