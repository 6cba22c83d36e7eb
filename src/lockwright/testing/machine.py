"""State machines whose rules are called by several tasks at the same time.

    class Table(ConcurrentStateMachine):
        ground = make_table                        # of a fresh world: what the rules act on
        reference = TableReference()               # what it does with one user at a time

        @rule(key=st.sampled_from("ab"))
        async def insert(self, at, key):
            return await table_insert(at, key)

    TestTable = Table.TestCase

Rules, bundles, preconditions and settings are Hypothesis's own.  What is drawn is a program, which
says who calls what, and a schedule; both are shrunk.  `docs/hypothesis.md` tells how to use it,
`machine_drawing.py` what is drawn, `machine_running.py` how it is run.

Source: Claessen, Palka, Smallbone, Hughes, Svensson, Arts, Wiger, "Finding race conditions in
Erlang with QuickCheck and PULSE" (ICFP 2009), for state machines whose commands run in parallel
under a schedule that is drawn; here the order is checked by Wing and Gong's search.
"""

from __future__ import annotations

import hashlib
import unittest
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, ClassVar, Protocol, TypeVar, cast

from hypothesis import HealthCheck, Phase, given, stateful
from hypothesis import settings as Settings  # noqa: N812  # as Hypothesis itself calls the class
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.errors import InvalidDefinition
from hypothesis.stateful import Bundle, RuleBasedStateMachine, StateMachineMeta

from lockwright.calls import Argument, Call, Calls
from lockwright.check.linearreference import object_of
from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.history import Reference
from lockwright.core.location import Value
from lockwright.options import RULES, check_name
from lockwright.scenario import Check, Ground, Parameter
from lockwright.testing import profiles
from lockwright.testing.choice import replaying
from lockwright.testing.machine_drawing import Drawing, Seen, examples
from lockwright.testing.machine_rules import WHOLE, vocabulary
from lockwright.testing.machine_running import Known, replay_token, run_example

__all__ = ["ConcurrentStateMachine", "initialize", "invariant", "rule", "run_concurrently"]

F = TypeVar("F", bound=Callable[..., object])


class Decorator(Protocol):
    """One of Hypothesis's decorators, which type checkers let decorate what is `async`."""

    def __call__(self, **arguments: Value) -> Callable[[F], F]:
        """Takes what Hypothesis's takes."""
        ...


rule = cast(Decorator, stateful.rule)
initialize = cast(Decorator, stateful.initialize)
invariant = cast(Decorator, stateful.invariant)

ANYHOW = Settings(deadline=None, suppress_health_check=list(HealthCheck))
"""How a machine runs that nobody has said more about; its examples are then the profile's."""
STEPS = Settings.get_profile("default").stateful_step_count
"""What Hypothesis has for the number of steps when nobody has said it."""


class _Meta(StateMachineMeta):
    """What a machine has as a class alone: Hypothesis looks through all that its instances have."""

    @property
    def calls(cls) -> Calls:  # noqa: N805  # a class is what it has
        """The vocabulary of the machine's rules."""
        return _vocabulary(cast(type[ConcurrentStateMachine], cls))


class _TestCase:
    """The `unittest.TestCase` of a machine."""

    def __get__(
        self, machine: ConcurrentStateMachine | None, owner: type[ConcurrentStateMachine]
    ) -> type[MachineTestCase]:
        return _case(owner)


