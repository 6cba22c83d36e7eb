"""Path walk and open files: what calls what, and which references are left."""

from lockwright.kernel.context import sleepable
from model.vfs.namei import O_CREAT
from model.vfs.objects import File
from model.vfs.syscalls import __do_sys_newfstatat, __x64_sys_close, __x64_sys_openat
from stress.workloads import hold_open, list_directory, open_and_close, stat
from tests.model.alone import chains, found, mounted, references, run

STAT = [
    "walk_component",
    "path_lookupat",
    "filename_lookup",
    "vfs_statx",
    "vfs_fstatat",
    "__do_sys_newfstatat",
]
OPEN = [
    "dcache_dir_open_wrapper",
    "do_dentry_open",
    "path_openat",
    "do_filp_open",
    "do_sys_openat2",
    "__x64_sys_openat",
]


def test_a_stat_calls_the_lookup_through_the_functions_of_the_posted_report() -> None:
    at = mounted()
    at.warm("kprobes/kp1")
    got = chains(at, stat(at, "kprobes/kp1/enable"), "down_read_nested")
    assert got == [["eventfs_root_lookup", "__lookup_slow", *STAT]]


def test_an_open_takes_the_inode_lock_through_the_functions_of_the_posted_report() -> None:
    at = mounted()
    at.warm("kprobes/kp1")
    got = chains(at, hold_open(at, "kprobes/kp1"), "down_write")
    assert got == [OPEN]


def test_a_close_releases_through_fput() -> None:
    at = mounted()
    at.warm("kprobes/kp1/enable")
    got = chains(at, open_and_close(at, "kprobes/kp1"), "down_read_nested")
    assert got[-1] == ["eventfs_release", "__fput", "__x64_sys_close"]


def test_opening_with_o_creat_locks_the_directory_for_writing_around_the_lookup() -> None:
    at = mounted()
    at.warm("kprobes/kp1")
    got = chains(at, hold_open(at, "kprobes/kp1/enable", O_CREAT), "down_write")
    assert [chain[0] for chain in got] == ["open_last_lookups"]


def test_a_missing_name_is_not_found_and_leaves_nothing() -> None:
    at = mounted()
    before = references(at)
    at.sb.declare("tracing/events/kprobes/other")
    assert run(at, __do_sys_newfstatat(at.top, "kprobes/other")).result == -2
    assert references(at) == before


def test_a_path_through_a_missing_directory_is_not_found() -> None:
    at = mounted()
    at.sb.declare("tracing/events/other/enable")
    assert run(at, __do_sys_newfstatat(at.top, "other/enable")).result == -2


def test_an_open_file_holds_its_dentry_until_it_is_closed() -> None:
    at = mounted()
    at.warm("kprobes/kp1/enable")
    file = run(at, __x64_sys_openat(at.top, "kprobes/kp1/enable")).result
    assert isinstance(file, File)
    assert references(at)["events/kprobes/kp1/enable"] == 1

    async def close() -> None:
        await sleepable("close")
        await __x64_sys_close(file)

    run(at, close())
    assert references(at)["events/kprobes/kp1/enable"] == 0
    assert not file.alive


def test_a_listing_has_each_file_once_and_leaves_no_reference() -> None:
    for design in ("v3", "v4"):
        at = mounted(design, "enable", "filter")
        run(at, list_directory(at, "kprobes/kp1"))
        assert at.outcomes[-1].result == ("filter", "enable")
        assert references(at) == {
            "events": 2,
            "events/kprobes": 1,
            "events/kprobes/kp1": 2,
            "events/kprobes/kp1/enable": 0,
            "events/kprobes/kp1/filter": 0,
        }
        assert found(at) == []
