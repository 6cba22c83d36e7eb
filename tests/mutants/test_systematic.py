"""Of all small faults that can be made in `latest`, those that nothing shows are known, with the
reason; and the makers of faults make what they say."""

import ast

import pytest

from tests.mutants.equivalent import EQUIVALENT
from tests.mutants.systematic import CHEAP, RACES, faults, reached, survivors

LATEST = "eventfs/latest"


@pytest.mark.slow
@pytest.mark.parametrize("module", EQUIVALENT)
def test_what_survives_is_what_cannot_be_shown(module: str) -> None:
    surviving = [fault.name for fault, shown in survivors(module, LATEST) if not shown]
    assert sorted(surviving) == sorted(EQUIVALENT[module])


def test_a_fault_changes_one_thing() -> None:
    module = "model.eventfs.latest"
    made = list(faults(module))
    names = [fault.name for fault in made]
    assert "eventfs_remount_lock: without await self.mutex.lock()" in names
    assert "goes_on: not not self.rechecks_parent" in names
    texts = {ast.dump(fault.tree) for fault in made}
    assert len(texts) == len(made), "no two faults are one, and none is none"


def test_what_a_later_release_has_replaced_is_not_run() -> None:
    assert not reached(LATEST, "model.eventfs.references", "free_ei")
    assert reached(LATEST, "model.eventfs.latest", "free_ei")
    assert reached(LATEST, "model.eventfs.references", "release_ei"), "6.9 calls super()"


def test_no_case_is_asked_twice() -> None:
    names = (*CHEAP, *RACES)
    assert len({*names}) == len(names)
