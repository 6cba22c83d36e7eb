"""What came of a lock graph's cycles: who says so, which cycle is meant, and which word counts."""

from __future__ import annotations

import pytest

from lockwright.core.errors import UsageError
from lockwright.core.finding import Finding
from lockwright.core.location import Value
from lockwright.core.prediction import Prediction
from lockwright.core.result import Result
from lockwright.report.lockgraph import Judgement, LockGraph, Way
from lockwright.report.lockgraph.jsonform import graph_as_json, graph_from_json
from lockwright.report.lockgraph.judging import elsewhere, judged, judged_as
from lockwright.report.lockgraph.sources import Collection, graph_of
from lockwright.report.lockgraph.text import cycle_as_json, cycle_text

CIRCULAR = "possible circular locking dependency"
RECURSIVE = "possible recursive locking"


def ring(*names: str, kind: str = "EN") -> LockGraph:
    """A graph of one cycle."""
    graph = LockGraph()
    graph.add_source("s")
    for held, taken in zip(names, (*names[1:], names[0]), strict=True):
        graph.add_edge(held, taken, Way(kind, "s", ("fn+0x1/0x2",)))
    return graph


def said(*classes: str, reality: str, scenario: str = "s", token: str = "") -> Judgement:
    """A judgement of a cycle."""
    return Judgement(classes, CIRCULAR, reality, "because", token, scenario)


def realities(graph: LockGraph) -> list[tuple[tuple[str, ...], str]]:
    """Each cycle with what came of it."""
    return [(each.cycle.classes, each.reality) for each in judged(graph)]


def test_a_cycle_that_nobody_judged_says_so() -> None:
    assert realities(ring("A", "B")) == [(("A", "B"), "")]


@pytest.mark.parametrize("classes", [("A", "B", "C"), ("C", "A", "B"), ("C", "B", "A")])
def test_a_judgement_is_found_from_any_class_and_against_the_order(
    classes: tuple[str, ...],
) -> None:
    graph = ring("A", "B", "C")
    graph.add_judgement(said(*classes, reality="refuted"))
    assert realities(graph) == [(("A", "B", "C"), "refuted")]


def test_the_same_classes_the_other_way_round_are_another_cycle() -> None:
    graph = ring("A", "B", "C")
    graph.merge(ring("A", "C", "B"))
    graph.add_judgement(said("A", "B", "C", reality="refuted"))
    there, back = judged_as(graph, ("A", "B", "C")), judged_as(graph, ("A", "C", "B"))
    assert there is not None
    assert back is not None
    assert (there.reality, back.reality) == ("refuted", "")


@pytest.mark.parametrize(
    ("words", "counts"),
    [
        (("refuted",), "refuted"),
        (("refuted", "open"), "open"),
        (("open", "refuted", "confirmed"), "confirmed"),
    ],
)
def test_one_confirmation_confirms_and_one_doubt_leaves_open(
    words: tuple[str, ...], counts: str
) -> None:
    graph = ring("A", "B")
    for number, reality in enumerate(words):
        graph.add_judgement(said("A", "B", reality=reality, scenario=f"d:{number}"))
    (cycle,) = judged(graph)
    assert cycle.reality == cycle.by[0].reality == counts
    assert len(cycle.by) == len(words)


def test_a_cycle_that_the_search_does_not_list_is_shown_if_somebody_speaks_of_it() -> None:
    graph = LockGraph()
    for held, taken in (("A", "B"), ("B", "C"), ("C", "D"), ("D", "A")):
        graph.merge(ring(held, taken))
    listed = [names for names, _ in realities(graph)]
    assert ("A", "B", "C", "D") not in listed
    graph.add_judgement(said("A", "B", "C", "D", reality="open"))
    assert realities(graph) == [*((names, "") for names in listed), (("A", "B", "C", "D"), "open")]
    assert len(judged(graph, 1)) == 1


def test_a_deadlock_that_happened_confirms_the_cycle_of_its_classes() -> None:
    graph = ring("A", "B")
    happened = Finding("deadlock", "two tasks wait", "", 0, "", classes=("A", "B"), token="lw1~t")
    prediction = Finding(CIRCULAR, "", "", 0, "", classes=("A", "B"), token="lw1~p")
    prediction.reality, prediction.because = "refuted", "no trace"
    result = Result("d:one", "", {}, "dpor", findings=[happened, prediction])
    graph.merge(graph_of([result], []))
    (cycle,) = judged(graph)
    assert (cycle.reality, cycle.by[0].token) == ("confirmed", "lw1~t")
    assert cycle.by[1].token == ""  # it would replay the prediction, which is no deadlock


def test_the_token_of_a_confirmed_prediction_is_that_of_the_deadlock() -> None:
    found = Finding(CIRCULAR, "", "", 0, "", classes=("A", "B"), token="lw1~prediction")
    found.reality, found.because = "confirmed", "it happens: 2 tasks wait; replay lw1~deadlock"
    result = Result("d:one", "", {}, "dpor", findings=[found])
    (judgement,) = graph_of([result], []).judgements
    assert (judgement.because, judgement.token) == ("it happens: 2 tasks wait", "lw1~deadlock")


