"""A prediction as JSON."""

from __future__ import annotations

import json

from lockwright.core.finding import Finding
from lockwright.core.prediction import Prediction
from tests.report.documents import predicted


def test_a_prediction_is_read_back_as_it_was() -> None:
    made = predicted("confirmed", "fine/mutex:one")
    made.deadlock = Finding("deadlock", "two wait", "two", 0, "one", classes=("P", "Q"))
    again = Prediction.from_json(json.loads(json.dumps(made.as_json())))
    assert again == made