class ConcurrentStateMachine(RuleBasedStateMachine, metaclass=_Meta):
    """Rules that several tasks call at the same time; subclass it, and collect its `TestCase`.

    `ground` makes, of a fresh world and `parameters`, what the rules get as `at`.  `name` is the
    design in tokens, module and class if it has none.  `reference` is what calls must be
    linearizable to: a class with a method for each rule, or a `Reference`.  `at_end` are the
    promises of every execution that ends well, `checks` the rules of Lockwright that must hold.
    At most `tasks_max` tasks call.  `calls`, of the class, is the vocabulary that all this makes.
    With `steered`, Hypothesis is told how much each example covers, and looks for more.  `given`
    are values for a design's parameters, as text; `often` says of rules how many times as often as
    others they are drawn.  With `only`, findings for which it is not true are passed by: so one can
    be looked for among others.

    The machine that preconditions are asked of has drawn calls and not made them: `drawn` lists
    them, and `model` is the reference's state after them, one after the other as they were drawn.
    The machine that rules and invariants are called on is another one in each execution.
    """

    name: ClassVar[str] = ""
    ground: ClassVar[Ground | None] = None
    reference: ClassVar[Reference | type | None] = None
    at_end: ClassVar[tuple[Check, ...]] = ()
    checks: ClassVar[tuple[str, ...]] = RULES
    tasks_max: ClassVar[int] = 3
    steered: ClassVar[bool] = False
    release: ClassVar[str] = "lockwright"
    parameters: ClassVar[Mapping[str, Parameter]] = {}
    vocabulary: ClassVar[Calls | None] = None
    given: ClassVar[Mapping[str, str]] = {}
    often: ClassVar[Mapping[str, int]] = {}
    only: ClassVar[Callable[[Finding], bool] | None] = None
    TestCase = _TestCase()  # type: ignore[assignment]  # another, which says the same

    drawing: Drawing

    @classmethod
    def of(
        cls,
        calls: Calls,
        arguments: Mapping[str, Sequence[st.SearchStrategy[Any]]] | None = None,
        targets: Mapping[str, Bundle[Any]] | None = None,
    ) -> type[ConcurrentStateMachine]:
        """A machine of a design's vocabulary.

        `arguments` gives, for each call that is to be made, a strategy for each of its arguments,
        `targets` the bundle for what a call gives.  Without `arguments`, the calls of the
        vocabulary's alphabet are made.  Raises UsageError for a call that there is not.
        """
        return of_calls(cls, calls, arguments, targets or {})

    @classmethod
    def replay(cls, token: str) -> None:
        """Run what a token of this machine says.

        Raises what the run breaks, as the test does, and UsageError for a token that does not fit.
        """
        __tracebackhide__ = True
        replay_token(cls, token)

    @classmethod
    def playing(cls) -> ConcurrentStateMachine:
        """The machine of one execution."""
        if cls.__init__ is RuleBasedStateMachine.__init__:
            return cls.__new__(cls)  # that has only what drawing needs
        return cls()

    @property
    def drawn(self) -> tuple[Call, ...]:
        """The calls that were drawn so far, in that order."""
        return tuple(each.call for each in self.drawing.calls)

    @property
    def model(self) -> Value:
        """The reference after the calls that were drawn so far."""
        return object_of(self.drawing.model.state)

    def bundle(self, name: str) -> Seen:
        """What the call that is drawn now can take."""
        return self.drawing.bundle(name)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def check_invariants(self, *told: object) -> None:
        """What Hypothesis's own runner asks for first, which would call rules as functions."""
        name = type(self).__name__
        raise InvalidDefinition(
            f"{name} is a concurrent machine: run it with run_concurrently({name}), or collect "
            f"{name}.TestCase"
        )


class MachineTestCase(unittest.TestCase):
    """Runs a machine; `settings` is for whoever wants others."""

    settings: ClassVar[Settings] = ANYHOW
    lockwright_machine: ClassVar[type[ConcurrentStateMachine]]

    def runTest(self) -> None:  # noqa: N802  # the name that unittest looks for
        """Run it; with `--lockwright-replay`, only what the token says."""
        __tracebackhide__ = True
        machine, token = self.lockwright_machine, replaying()
        if not token:
            run_concurrently(machine, settings=self.settings)
        elif f"~{machine.calls.design}:" not in token:
            self.skipTest(f"the token is of another design than {machine.calls.design}")
        else:
            machine.replay(token)

    runTest.is_hypothesis_test = True  # type: ignore[attr-defined]  # for Hypothesis's own plugin


@cache
def _case(machine: type[ConcurrentStateMachine]) -> type[MachineTestCase]:
    name = f"{machine.__name__}.TestCase"
    return type(
        name,
        (MachineTestCase,),
        {
            "lockwright_machine": machine,
            "__module__": machine.__module__,
            "__qualname__": f"{machine.__qualname__}.TestCase",
        },
    )


