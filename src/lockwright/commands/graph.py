"""`lockwright graph`: one lock graph from reports, dumps, results and scenarios."""

from __future__ import annotations

import click

from lockwright.commands.output import FORMATS
from lockwright.core.errors import UsageError
from lockwright.options import Options

CYCLES_MAX = 100


@click.command("graph", short_help="The lock graph of reports, /proc dumps or scenarios.")
@click.argument("sources", nargs=-1, metavar="SOURCE...")
@click.option(
    "-o",
    "--output",
    "outputs",
    multiple=True,
    metavar="FILE",
    help="Draw or write it: .svg, .html, .dot, .graphml, .json.  May be given several times.",
)
@click.option(
    "--compare",
    "pairs",
    nargs=2,
    multiple=True,
    metavar="OLD NEW",
    help="What differs between two graphs; again for more sources of both.",
)
@click.option("--cycles", "only_cycles", is_flag=True, help="Show the cycles, not the orders.")
@click.option("--path", "ends", nargs=2, metavar="FROM TO", help="The shortest way between two.")
@click.option("--around", metavar="CLASS", help="Only what is near to a class.")
@click.option(
    "--depth",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="How near, in orders.",
)
@click.option("--fold-numbers", is_flag=True, help="Leave the #N of class names out.")
@click.option(
    "--most",
    type=click.IntRange(min=1),
    default=CYCLES_MAX,
    show_default=True,
    metavar="N",
    help="Show no more cycles than that.",
)
@click.option("--executions", type=click.IntRange(min=1), help="Stop each scenario after so many.")
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True, max=1e9),
    help="Stop each scenario after so long.",
)
@click.option("--format", "fmt", type=FORMATS, default="text", show_default=True)
def graph(
    sources: tuple[str, ...],
    *,
    outputs: tuple[str, ...],
    pairs: tuple[tuple[str, str], ...],
    only_cycles: bool,
    ends: tuple[str, str] | None,
    around: str | None,
    depth: int,
    fold_numbers: bool,
    most: int,
    executions: int | None,
    seconds: float | None,
    fmt: str,
) -> int:
    """Build one lock graph, draw it, and search it for cycles and paths.

    SOURCE is a file with kernel reports (dmesg, mail), with /proc/lockdep, lockdep_chains or
    lock_stat, with JSON or GraphML of lockwright, or a campaign's store; - is standard input; what
    is no file is a scenario, a design or a pattern of the project, which is explored for its graph.

    What is held leads to what is taken with it held.  Kinds of orders: the holder E (exclusive)
    or S (a reader), then the taken one R (recursive reader) or N (anything else), ? where the
    source does not tell.

    A cycle is shown with what came of it where somebody judged it: confirmed, refuted or open.
    With --compare OLD NEW, each a SOURCE, it is told which classes, orders and cycles are gone or
    new, and the drawings show both with each class at the same place.

    Exit status: 0 no strong cycle, 1 a cycle that is strong, or may be as kinds are unknown (of
    two graphs, one in the new one), 2 usage or input error.
    """
    from lockwright.commands.graph_forms import COMPARED  # noqa: PLC0415  # networkx loads slowly
    from lockwright.commands.graphing import Asked, Graphing  # noqa: PLC0415  # the same

    options = Options(executions=executions, seconds=seconds, events=False)
    orders = not (only_cycles or ends or outputs)
    asked = Asked(ends, around, depth, fold_numbers, most, orders)
    if pairs:
        if sources or ends:
            more = "SOURCE" if sources else "--path"
            raise UsageError(
                f"--compare OLD NEW names all that is compared: {more} is one too many"
            )
        names = [name for pair in pairs for name in pair]
        graphing = Graphing(asked, outputs, names, COMPARED)
        old = graphing.read(tuple(one for one, _ in pairs), options)
        return graphing.compare(old, graphing.read(tuple(two for _, two in pairs), options), fmt)
    if not sources:
        raise click.UsageError("Missing argument 'SOURCE...'.")
    graphing = Graphing(asked, outputs, sources)
    return graphing.tell(
        graphing.read(sources, options), fmt, with_cycles=only_cycles or ends is None
    )
