"""Documents for the tests of the forms: of a real exploration, and of hostile names."""

from __future__ import annotations

from lockwright.core.finding import Finding
from lockwright.core.prediction import Attempt, Link, Prediction
from lockwright.core.result import Result, Verdict
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.options import Options
from lockwright.report.campaign import DONE, ERROR, GOING, Answers, FoundLine, GivenUpLine, ItemLine
from lockwright.report.document import Document, Failure
from lockwright.scenario import scenario
from lockwright.session import explore
from tests.abba import two_orders

HOSTILE = "<script>alert('x')</script>&\x1b[31m\x00\u2028]]>\ud800" + "n" * 300
"""A name that no form may take for anything but a name."""


abba = scenario("demo/abba:two")(two_orders)


@scenario("fine/mutex:one")
def fine(world: World) -> None:
    """One mutex."""
    a = Mutex(world, "A")

    async def worker() -> None:
        await a.lock()
        await a.unlock()

    world.spawn(worker(), "one")
    world.spawn(worker(), "two")


def document() -> Document:
    """One scenario with a deadlock and its prediction, one where nothing breaks, one that was
    stopped, one that could not be judged; a prediction over several that is open."""
    made = Document("Check of demo/abba, fine/mutex", lockwright_version="1.2.3")
    made.results = [explore(abba, Options(version="cafe")), explore(fine)]
    stopped = Result("fine/mutex:big", "", {"rounds": 9}, "random", executions=100, seed=7)
    made.results.append(stopped)
    made.failures = [
        Failure("bad/raises:two", "bad/raises:two: the model raised KeyError\n  x.py:3")
    ]
    made.predictions = [predicted("open"), predicted("refuted")]
    made.model_version = "cafe"
    return made


def predicted(reality: str, *seen_in: str) -> Prediction:
    """A cycle over two scenarios."""
    return Prediction(
        "fine/mutex",
        ("fine/mutex:one", "fine/mutex:big"),
        "possible circular locking dependency",
        "P -> Q -> P",
        ("P", "Q"),
        seen_in,
        (Link("P", "Q", "EN", (("fine/mutex:one", "one"),)),),
        [Attempt("fine/mutex:one+big", 3000, "open")],
        reality,
        "not all of them were explored",
        token="lw1~x~~~0~1" if reality == "confirmed" else "",
    )


def campaign() -> Document:
    """Items of every standing."""
    bad, good = explore(abba), explore(fine)
    bare = [Finding(f.kind, f.message, f.signature, f.task, f.comm) for f in bad.findings]
    name = "demo/abba:two dpor"
    items = (
        ItemLine(name, DONE, 3, 2, None, bad),
        ItemLine("demo/abba:two rounds=2 dpor", DONE, 3, 2, None, bad, fine=True),
        ItemLine("fine/mutex:one dpor", DONE, 1, 0, None, good),
        ItemLine("fine/mutex:one pct", DONE, 5, 0, None, good, unmet=("expected 6, got 5",)),
        ItemLine("fine/mutex:big dpor", GOING, 12, 0),
        ItemLine("bad/raises:two dpor", ERROR, 3, failure="ValueError: no"),
        ItemLine(
            "fine/mutex:wide dpor",
            DONE,
            9,
            0,
            None,
            Result("fine/mutex:wide", "", {}, "dpor", Verdict.STOPPED, executions=9),
        ),
    )
    found = tuple(
        FoundLine(f"f{at}", each, 4, ((name, 3), ("demo/abba:two rounds=2 dpor", 1)))
        for at, each in enumerate(bare)
    )
    given_up = (GivenUpLine("bad/raises:two dpor", "1-10", ("it died", "it died")),)
    answers = Answers("night", "", "cafe", "1.2.3", items, found, given_up, 1)
    return Document("Campaign night", results=answers.results, campaign=answers)


def hostile() -> Document:
    """A finding all of whose texts are hostile."""
    made = document()
    first = made.results[0].findings[0]
    first.kind = first.message = first.signature = first.comm = HOSTILE
    first.text = f"{HOSTILE}\n{HOSTILE}"
    first.classes = (HOSTILE, "B")
    made.results[0].scenario = f"demo:{HOSTILE}"
    made.results[1].assumptions = [HOSTILE]
    made.title = HOSTILE
    made.failures = [Failure(HOSTILE, HOSTILE)]
    return made
