"""Real reports as data: what the kernel knew when it printed them, written out by hand.

Frames stand in only where they decide something; each run of frames is one frame here.
"""

from __future__ import annotations

import re

from lockwright.core.frame import Frame
from lockwright.lockdep.classes import ClassName
from lockwright.lockdep.reports import (
    BadUnlockReport,
    ChainEntry,
    CircularReport,
    ClassDump,
    Frames,
    HeldFreedReport,
    InconsistentReport,
    IrqInversionReport,
    IrqOrderReport,
    IrqStamps,
    IrqState,
    IrqSwitch,
    LockAt,
    NestLockReport,
    RcuReport,
    RecursiveReport,
    SchedulingReport,
    SleepReport,
    StillHeldReport,
    UserReturnReport,
    WaitContextReport,
    Who,
    WorkLeakReport,
)

CLASS = re.compile(r"\((?P<name>.+)\)\{(?P<usage>.{4})\}-\{(?P<outer>\d):(?P<inner>\d)\}")
SOME: Frames = (Frame("lock_acquire", 0x1DF, 0x630),)
OFF = IrqState(hardirqs=0, softirqs=0, hardirqs_enabled=False, softirqs_enabled=True)


def place(text: str) -> Frame:
    """`down_write+0x3b/0xd0` as a frame."""
    function, offset, size = re.split(r"[+/]", text)
    return Frame(function, int(offset, 16), int(size, 16))


def lock_class(text: str) -> ClassName:
    """`(name){usage}-{outer:inner}` as a class."""
    parts = CLASS.fullmatch(text)
    assert parts is not None, text
    return ClassName(parts["name"], parts["usage"], int(parts["outer"]), int(parts["inner"]))


def lock(text: str, read: int = 0) -> LockAt:
    """`address (name){usage}-{outer:inner}, at: place` as a lock."""
    address, _, rest = " ".join(text.split()).partition(" ")
    name, _, at = rest.rpartition(", at: ")
    return LockAt(int(address, 16), lock_class(name), read, place(at))


def locks(text: str) -> tuple[LockAt, ...]:
    """One lock a line."""
    return tuple(lock(line.strip()) for line in text.strip().splitlines())


def dump(depth: int, text: str, bits: str, *, acquired: bool = True) -> ClassDump:
    """One class in a list of dependencies; `bits` are the names of its usage bits."""
    usages = tuple((bit.strip(), SOME) for bit in bits.split(","))
    return ClassDump(lock_class(text), depth, 0, usages, "__key.20", SOME if acquired else None)


def circular() -> CircularReport:
    """118: a frozen queue, a work item and the journal, 6.13."""
    io = lock(
        "ffff892c82fb5430 (&q->q_usage_counter(io)){++++}-{0:0}, at: virtblk_freeze+0x28/0x70"
    )
    queue = lock(
        "ffff892c82fb5468 (&q->q_usage_counter(queue)){++++}-{0:0}, at: virtblk_freeze+0x28/0x70"
    )
    new = lock(
        "ffff892c811a2d48 ((wq_completion)ext4-rsv-conversion){+.+.}-{0:0},"
        " at: process_one_work+0x51d/0x590"
    )
    handle = lock_class("(jbd2_handle){++++}-{0:0}")
    work = lock_class("((work_completion)(&ei->i_rsv_conversion_work)){+.+.}-{0:0}")
    classes = [io.lock, handle, work, new.lock]
    return CircularReport(
        who=Who("kworker/u8:4", 76, 0),
        new=new,
        sync=False,
        locked=io,
        parent=handle,
        chain=tuple(ChainEntry(3 - i, name, SOME) for i, name in enumerate(classes)),
        cycle=(),
        cycle_types=(),
        held=(io, queue),
        backtrace=SOME,
    )


def recursive() -> RecursiveReport:
    """144: a wait queue woken from its own wake function, 6.1."""
    held = locks("""
        ffff888020d360a8 (&ctx->uring_lock){+.+.}-{3:3}, at: __do_sys_io_uring_enter+0x8fc/0x2130
        ffff888020d36378 (&ctx->cq_wait){....}-{2:2}, at: __wake_up_common_lock+0xb8/0x140
    """)
    return RecursiveReport(Who("a.out", 6505, 1), held[1], held[1], None, (), held, SOME)