def test_a_prediction_over_scenarios_judges_too() -> None:
    prediction = Prediction("d", ("d:a", "d:b"), CIRCULAR, "", ("A", "B"), ())
    prediction.reality, prediction.because = "confirmed", "in the composition"
    prediction.composed, prediction.token = "d:a@x+b@y", "lw1~c"
    graph = ring("A", "B")
    graph.merge(graph_of([], [prediction]))
    (cycle,) = judged(graph)
    expected = Judgement(
        ("A", "B"), CIRCULAR, "confirmed", "in the composition", "lw1~c", "d:a@x+b@y"
    )
    assert cycle.by == (expected,)


def test_a_recursion_is_an_order_from_a_class_to_itself() -> None:
    found = Finding(RECURSIVE, "", "", 0, "", classes=("A",))
    found.reality = "open"
    graph = graph_of([Result("d:one", "", {}, "dpor", findings=[found])], [])
    assert realities(graph) == [(("A",), "open")]
    assert graph.edges["A", "A"].kinds == ("??",)


def test_what_is_no_cycle_of_orders_is_told_apart_and_once() -> None:
    graph = ring("A", "B")
    for scenario, reality in (("d:a", "refuted"), ("d:b", "open")):
        graph.add_judgement(Judgement(("X", "Y"), "irq inversion", reality, "", "", scenario))
    assert [(each.classes, each.reality) for each in elsewhere(graph)] == [(("X", "Y"), "open")]
    assert realities(graph) == [(("A", "B"), "")]


def test_a_part_and_folded_numbers_keep_what_is_said_of_what_is_left() -> None:
    graph = ring("k#2", "B")
    graph.add_judgement(said("k#2", "B", reality="refuted"))
    graph.add_judgement(said("k#2", "k#3", reality="open"))
    assert [each.classes for each in graph.part(["k#2", "B"]).judgements] == [("k#2", "B")]
    assert [each.classes for each in graph.without_numbers().judgements] == [("k", "B")]


def test_the_text_names_who_decides_first_and_the_others_by_what_they_say() -> None:
    graph = ring("A", "B")
    graph.add_judgement(said("A", "B", reality="refuted", scenario="d:r"))
    for name in ("one", "two"):
        graph.add_judgement(
            said("A", "B", reality="confirmed", scenario=f"d:{name}", token="lw1~t")
        )
    (cycle,) = judged(graph)
    assert cycle_text(graph, cycle, 1, 80).splitlines()[:5] == [
        "cycle 1: a strong cycle of 2 lock classes: confirmed",
        "  confirmed in d:one: because",
        "  replay: lockwright replay 'lw1~t'",
        "  also confirmed in d:two",
        "  refuted in d:r",
    ]
    data = cycle_as_json(cycle)
    assert (data["reality"], len(data["judgements"])) == ("confirmed", 3)
    assert cycle_as_json(judged(ring("A", "B"))[0])["reality"] is None


def test_the_cycle_of_a_real_report_is_reported_by_the_kernel_until_somebody_judges_it() -> None:
    graph = ring("A", "B")
    graph.add_source("s", reported=True)
    assert realities(graph) == [(("A", "B"), "reported")]
    assert "as a kernel reported (s)" in cycle_text(graph, judged(graph)[0], 1, 80)
    graph.add_judgement(said("A", "B", reality="confirmed"))
    assert realities(graph) == [(("A", "B"), "confirmed")]


RESULT = (
    '{"results": [{"scenario": "d:x", "lock_graph": [], "findings": [%s]}], "predictions": [%s]}'
)
FINDING = '{"kind": "k", "classes": ["A"], "reality": "open", "because": "b", "token": ""}'


def test_findings_and_predictions_of_a_result_file_are_taken_up() -> None:
    prediction = FINDING.replace("}", ', "composed": "", "design": "d"}')
    collection = Collection()
    collection.add_text("file", RESULT % (FINDING, prediction))
    assert [each.scenario for each in collection.finish().judgements] == ["d:x", "d"]


@pytest.mark.parametrize(
    ("finding", "prediction", "message"),
    [
        ('{"kind": "k"}', "", "malformed finding: KeyError"),
        ("7", "", "malformed finding: AttributeError"),
        (FINDING.replace('"open"', '"maybe"'), "", "'maybe' is no reality of a cycle"),
        (FINDING.replace('["A"]', "[7]"), "", "a finding's texts are no text"),
        ("", FINDING, "malformed prediction: KeyError: 'composed'"),
    ],
)
def test_malformed_findings_are_refused(finding: str, prediction: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Collection().add_text("file", RESULT % (finding, prediction))


@pytest.mark.parametrize("change", [{"reality": "maybe"}, {"classes": []}, {"token": 7}])
def test_malformed_judgements_of_a_graph_are_refused(change: dict[str, Value]) -> None:
    graph = ring("A", "B")
    graph.add_judgement(said("A", "B", reality="open"))
    data = graph_as_json(graph)
    assert graph_from_json(data).judgements == graph.judgements
    data["judgements"][0].update(change)
    with pytest.raises(UsageError, match="malformed lock graph"):
        graph_from_json(data)


def test_a_graph_of_before_there_were_judgements_is_read() -> None:
    data = graph_as_json(ring("A", "B"))
    del data["judgements"]
    assert graph_from_json(data).judgements == []