@cache
def _vocabulary(machine: type[ConcurrentStateMachine]) -> Calls:
    return machine.vocabulary or vocabulary(machine)


def run_concurrently(
    machine: type[ConcurrentStateMachine],
    *,
    settings: Settings | None = None,
) -> None:
    """Run a machine as a test: raise what its smallest failing example breaks.

    Without `settings`, the profile of Lockwright says how many examples there are.
    """
    __tracebackhide__ = True
    test = test_of(machine, ANYHOW if settings is None else settings)
    test()


def test_of(machine: type[ConcurrentStateMachine], wanted: Settings) -> Callable[[], None]:
    """The function that Hypothesis runs."""
    vocabulary, profile = machine.calls, profiles.current()
    known: Known = {}
    if wanted is ANYHOW:  # what Hypothesis goes by may have changed since it was made
        wanted = Settings(max_examples=profile.examples)
    # an example is many executions, so that its time says nothing; and the lines that only failing
    # ones come by are lines of the engine
    phases = [phase for phase in wanted.phases if phase is not Phase.explain]
    everything = list(HealthCheck)
    chosen = Settings(wanted, phases=phases, deadline=None, suppress_health_check=everything)
    steps = chosen.stateful_step_count
    strategy = examples(profile.calls if steps == STEPS else steps)

    @chosen
    @given(st.data())
    def run_machine(data: st.DataObject) -> None:
        __tracebackhide__ = True
        drawing = machine()
        source = data.conjecture_data
        source.hypothesis_runner = drawing  # what bundles ask
        example = source.draw(strategy)
        run_example(machine, example, profile, known, final=current_build_context().is_final)

    # what Hypothesis's own state machines tell it: whose examples these are in the database, and
    # what @seed and @reproduce_failure say of the class
    whose = f"{machine.__module__}.{machine.__qualname__} {vocabulary.design}"
    inner: Any = run_machine.hypothesis.inner_test  # type: ignore[attr-defined]  # @given has it
    inner._hypothesis_internal_add_digest = hashlib.sha256(whose.encode()).digest()
    outer: Any = run_machine
    outer._hypothesis_internal_print_given_args = False
    for mark in ("_hypothesis_internal_use_seed", "_hypothesis_internal_use_reproduce_failure"):
        setattr(outer, mark, getattr(machine, mark, None))
    run: Callable[[], None] = run_machine
    return run


def of_calls(
    base: type[ConcurrentStateMachine],
    calls: Calls,
    arguments: Mapping[str, Sequence[st.SearchStrategy[Any]]] | None,
    targets: Mapping[str, Bundle[Any]],
) -> type[ConcurrentStateMachine]:
    """A machine of a vocabulary, with a rule for each call; see `ConcurrentStateMachine.of`."""
    if arguments is None:
        by_name: dict[str, list[tuple[Argument, ...]]] = {}
        for call in calls.alphabet:
            by_name.setdefault(call.name, []).append(call.arguments)
        given = {name: {WHOLE: st.sampled_from(several)} for name, several in by_name.items()}
    else:
        given = {
            name: {f"argument{nth}": each for nth, each in enumerate(several)}
            for name, several in arguments.items()
        }
    for name in (*given, *targets):
        check_name("call", name, calls.functions)
    if not given:
        raise UsageError(f"{calls.design} has no alphabet: say the arguments of its calls")
    rules = {f"rule {name}": _rule(name, each, targets.get(name)) for name, each in given.items()}
    name = "".join(word.capitalize() for word in calls.design.replace("/", "_").split("_"))
    return type(name, (base,), {**rules, "vocabulary": calls, "__module__": base.__module__})


def _rule(name: str, arguments: Mapping[str, Any], target: Bundle[Any] | None) -> Value:
    async def made(self: Value, at: Value, **arguments: Value) -> None:
        """Stands for a function of the vocabulary, which is what is called."""

    made.__name__ = made.__qualname__ = name
    return rule(target=target, **arguments)(made)