def inconsistent() -> InconsistentReport:
    """088: a lock taken in an interrupt, kept while another unlock switches interrupts on, 6.1."""
    held = locks("""
        ffff8880298d2868 (&f->f_pos_lock){+.+.}-{3:3}, at: __fdget_pos+0xe3/0x100
        ffff88807c7859e0 (&p->lock){+.+.}-{3:3}, at: seq_read_iter+0xdf/0x1280
        ffffffff8cb82a18 (sync_timeline_list_lock){?...}-{2:2},\
            at: sync_info_debugfs_show+0x2d/0x200
    """)
    stamps = IrqStamps(
        332,
        IrqSwitch(331, place("mod_objcg_state+0x591/0xa50")),
        IrqSwitch(332, place("_raw_spin_lock_irq+0x41/0x50")),
        IrqSwitch(0, place("copy_process+0x2188/0x75c0")),
        IrqSwitch(0, None),
    )
    return InconsistentReport(
        who=Who("syz-executor.0", 12429, 1),
        irqs=OFF,
        old="IN-HARDIRQ-W",
        new="HARDIRQ-ON-W",
        lock=held[2],
        registered=SOME,
        stamps=stamps,
        cycle=(),
        held=held,
        backtrace=SOME,
    )


TASKLIST = "HARDIRQ-ON-R, SOFTIRQ-ON-R, INITIAL USE, INITIAL READ USE"
BOTH_USES = "INITIAL USE, INITIAL READ USE"


def irq_order() -> IrqOrderReport:
    """167: flow control of a terminal signals its readers, about 6.18."""
    flow = "(&tty->flow.lock){....}-{3:3}"
    fasync = "(&new->fa_lock){....}-{3:3}"
    held = locks(f"""
        ffff88802ca160a0 (&tty->ldisc_sem){{++++}}-{{0:0}}, at: tty_ldisc_ref_wait+0x25/0x70
        ffff88802ca162e8 (&tty->termios_rwsem/1){{++++}}-{{4:4}}, at: tty_set_termios+0x138/0x17e0
        ffff88802ca160a0 (&tty->ldisc_sem){{++++}}-{{0:0}}, at: tty_ldisc_ref+0x1c/0x90
        ffff88802ca16468 {flow}, at: start_tty+0x20/0x70
        ffff88802ca160a0 (&tty->ldisc_sem){{++++}}-{{0:0}}, at: tty_ldisc_ref+0x1c/0x90
        ffffffff8e13d2e0 (rcu_read_lock){{....}}-{{1:3}}, at: kill_fasync+0x53/0x4d0
    """)
    safe, unsafe = "(kbd_event_lock){..-.}-{3:3}", "(tasklist_lock){.+.+}-{3:3}"
    return IrqOrderReport(
        who=Who("syz.8.7222", 28053, 0),
        irqs=OFF,
        state="SOFTIRQ",
        new=lock(f"ffff888077eaec90 {fasync}, at: kill_fasync+0x199/0x4d0"),
        locked=held[3],
        safe=lock_class(safe),
        safe_at=SOME,
        unsafe=lock_class(unsafe),
        unsafe_at=SOME,
        middle=lock_class(flow),
        safe_dump=(
            dump(1, safe, "IN-SOFTIRQ-W, INITIAL USE", acquired=False),
            dump(0, flow, "INITIAL USE"),
        ),
        unsafe_dump=(
            dump(2, unsafe, TASKLIST),
            dump(1, "(&f_owner->lock){....}-{3:3}", BOTH_USES),
            dump(0, fasync, BOTH_USES),
        ),
        cycle=(),
        held=held,
        backtrace=SOME,
    )


def inversion_forwards() -> IrqInversionReport:
    """152: the same classes, found when a soft interrupt takes the first of them."""
    flow = "(&tty->flow.lock){..-.}-{3:3}"
    unsafe, fasync = "(tasklist_lock){.+.+}-{3:3}", "(&new->fa_lock){....}-{3:3}"
    held = locks("""
        ffff88807d3b1230 (&dev->event_lock#2){..-.}-{3:3}, at: input_event+0x76/0xe0
        ffffffff8e33d8a0 (rcu_read_lock){....}-{1:3}, at: input_pass_values+0x8d/0x890
        ffffffff8eb76878 (kbd_event_lock){..-.}-{3:3}, at: kbd_event+0xd2/0x3f70
    """)
    return IrqInversionReport(
        who=Who("acpid", 5181, 1),
        irqs=OFF,
        state="SOFTIRQ-READ",
        forwards=True,
        lock=lock(f"ffff88807af51468 {flow}, at: stop_tty+0x2f/0x150"),
        other=lock_class(unsafe),
        middle=lock_class(fasync),
        dump=(
            dump(3, unsafe, TASKLIST),
            dump(2, "(&f_owner->lock){....}-{3:3}", BOTH_USES),
            dump(1, fasync, BOTH_USES),
            dump(0, flow, "IN-SOFTIRQ-W, INITIAL USE"),
        ),
        cycle=(),
        held=held,
        backtrace=SOME,
    )


