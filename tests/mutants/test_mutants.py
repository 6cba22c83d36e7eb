"""Each fault that is put into a model is found, by the scenario and the kind of finding that it is
meant for, and by nothing that the model without it has, too."""

import ast
import sys

import pytest

from tests.mutants import latest, others
from tests.mutants.hunting import Mutant, Shown, hunt
from tests.mutants.loading import edited, path_of, replaced

MUTANTS = (*latest.MUTANTS, *others.MUTANTS)
SLOW = (
    "a dentry of a directory is published before it leads anywhere",
    "a miss is hashed as a negative dentry",
    "6.6: what is removed is freed without a grace period",
    "6.7: removal takes one reference too few",
    "6.7: removal does not mark",
    "kernfs: a node that is removed is not deactivated",
    "kernfs: the last operation does not wake who waits for it",
)
"""Each explores some hundred executions before and after."""


def _marked(mutant: Mutant) -> object:
    marks = [pytest.mark.slow] if mutant.says in SLOW else []
    return pytest.param(mutant, id=mutant.says, marks=marks)


@pytest.mark.parametrize("mutant", [_marked(mutant) for mutant in MUTANTS])
def test_a_fault_is_found(mutant: Mutant) -> None:
    shown = hunt(mutant.module, mutant.tree(), mutant.shown)
    assert shown is not None, f"nothing shows that {mutant.says}"
    assert shown.kind == mutant.kind, shown


def test_there_are_enough_of_them() -> None:
    assert len(latest.MUTANTS) >= 40
    assert len(others.MUTANTS) >= 20
    assert len({mutant.says for mutant in MUTANTS}) == len(MUTANTS)
    assert {*SLOW} <= {mutant.says for mutant in MUTANTS}


def test_a_module_without_a_fault_shows_nothing() -> None:
    module = "model.eventfs.latest"
    tree = ast.parse(path_of(module).read_text(encoding="utf-8"))
    assert hunt(module, tree, ("eventfs/latest:stat_then_remove",)) is None


def test_what_was_loaded_comes_back() -> None:
    name = "model.eventfs.latest"
    shown = hunt(
        name,
        edited(name, "        await self.put_ei(ei)\n", ""),
        ("eventfs/latest:remove_alone",),
    )
    assert isinstance(shown, Shown)
    module = sys.modules[name]
    tree = edited(name, "class EventfsLatest", "class Replaced")
    with replaced(name, tree):
        assert name not in sys.modules
        __import__(name)
        assert sys.modules[name] is not module
        assert hasattr(sys.modules[name], "Replaced")
    assert sys.modules[name] is module


def test_a_fault_that_has_lost_its_place_is_an_error() -> None:
    with pytest.raises(AssertionError, match=r"has the text of this mutant 0 times"):
        edited("model.eventfs.latest", "no such line", "")
