"""A kernel: a mounted tracefs with the events of a sequence, on the design of that release."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lockwright.core.boot import boot
from lockwright.core.errors import ModelError
from lockwright.core.world import World
from model.tracing.entries import EVENT_READ_ONLY_FIRST, EVENTS, SYSTEM
from model.tracing.setup import Tracing, tracing
from model.vfs.process import Process
from stress.conformance import vectors
from stress.conformance.answers import Answer
from stress.conformance.kernels import KERNELS, LEFT_BEHIND, Kernel
from stress.conformance.matching import Labels, differences
from stress.conformance.process import NotPerformed, Session
from stress.conformance.steps import perform
from stress.conformance.tree import System, systems_of
from stress.conformance.vectors import Step
from stress.scenarios.designs import DESIGNS


def mount(
    world: World, kernel: Kernel, systems: Sequence[System], *, control: bool = True
) -> Tracing:
    """Mount tracefs, with every file that the models have; those beside `events` if `control`."""
    design = DESIGNS[kernel.design]
    at = tracing(
        world,
        design.kind_of()(world),
        design.release(),
        events=(),
        files=EVENT_READ_ONLY_FIRST,
        system_files=SYSTEM,
        top_files=EVENTS,
        instances=(),
        static_events=tuple((system.name, event) for system in systems for event in system.events),
        keeps=False,
        control=control,
    )
    boot(world, _number(at, kernel.first_type))
    return at


async def _number(at: Tracing, first_type: int) -> None:
    """The events that are made from now on get numbers from here."""
    await at.core.event_mutex.lock()
    at.core.lists.next_type = first_type
    await at.core.event_mutex.unlock()


class Machine:
    """A kernel with one process, which does one step after another, alone.

    Between two steps everything that was put off is done: grace periods, work items.
    `broken` says what ended it, if something did: nothing more can be done on it then.
    """

    def __init__(self, kernel: Kernel, systems: Sequence[System]) -> None:
        self.world = World()
        self.broken = ""
        self.at = mount(self.world, kernel, systems)
        self.session = Session(Process(self.at.sb))
        boot(self.world, self.session.process.start())
        self.do("remount", f"mode={kernel.mode}")

    def do(self, op: str, *args: str) -> Answer:
        """What a step gives.  Raises NotPerformed; ModelError if it blocks or breaks a rule."""
        if self.broken:
            raise ModelError(f"this machine is broken: {self.broken}")
        try:
            answer: Answer | NotPerformed = boot(self.world, _attempt(self.session, op, args))
        except ModelError as error:
            self.broken = str(error)
            raise
        if isinstance(answer, NotPerformed):
            raise answer
        return answer


async def _attempt(at: Session, op: str, args: tuple[str, ...]) -> Answer | NotPerformed:
    """A step that cannot be done leaves the machine as it was, ready for the next."""
    try:
        return await perform(at, op, args)
    except NotPerformed as reason:
        return reason


def machine_for(sequence: vectors.Sequence) -> Machine:
    """The machine of a sequence, with what the sequences before it left behind."""
    machine = Machine(KERNELS[sequence.kernel], systems_of(sequence))
    for op, *args in LEFT_BEHIND.get(sequence.name, ()):
        machine.do(op, *args)
    return machine


@dataclass(frozen=True, slots=True)
class Conformity:
    """How the model's answer to a step differs from the kernel's; it conforms if it does not."""

    nth: int
    step: Step
    differences: tuple[str, ...]

    @property
    def conforms(self) -> bool:
        """Is it the same answer?"""
        return not self.differences


def conformity(sequence: vectors.Sequence) -> Iterator[Conformity]:
    """Run a sequence, and compare each step."""
    machine, labels = machine_for(sequence), Labels()
    for nth, step in enumerate(sequence.steps):
        try:
            found = differences(step, machine.do(step.op, *step.args), labels)
        except (NotPerformed, ModelError) as error:
            found = [str(error)]
        yield Conformity(nth, step, tuple(found))