def inversion_backwards() -> IrqInversionReport:
    """153: a lock below one of a hard interrupt is taken with interrupts on, 5.11."""
    mayday, pool = "(wq_mayday_lock){+.-.}-{2:2}", "(&pool->lock){-.-.}-{2:2}"
    work = "((work_completion)(&(&chan->chan_timer)->work)){+.+.}-{0:0}"
    held = locks(f"""
        ffff888010062d38 ((wq_completion)events){{+.+.}}-{{0:0}}, at: process_one_work+0x871/0x15f0
        ffffc90000d97da8 {work}, at: process_one_work+0x8a5/0x15f0
        ffff88802fc01ad8 (&conn->chan_lock){{+.+.}}-{{3:3}}, at: l2cap_chan_timeout+0x69/0x2f0
        ffff8880623c6520 (&chan->lock/1){{+.+.}}-{{3:3}}, at: l2cap_chan_timeout+0xb5/0x2f0
    """)
    return IrqInversionReport(
        who=Who("kworker/1:0", 19, 1),
        irqs=OFF,
        state="HARDIRQ",
        forwards=False,
        lock=lock(f"ffff88805f80b0a0 {mayday}, at: lock_sock_nested+0x3b/0x110"),
        other=lock_class(pool),
        middle=lock_class(mayday),
        dump=(
            dump(1, pool, "IN-HARDIRQ-W, IN-SOFTIRQ-W, INITIAL USE"),
            dump(0, mayday, "HARDIRQ-ON-W, IN-SOFTIRQ-W, INITIAL USE"),
        ),
        cycle=(),
        held=held,
        backtrace=SOME,
    )


def wait_context() -> WaitContextReport:
    """197: a spinlock_t below a raw_spinlock_t, 6.13."""
    held = locks("""
        ffff88801bb04948 ((wq_completion)iou_exit){+.+.}-{0:0},\
            at: process_scheduled_works+0x93b/0x1840
        ffffc90000ab7d00 ((work_completion)(&ctx->exit_work)){+.+.}-{0:0},\
            at: process_scheduled_works+0x976/0x1840
        ffff888033bee3d8 (&ctx->completion_lock){+.+.}-{3:3}, at: io_kill_timeouts+0x3c/0x230
        ffff888033bee358 (&ctx->timeout_lock){....}-{2:2}, at: io_kill_timeouts+0x4b/0x230
        ffffffff8e937ae0 (rcu_read_lock){....}-{1:3}, at: io_req_local_work_add+0xb5/0x5c0
        ffffffff8e937ae0 (rcu_read_lock){....}-{1:3}, at: io_eventfd_grab+0xc2/0x6a0
    """)
    new = lock("ffff888033f47a20 (&ctx->wqh){....}-{3:3}, at: eventfd_signal_mask+0x7a/0x1f0")
    return WaitContextReport(Who("kworker/u8:2", 35, 0), new, 5, held, SOME)


def bad_unlock() -> BadUnlockReport:
    """169: an inode lock is given back twice, 6.2."""
    held = locks("""
        ffff888026e42460 (sb_writers#4){.+.+}-{0:0}, at: mnt_want_write+0x3f/0x90
        ffff888034ec0e08 (&type->i_mutex_dir_key#3/1){+.+.}-{3:3}, at: lock_rename+0x186/0x1a0
    """)
    at = place("ext4_rename2+0x3d03/0x4410")
    return BadUnlockReport(Who("syz-executor.3", 8027, 0), "&type->i_mutex_dir_key", at, held, SOME)


def held_freed() -> HeldFreedReport:
    """178: a channel is freed with its own lock held, 6.0."""
    held = locks("""
        ffff888147a10938 ((wq_completion)hci0){+.+.}-{0:0}, at: process_one_work+0x87a/0x1610
        ffffc90003a6fda8 ((work_completion)(&hdev->error_reset)){+.+.}-{0:0},\
            at: process_one_work+0x8ae/0x1610
        ffff888077b60fd0 (&hdev->req_lock){+.+.}-{3:3}, at: hci_dev_do_close+0x25/0x70
        ffff888077b60078 (&hdev->lock){+.+.}-{3:3}, at: hci_dev_close_sync+0x268/0x1130
        ffffffff8d9d3e28 (hci_cb_list_lock){+.+.}-{3:3}, at: hci_conn_hash_flush+0xd5/0x260
        ffff888149a112d8 (&conn->chan_lock){+.+.}-{3:3}, at: l2cap_conn_del+0x2ef/0x7b0
        ffff888021840520 (&chan->lock/1){+.+.}-{3:3}, at: l2cap_conn_del+0x3b5/0x7b0
    """)
    task = Who("kworker/u5:2", 3610, 0)
    return HeldFreedReport(task, 0xFFFF888021840000, 0xFFFF888021840800, held[6], held, SOME)


