"""An interleaving as a trace.dat, which `trace-cmd report` and KernelShark open.

All on one CPU: step k is k milliseconds after the first second.  A task has a pid of its own, and
`sched_switch` says which one runs; a task that waits gets the CPU once more, finds the lock taken,
and sleeps.  Locks, interrupts, grace periods, work and objects are the kernel's own events; each
step is a `print` as well, with its operation and result, at the model's function.

Within a step: the switch, what was waited for, the operation, what it takes and releases, makes and
frees, whom it wakes; then the rule that it breaks, and who cannot go on.  Whoever runs says it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from lockwright.core.event import IDLE, Event
from lockwright.core.timeline import NEVER, Hold, Timeline, Wait
from lockwright.report.columns import ARRIVALS, BUFFER, together
from lockwright.report.document import Run
from lockwright.report.perfetto.tasks import ARRIVAL, BLOCKED, RETURN, happened, steps_of
from lockwright.report.tracedat.cpu import (
    DEAD,
    INTERRUPTIBLE,
    RUNNABLE,
    UNINTERRUPTIBLE,
    Cpu,
    short,
)
from lockwright.report.tracedat.formats import SOFTIRQS, Number
from lockwright.report.tracedat.memory import lock_at, object_at, pids_of
from lockwright.report.tracedat.pages import file_of, pages_of

START, MILLISECOND = 1_000_000_000, 1_000_000
"""Nanoseconds: when step 0 is, and how long a step is."""
BROKEN, BLOCKS = 400_000, 500_000
"""When in a step a rule is broken, and when those are told of who wait after it."""
FLAGS = {"hardirq": 0x09, "softirq": 0x10}
"""TRACE_FLAG_IRQS_OFF and TRACE_FLAG_HARDIRQ; TRACE_FLAG_SOFTIRQ."""
TRIED, READ = 1, 2
NOT_TOLD = 2**31
"""The step of what is after all steps."""
SPIN, READS, WRITES, RT, PERCPU, MUTEX = 1, 2, 4, 8, 16, 32
PLAIN = ("srcu", "rcu", "map", "work", "workqueue", "timer", "ww_acquire", "seqcount")
"""Kinds of locks that nobody contends for: the validator is only told when they begin and end."""


def tracedat(run: Run) -> bytes:
    """The run as a file."""
    recording = recording_of(run)
    recording.record()
    cpu = recording.cpu
    return file_of(pages_of(cpu.events), cpu.comms(), cpu.memory.symbols(), cpu.memory.printk())


def recording_of(run: Run) -> Recording:
    """A recording that has not begun."""
    timeline = run.timeline or Timeline()
    shown = together(run.events, run.events)
    home = {one.task: other.task for one, other in zip(run.events, shown, strict=True)}
    lanes = [lane for lane in timeline.lanes if home.get(lane.task, lane.task) == lane.task]
    named = [hold.task for hold in timeline.holds] + [wait.task for wait in timeline.waits]
    named += [period.task for period in timeline.grace_periods]
    if run.finding is not None and run.finding.task >= 0:
        named.append(run.finding.task)
    pids = pids_of(lanes, shown, [home.get(task, task) for task in named])
    names = {lane.task: lane.comm for lane in lanes}
    names |= {event.task: event.comm for event in reversed(shown)}
    steps = {event.step: event for event in shown if event.step >= 0 and happened(event)}
    timeline = replace(
        timeline, holds=tuple(_told(hold, timeline.waits) for hold in timeline.holds)
    )
    return Recording(run, timeline, Cpu(pids, names), home, steps)


def _told(hold: Hold, waits: Sequence[Wait]) -> Hold:
    """A lock that is handed over to who sleeps: the sleeper tells of it when it goes on."""
    for wait in waits:
        if (wait.task, wait.lock) == (hold.task, hold.lock) and wait.begin < hold.begin:
            if wait.end == NEVER:
                return hold._replace(begin=NOT_TOLD)
            if hold.begin < wait.end and not 0 <= hold.end < wait.end:
                return hold._replace(begin=wait.end)
    return hold


@dataclass(slots=True)
class Recording:
    """A run as it is written down.

    `home` is the task under which each is written, `steps` has the events that happened, `last` the
    last step of each task; `handlers` are the interrupts that a task is in, the innermost last: the
    number of an interrupt, or of a vector, or neither.
    """

    run: Run
    timeline: Timeline
    cpu: Cpu
    home: dict[int, int]
    steps: dict[int, Event]
    last: dict[int, int] = field(default_factory=dict)
    irqs: dict[str, int] = field(default_factory=dict)
    handlers: dict[int, list[tuple[str, int]]] = field(default_factory=dict)

    def record(self) -> None:
        """The whole run."""
        self.last = {event.task: event.step for event in self.steps.values()}
        self.introduce()
        self.waits_after(START - BLOCKS, NEVER)
        count = steps_of(self.run.events)
        for step in range(count):
            at = START + step * MILLISECOND
            event = self.steps.get(step)
            if event is not None:
                self.cpu.switch(at, event.task, self.state(step))
                self.operation(at, event)
            self.moment(at + BROKEN, step)
            self.waits_after(at + BLOCKS, step)
        self.end(START + count * MILLISECOND, count)

    def task(self, task: int) -> int:
        """The task under which another is written."""
        return self.home.get(task, task)

    def state(self, step: int) -> int:
        """What becomes of the task that leaves the CPU for this step, if it does not sleep."""
        now = self.cpu.now
        if now is None or self.last.get(now, step) >= step:
            return RUNNABLE
        left = any(event.task == now and event.step < 0 for event in self.run.events)
        return RUNNABLE if left else DEAD

    def address(self, number: int) -> int:
        """Where a lock is."""
        return lock_at(number, self.timeline.locks[number])

    def introduce(self) -> None:
        """Say what this is, what the addresses of the locks are, and who has one already."""
        at = START - 100 * MILLISECOND
        for text in (self.run.title, self.run.scenario, self.run.token):
            if text:
                self.cpu.say(at, None, text)
        for number, lock in enumerate(self.timeline.locks):
            about = f"is {lock.name}, of class {lock.lock_class} ({lock.kind})"
            self.cpu.say(at, None, f"{self.address(number):#x} {about}")
        for hold in self.timeline.holds:
            if hold.begin == NEVER:
                self.taken(at, hold)

    def operation(self, at: int, event: Event) -> None:
        """A step: first that its task need not wait any longer, then itself, then its locks."""
        self.cpu.flags = FLAGS.get(event.context, 0)
        for wait in self.timeline.waits:
            if wait.end == event.step and self.waits(wait) and self.task(wait.task) == event.task:
                self.goes_on(at, wait, event)
        if event.kind in ARRIVALS:
            self.enters(at, event)
        result = f" = {event.result}" if event.result else ""
        text = f"step {event.step}: {event.text}{result}"
        self.cpu.say(at, event.task, text, self.code(event))
        self.objects(at, event)
        self.locks(at, event)
        for wait in self.timeline.waits:
            if wait.woken == event.step and self.waits(wait):
                self.cpu.wake(at, self.task(wait.task))
        handlers = self.handlers.get(event.task)
        if event.kind == RETURN and handlers:
            self.leaves(at, event.task, *handlers.pop())
        self.cpu.flags = 0

    def code(self, event: Event) -> int | None:
        """Where the step is in the model."""
        if not event.chain:
            return None
        return self.cpu.memory.code(event.chain[0].function, event.chain[0].offset)

    def waits(self, wait: Wait) -> bool:
        """Does a task sleep?  A store on its way to memory does not, nor does a callback."""
        lanes = self.timeline.lanes
        contexts = [lane.context for lane in lanes if lane.task == wait.task]
        awake = any(context in (BUFFER, *FLAGS) for context in contexts)
        return not awake and not 0 <= wait.end <= wait.begin

    def enters(self, at: int, event: Event) -> None:
        """An interrupt: the operations of its handler say which kind it is."""
        name = event.text.removeprefix("<").removesuffix(">").removeprefix("Interrupt ")
        inside = [
            later.context
            for step, later in sorted(self.steps.items())
            if step > event.step and later.task == event.task
        ]
        context = inside[0] if inside else "hardirq"
        self.cpu.flags = FLAGS.get(context, 0)
        handler = "", 0
        if context != "softirq":
            handler = "irq", self.irqs.setdefault(name, len(self.irqs) + 1)
            irq: Number = handler[1]
            self.cpu.emit(at, event.task, "irq_handler_entry", irq=irq, name=short(name))
        elif name in SOFTIRQS:
            handler = "softirq", SOFTIRQS.index(name)
            self.cpu.emit(at, event.task, "softirq_entry", vec=handler[1])
        if event.kind == ARRIVAL:
            self.handlers.setdefault(event.task, []).append(handler)

    def leaves(self, at: int, task: int, kind: str, number: int) -> None:
        """The end of an interrupt."""
        if kind == "irq":
            self.cpu.emit(at, task, "irq_handler_exit", irq=number, ret=1)
        elif kind == "softirq":
            self.cpu.emit(at, task, "softirq_exit", vec=number)

    def goes_on(self, at: int, wait: Wait, event: Event) -> None:
        """A wait is over: with the lock, or without it."""
        self.cpu.sleeping.pop(event.task, None)
        if self.contended(wait):
            failed = re.fullmatch(r"-[0-9]{1,4}", event.result) is not None
            ret = int(event.result) if failed else 0
            addr = self.address(wait.lock)
            self.cpu.emit(at, event.task, "contention_end", lock_addr=addr, ret=ret)
            if failed:
                self.lock(at, event.task, "lock_release", wait.lock)

    def contended(self, wait: Wait) -> bool:
        """Is it a lock that is waited for?"""
        return wait.lock != NEVER and self.timeline.locks[wait.lock].kind not in PLAIN

    def lock(self, at: int, task: int, name: str, number: int, /, **more: Number) -> None:
        """An event of a lock."""
        cls = short(self.timeline.locks[number].lock_class)
        self.cpu.emit(at, task, name, **more, name=cls, lockdep_addr=self.address(number))

    def locks(self, at: int, event: Event) -> None:
        """What is released in a step, and what is taken: first what was held before it."""
        step = event.step
        holds = self.timeline.holds
        # what was taken last is released first
        for hold in reversed(holds):
            if hold.end == step and hold.begin < step:
                self.released(at, hold)
        for hold in holds:
            if hold.begin == step:
                self.taken(at, hold, tried="trylock" in event.text)
        for hold in reversed(holds):
            if hold.begin == step == hold.end:
                self.released(at, hold)

    def taken(self, at: int, hold: Hold, *, tried: bool = False) -> None:
        """A task has a lock: the validator heard that it wants it when it began to wait."""
        task, kind = self.task(hold.task), self.timeline.locks[hold.lock].kind
        waited = any(
            wait.task == hold.task and wait.lock == hold.lock and wait.end == hold.begin
            for wait in self.timeline.waits
            if self.contended(wait) and self.waits(wait)
        )
        if not waited:
            flags = (TRIED if tried else 0) | (READ if hold.how != "exclusive" else 0)
            self.lock(at, task, "lock_acquire", hold.lock, flags=flags)
        if kind not in PLAIN:
            self.lock(at, task, "lock_acquired", hold.lock)
        if kind == "work":
            self.work(at, hold, "workqueue_execute_start")

    def released(self, at: int, hold: Hold) -> None:
        """A task gives a lock back."""
        if self.timeline.locks[hold.lock].kind == "work":
            self.work(at, hold, "workqueue_execute_end")
        self.lock(at, self.task(hold.task), "lock_release", hold.lock)

    def work(self, at: int, hold: Hold, name: str) -> None:
        """A worker begins or ends to run an item, whose function is the one that it calls first."""
        calls = [
            self.steps[step].chain[-2].function
            for step in range(hold.begin + 1, max(self.steps, default=0) + 1)
            if step in self.steps
            and self.steps[step].task == hold.task
            and len(self.steps[step].chain) > 1
        ]
        function = calls[0] if calls else self.timeline.locks[hold.lock].name
        code = self.cpu.memory.code(function)
        addr = self.address(hold.lock)
        self.cpu.emit(at, self.task(hold.task), name, work=addr, function=code)

    def objects(self, at: int, event: Event) -> None:
        """What is made and freed in a step, and which grace periods begin and end in it."""
        site = self.code(event) or 0
        for number, thing in enumerate(self.timeline.things):
            if not thing.kind:
                continue
            values: dict[str, Number] = {"call_site": site, "ptr": object_at(number)}
            values["name"] = short(thing.kind)
            if thing.born == event.step:
                rest = dict.fromkeys(("bytes_req", "bytes_alloc", "gfp_flags", "accounted"), 0)
                self.cpu.emit(at, event.task, "kmem_cache_alloc", **values, **rest, node=-1)
            if thing.freed == event.step:
                self.cpu.emit(at, event.task, "kmem_cache_free", **values)
        for number, period in enumerate(self.timeline.grace_periods):
            name = self.cpu.memory.string(period.domain)
            for moment, what in ((period.begin, "start"), (period.end, "end")):
                if moment == event.step:
                    told = self.cpu.memory.string(what)
                    gp: dict[str, Number] = {"rcuname": name, "gp_seq": number, "gpevent": told}
                    self.cpu.emit(at, event.task, "rcu_grace_period", **gp)

    def waits_after(self, at: int, step: int) -> None:
        """Who cannot go on after a step: they try, and sleep."""
        for wait in self.timeline.waits:
            if wait.begin != step or not self.waits(wait):
                continue
            task = self.task(wait.task)
            self.cpu.switch(at, task, self.state(step + 1))
            if self.contended(wait):
                reads = "read" in wait.text.split("(")[0]
                flags = READ if reads else 0
                self.lock(at, task, "lock_acquire", wait.lock, flags=flags)
                self.lock(at, task, "lock_contended", wait.lock)
                kind = contention(self.timeline.locks[wait.lock].kind, reads=reads)
                addr = self.address(wait.lock)
                self.cpu.emit(at, task, "contention_begin", lock_addr=addr, flags=kind)
            self.cpu.say(at, task, f"waits: {wait.text}", self.asleep(wait))
            soft = "interruptible" in wait.text or "killable" in wait.text
            self.cpu.sleeping[task] = INTERRUPTIBLE if soft else UNINTERRUPTIBLE

    def asleep(self, wait: Wait) -> int | None:
        """Where a task waits: where it goes on, or is in the end."""
        if wait.end in self.steps:
            return self.code(self.steps[wait.end])
        ends = [each for each in self.run.events if each.step < 0 and each.task == wait.task]
        return self.code(ends[0]) if ends and wait.end == NEVER else None

    def moment(self, at: int, step: int) -> None:
        """The moment in which a rule is broken."""
        finding = self.run.finding
        if finding is None or finding.step != step:
            return
        if self.cpu.now in self.cpu.sleeping:
            self.cpu.switch(at, None, RUNNABLE)
        for text in (f"{finding.kind}: {finding.message}", *finding.lines):
            self.cpu.say(at, self.cpu.now, text)

    def end(self, at: int, count: int) -> None:
        """What became of those that are not done."""
        waiting = {self.task(wait.task) for wait in self.timeline.waits if wait.end == NEVER}
        for event in self.run.events:
            if event.step >= 0:
                continue
            task = self.task(event.task)
            idle = event.kind == IDLE
            if not idle and event.kind != BLOCKED:
                self.died(at, task, event, count)
            elif task not in waiting:
                self.cpu.switch(at, task, self.state(count))
                said = f"{'idle' if idle else 'waits'}: {event.text}"
                self.cpu.say(at, task, said, self.code(event))
                self.cpu.sleeping[task] = INTERRUPTIBLE if idle else UNINTERRUPTIBLE
        self.cpu.switch(at, None, self.state(count))
        finding = self.run.finding
        if finding is not None and not 0 <= finding.step < count:
            self.moment(at, finding.step)

    def died(self, at: int, task: int, event: Event, count: int) -> None:
        """What a task died of: its last words, if it has the CPU, or else what is said of it."""
        text = f"{event.kind}: {event.text}"
        if task != self.cpu.now or task in self.cpu.sleeping:
            self.cpu.switch(at, None, self.state(count))
            text = f"{self.cpu.comm(task)} {text}"
        self.cpu.say(at, self.cpu.now, text, self.code(event))


def contention(kind: str, *, reads: bool) -> int:
    """The flags of a lock that is waited for (LCB_F_*)."""
    if kind == "rt_mutex":
        return RT
    if kind.endswith("mutex"):
        return MUTEX
    if "spin" in kind:
        return SPIN
    flags = READS if reads else WRITES
    if kind == "percpu_rwsem":
        return flags | PERCPU
    return flags | SPIN if kind == "rwlock" else flags
