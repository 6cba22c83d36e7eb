"""The table of conformance."""

from __future__ import annotations

import io

import pytest
from click.testing import CliRunner
from rich.console import Console

from reports.conformance import Row, cells, main, printed, reasons, row_of
from stress.conformance.leftout import left_out

ROW = Row("7.3.4", "eventfs/latest", 80, 1167, 1136, 31, 14, 14, 0, 0)


def test_a_row_counts_steps_and_interleavings() -> None:
    assert cells(ROW) == (
        "eventfs/latest",
        "80",
        "1167",
        "1136",
        "31",
        "14",
        "14",
        "0",
        "0",
    )


def test_the_reasons_count_every_step_that_is_left_out() -> None:
    assert sum(count for _, count in reasons()) == len(left_out())


def test_what_is_wrong_stands_below_the_table() -> None:
    console = Console(file=io.StringIO(), width=200)
    ROW.wrong.append("7.3.4 a_tree, step 3: [ls] differs")
    printed([ROW], console)
    assert isinstance(console.file, io.StringIO)
    assert "7.3.4 a_tree, step 3: [ls] differs" in console.file.getvalue()


def test_an_unknown_kernel_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["5.0"])
    assert done.exit_code == 2
    assert "no kernel '5.0'; there are: 6.12.95, 6.16.3, 7.3.4" in done.output


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["6.12.95", "6.16.3", "7.3.4"])
def test_everything_conforms_or_is_left_out(kernel: str) -> None:
    row = row_of(kernel)
    assert row.wrong == []
    assert row.steps == row.conform + row.left_out == 1167
    assert row.interleavings == row.interleavings_conform == 14
    assert row.faults == row.faults_recorded == (0 if kernel == "7.3.4" else 5)
