"""What the designs take for a tree of events, and that they give it back."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from invariants.memory import (
    KMALLOC,
    back_to_idle,
    census,
    file_system,
    kmalloc_size,
    total,
    untouched_files_cost_nothing,
    usage,
)
from model.tracefs.inode import TracefsInode
from model.tracing.setup import Outcome
from model.vfs.objects import Dentry
from reports.memory import (
    COVER_LETTER,
    HEADER,
    MAIL,
    SAMPLE,
    SHAPES,
    Shape,
    baseline,
    built,
    figures,
    footprint,
    main,
    objects_a_file,
    report,
    table,
)
from stress.scenarios.designs import DESIGNS
from stress.workloads import chmod, drop_caches, stat

GOLDEN = Path(__file__).parent / "golden" / "memory.txt"
KEEPS_INODES = "eventfs/linux_6_9"
LAZY = [name for name in DESIGNS if name not in ("tracefs/pinned", "eventfs/kernfs")]
STATIC = [name for name in LAZY if name not in ("eventfs/v3", "eventfs/v4", "eventfs/linux_6_6")]


def test_the_report_of_a_small_tree_is_the_recorded_one() -> None:
    text = report((SAMPLE,)) + "\n"
    if os.environ.get("LOCKWRIGHT_REWRITE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


def test_the_trees_are_those_of_the_mails() -> None:
    assert COVER_LETTER.directories + COVER_LETTER.files == 10_000
    assert (MAIL.second_level, MAIL.third_level) == (2_212, 15_819)


def test_kmalloc_rounds_up_to_its_sizes() -> None:
    assert [kmalloc_size(size) for size in (1, 8, 9, 65, 88, 104, 200)] == [
        *(8, 8, 16, 96, 96, 128, 256)
    ]
    assert all(kmalloc_size(size) == size for size in KMALLOC)


@pytest.mark.parametrize("design", [name for name in DESIGNS if name != KEEPS_INODES])
def test_after_a_walk_and_reclaim_there_is_what_was_there_before(design: str) -> None:
    """I13."""
    made = footprint(design, SAMPLE)
    assert made.reclaimed == made.idle
    assert total(made.walked) >= total(made.idle)


def test_after_a_walk_every_inode_of_6_9_stays() -> None:
    """E47: its d_iput() drops no reference."""
    made = footprint(KEEPS_INODES, SAMPLE)
    inodes = "tracefs_inode_cache"
    assert made.reclaimed[inodes] == made.walked[inodes] != made.idle[inodes]
    assert made.reclaimed == made.idle | {inodes: made.walked[inodes]}


@pytest.mark.parametrize("design", LAZY)
def test_a_walk_makes_a_dentry_and_an_inode_for_each_path(design: str) -> None:
    made = footprint(design, SAMPLE)
    paths = SAMPLE.directories + SAMPLE.files
    for kind in (Dentry.cache, TracefsInode.cache):
        assert made.walked[kind].count - made.idle[kind].count == paths


def test_pinned_memory_does_not_depend_on_use() -> None:
    made = footprint("tracefs/pinned", SAMPLE)
    assert made.walked == made.idle
    paths = SAMPLE.directories + SAMPLE.files + 1
    assert total(made.idle) == paths * (192 + 624)


@pytest.mark.parametrize("design", STATIC)
def test_files_cost_nothing_until_they_are_touched(design: str) -> None:
    assert objects_a_file(design) == 0
    assert list(untouched_files_cost_nothing(built(design, SAMPLE).sb.world)) == []


def test_files_cost_something_where_each_has_an_object_of_its_own() -> None:
    assert objects_a_file("tracefs/pinned") == 2
    assert objects_a_file("eventfs/linux_6_6") == 1
    assert objects_a_file("eventfs/kernfs") == 1


@pytest.mark.parametrize("design", STATIC)
def test_idle_objects_are_one_for_each_directory(design: str) -> None:
    made = footprint(design, SAMPLE)
    kinds = ("eventfs_inode", "eventfs_root_inode")
    count = sum(made.idle[kind].count for kind in kinds if kind in made.idle)
    assert count == SAMPLE.directories + 1


def test_the_copy_of_a_name_counts_with_the_file_it_belongs_to() -> None:
    uses = footprint("eventfs/linux_6_6", SAMPLE).idle
    assert uses["names"].count == uses["eventfs_file"].count
    assert uses["eventfs_file"].bytes == 96 * uses["eventfs_file"].count


def test_pointers_to_children_count_by_the_files_a_directory_can_have() -> None:
    uses = footprint("eventfs/linux_6_7", SAMPLE).idle
    assert uses["d_children"].count == SAMPLE.directories + 1
    assert uses["eventfs_inode"].bytes == 128 * uses["eventfs_inode"].count


def test_the_first_chmod_in_a_directory_costs_an_array_that_stays() -> None:
    at = built("eventfs/latest", SAMPLE)
    before = total(usage(file_system(at.sb.world)))
    path = "system_001/sys_enter_event_0000"
    at.boot(chmod(at, f"{path}/enable", 0o600))
    at.boot(chmod(at, f"{path}/filter", 0o600))
    at.boot(drop_caches(at))
    assert total(usage(file_system(at.sb.world))) - before == 96


def test_what_is_left_behind_is_told() -> None:
    at = built("eventfs/latest", SAMPLE)
    at.outcomes.append(Outcome("idle", "", census(at.sb.world)))
    at.sb.world.state = at
    assert list(back_to_idle(at.sb.world)) == []
    at.boot(stat(at, "system_001"))
    (said,) = back_to_idle(at.sb.world)
    assert "dentry: 3" in said


def test_a_design_that_makes_objects_for_files_is_told() -> None:
    at = built("eventfs/v3", SAMPLE)
    at.sb.world.state = at
    said = list(untouched_files_cost_nothing(at.sb.world))
    assert said == [], "an eventfs_file is not an eventfs_inode"


def test_the_command_prints_the_designs_that_are_asked_for() -> None:
    result = CliRunner().invoke(main, ["--design", "eventfs/nothing"])
    assert result.exit_code == 2
    assert "eventfs/nothing" in result.output


def test_the_committed_figures_are_of_every_design_and_tree() -> None:
    committed = baseline()
    assert list(committed) == [shape.name for shape in SHAPES]
    for tree in committed.values():
        assert list(tree) == list(DESIGNS)
        assert {len(cells) for cells in tree.values()} == {len(HEADER) - 1}


def test_figures_are_the_cells_of_the_table() -> None:
    made = figures(("eventfs/latest", "eventfs/v3"), (SAMPLE,))
    assert list(made) == [SAMPLE.name]
    text = table(SAMPLE, ("eventfs/latest", "eventfs/v3"))
    for design, cells in made[SAMPLE.name].items():
        (line,) = (line for line in text.splitlines() if line.startswith(f"{design} "))
        assert line.split() == [design, *" ".join(cells).split()]


def test_the_baseline_is_made_of_every_design_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("reports.memory.BASELINE", tmp_path / "memory.json")
    done = CliRunner().invoke(main, ["--write", "--design", "eventfs/latest"])
    assert done.exit_code == 2
    assert "leave out --design" in done.output
    assert not (tmp_path / "memory.json").exists()


@pytest.mark.slow
def test_a_tree_takes_what_is_committed() -> None:
    shape = SHAPES[0]
    made = figures(("eventfs/v3", "eventfs/linux_6_9"), (shape,))[shape.name]
    assert made.items() <= baseline()[shape.name].items()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_the_whole_trees_take_what_the_mails_and_the_field_sums_say(shape: Shape) -> None:
    paths = shape.directories + shape.files + 1
    assert total(footprint("tracefs/pinned", shape).idle) == paths * (192 + 624)
    latest = footprint("eventfs/latest", shape)
    assert latest.reclaimed == latest.idle
    assert latest.idle["eventfs_inode"].count == shape.directories
    assert total(latest.idle) < 300_000