def still_held() -> StillHeldReport:
    """063: a section of RCU is still open, 5.9."""
    held = locks(
        "ffffa00019769560 (rcu_read_lock){....}-{1:2}, at: count_memcg_event_mm+0x24/0x2f0"
    )
    return StillHeldReport(Who("syz-fuzzer", 4398, 1), held, SOME)


def user_return() -> UserReturnReport:
    """050: a directory lock on the way out of a system call, 4.18 (it had no wait types yet)."""
    held = locks("00000000a3b01fa0 (&fi->mutex){+.+.}-{3:3}, at: fuse_lock_inode+0xaf/0xe0")
    return UserReturnReport(Who("syz-executor0", 17896, 0), held)


def nest_lock() -> NestLockReport:
    """082: the kernel crashed when it came to the nest lock's name, 6.0."""
    new = lock(
        "ffff88803c86db70 (&sb->s_type->i_lock_key#36){+.+.}-{2:2},"
        " at: _atomic_dec_and_lock+0x9d/0x110"
    )
    return NestLockReport(Who("syz-executor.3", 13544, 0), new, "", (), SOME)


def rcu() -> RcuReport:
    """187: a pointer read under a lock that is not the one, 6.16."""
    held = locks("""
        ffff888030574428 (sb_writers#3){.+.+}-{0:0}, at: mnt_want_write+0x41/0x90
        ffff8880230d8190 (&sb->s_type->i_mutex_key#10){++++}-{4:4}, at: path_openat+0x8cb/0x3830
        ffff88807e2779c8 (&lockref->lock){+.+.}-{3:3}, at: d_alloc_parallel+0xbe4/0x15e0
    """)
    message = "suspicious rcu_dereference_check() usage"
    task = Who("syz-executor", 5832, 0)
    return RcuReport(task, "fs/proc/proc_sysctl.c:934", message, True, held, SOME)


def sleeping() -> SleepReport:
    """215: an allocation below a spinlock, 6.12."""
    held = locks("""
        ffff888105db20a8 (&ctx->uring_lock){+.+.}-{3:3}, at: __do_sys_io_uring_enter+0x900/0xd80
        ffff88810f941818 (&fc->lock){+.+.}-{2:2}, at: fuse_uring_cmd+0x83e/0x1890
    """)
    return SleepReport(
        who=Who("fuse-ring-1", 11057, 1),
        at="include/linux/sched/mm.h:330",
        preempt_count=1,
        irqs_disabled=False,
        non_block=0,
        rcu_depth=0,
        stamps=None,
        preempt_off_at=None,
        held=held,
        backtrace=SOME,
    )


def sleeping_with_interrupts_off() -> SleepReport:
    """216: a page fault with interrupts off, after the validator had switched itself off, 6.0."""
    stamps = IrqStamps(
        1909,
        IrqSwitch(1909, place("exit_to_kernel_mode+0xe8/0x118")),
        IrqSwitch(1908, place("local_daif_mask+0x14/0x20")),
        IrqSwitch(1892, place("local_bh_enable+0x10/0x34")),
        IrqSwitch(1890, place("local_bh_disable+0x10/0x34")),
    )
    return SleepReport(
        who=Who("syz-executor.3", 1262, 1),
        at="arch/arm64/mm/fault.c:593",
        preempt_count=0,
        irqs_disabled=True,
        non_block=0,
        rcu_depth=0,
        stamps=stamps,
        preempt_off_at=None,
        held=(),
        backtrace=SOME,
    )


def sleeping_below_a_spinlock() -> SleepReport:
    """208: a device is resumed with interrupts and preemption off, 6.17."""
    stamps = IrqStamps(
        537370,
        IrqSwitch(537369, place("_raw_spin_unlock_irqrestore+0x84/0x90")),
        IrqSwitch(537370, place("_raw_spin_lock_irqsave+0xe0/0xf4")),
        IrqSwitch(365608, place("handle_softirqs+0x8ec/0xd90")),
        IrqSwitch(365431, place("__do_softirq+0x14/0x20")),
    )
    return SleepReport(
        who=Who("kworker/u32:0", 12, 7),
        at="kernel/locking/rwsem.c:1589",
        preempt_count=1,
        irqs_disabled=True,
        non_block=0,
        rcu_depth=0,
        stamps=stamps,
        preempt_off_at=None,
        held=(),
        backtrace=SOME,
    )


def scheduling() -> SchedulingReport:
    """079: a task sleeps with preemption off, 5.13."""
    at = place("kernel_fpu_begin_mask+0x64/0x260")
    return SchedulingReport(Who("syz-executor607", 8444, 1), 2, (), SOME, at)


def work_leak() -> WorkLeakReport:
    """118, after its first report: the worker came back with less than it had begun with, 6.13."""
    return WorkLeakReport(Who("kworker/u8:4", 76, 0), "ext4_end_io_rsv_work", 0, 0, (), SOME)
