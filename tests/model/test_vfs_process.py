"""A process: descriptors, the working directory, and what they tell of removed names."""

from lockwright.core.location import Value
from model.vfs.attr import Stat
from model.vfs.dcache import d_drop
from model.vfs.err import (
    EACCES,
    EBADF,
    EEXIST,
    EINVAL,
    EISDIR,
    ENAMETOOLONG,
    ENOENT,
    ENOTDIR,
    EPERM,
    EXDEV,
)
from model.vfs.namei import O_DIRECTORY, O_PATH, O_RDWR
from model.vfs.objects import FileOperations
from model.vfs.process import MOUNT_POINT, Process
from model.vfs.readdir import Dirent
from tests.model.disk import Disk

TREE = {"a": {"b": {"f": None}}, "h": None}


class Shell:
    """A process on a disk, whose calls run one after another."""

    def __init__(self, *, revalidates: bool = False) -> None:
        self.disk = Disk(TREE, revalidates=revalidates)
        self.process = Process(self.disk.sb)
        self("start")

    def __call__(self, call: str, *args: Value, **options: Value) -> Value:
        return self.disk.run(getattr(self.process, call)(*args, **options))


def test_paths_are_absolute_or_begin_in_the_working_directory_or_at_a_descriptor() -> None:
    sh = Shell()
    top = f"{MOUNT_POINT}/a/b"
    assert sh("stat", f"{top}/f").ino == 4
    assert sh("chdir", top) == 0
    assert sh("stat", "f").ino == 4
    fd = sh("open", "..", O_DIRECTORY)
    assert sh("stat", "b/f", dirfd=fd).ino == 4
    assert sh("stat", MOUNT_POINT).ino == sh("stat", f"{MOUNT_POINT}/").ino == 1
    assert sh("stat", "/sys/kernel") == -ENOENT
    assert sh("stat", f"{MOUNT_POINT}x") == -ENOENT
    assert sh("stat", "") == -ENOENT
    assert sh("stat", "x" * 4096) == -ENAMETOOLONG
    assert sh("stat", "f", dirfd=99) == -EBADF
    assert sh("stat", "f", dirfd=sh("open", "f")) == -ENOTDIR


def test_descriptors_are_the_lowest_free_ones() -> None:
    sh = Shell()
    assert [sh("open", "h"), sh("open", "h", O_PATH), sh("dup", 3)] == [3, 4, 5]
    assert sh("close", 4) == 0
    assert sh("close", 4) == -EBADF
    assert sh("reopen", 3) == 4
    assert [sh("close", fd) for fd in (3, 5, 4)] == [0, 0, 0]
    sh("exit")
    assert sh.disk.counts() == {"r": 2, "r/h": 0}


def test_exiting_gives_everything_back() -> None:
    sh = Shell()
    sh("chdir", "a/b")
    sh("open", ".")
    sh("open", "f")
    sh("dup", 4)
    sh("exit")
    assert sh.disk.sb.files == []
    assert sh.disk.counts() == {"r": 2, "r/a": 1, "r/a/b": 1, "r/a/b/f": 0}


def test_calls_on_a_bad_descriptor_say_so() -> None:
    sh = Shell()
    assert {
        sh("getdents", 9),
        sh("lseek", 9, 0),
        sh("read", 9),
        sh("write", 9, "1"),
        sh("fstat", 9),
        sh("fchmod", 9, 0),
        sh("fchown", 9, 0, 0),
        sh("dup", 9),
        sh("fchdir", 9),
    } == {-EBADF}
    assert sh("reopen", 9) == sh("readlink_fd", 9) == -ENOENT


def test_the_working_directory_moves_and_is_held() -> None:
    sh = Shell()
    assert sh("getcwd") == MOUNT_POINT
    assert sh("chdir", "a/b") == 0
    assert sh("getcwd") == f"{MOUNT_POINT}/a/b"
    assert sh.disk.counts() == {"r": 2, "r/a": 1, "r/a/b": 1}
    assert sh("chdir", "..") == 0
    assert sh("getcwd") == f"{MOUNT_POINT}/a"
    assert sh("chdir", "b/f") == -ENOTDIR
    assert sh("chdir", "x") == -ENOENT
    fd = sh("open", "..", O_PATH)
    assert sh("fchdir", fd) == 0
    assert sh("getcwd") == MOUNT_POINT
    assert sh("fchdir", sh("open", "h")) == -ENOTDIR


def test_a_name_is_deleted_only_once_a_walk_has_noticed() -> None:
    """Recorded: getcwd() and /proc/self/fd say so after a walk has revalidated the dentry."""
    sh = Shell(revalidates=True)
    fd = sh("open", "a")
    sh("chdir", "a")
    sh.disk.stale = {"r/a"}
    assert sh("getcwd") == sh("readlink_fd", fd) == f"{MOUNT_POINT}/a"
    sh("stat", f"{MOUNT_POINT}/a")
    assert sh("getcwd") == -ENOENT
    assert sh("readlink_fd", fd) == f"{MOUNT_POINT}/a (deleted)"
    assert isinstance(sh("stat", "."), Stat)
    assert sh("stat", "..").ino == 1
    assert sh("chdir", "..") == 0
    assert sh("getcwd") == MOUNT_POINT


def test_below_a_deleted_directory_names_are_not_deleted() -> None:
    sh = Shell()
    sh("chdir", "a/b")
    sh.disk.run(d_drop(sh.disk.dentry("r/a")))
    assert sh("getcwd") == f"{MOUNT_POINT}/a/b"


def test_somebody_else_has_other_permissions() -> None:
    sh = Shell()
    sh("stat", "a")
    sh.process.seteuid(1000, 1000)
    assert sh("open", "h") == -EACCES
    assert sh("chmod", "h", 0o644) == -EPERM
    assert sh("chown", "h", 1, 1) == -EPERM
    assert sh("access", "h", 4) == -EACCES
    assert sh("mkdir", "x") == -EACCES
    sh.process.seteuid(0, 0)
    assert sh("chmod", "a", 0o700) == 0
    sh.process.seteuid(1000, 1000)
    assert sh("chdir", "a") == -EACCES
    assert sh("stat", "a/b") == -EACCES
    assert sh.disk.counts()["r/a"] == 0


def test_sizes_and_times_go_by_path_and_descriptor() -> None:
    sh = Shell()
    assert sh("truncate", "h", 5) == sh("utime", "h") == 0
    assert sh("ftruncate", sh("open", "h", O_RDWR), 0) == 0
    assert sh("truncate", "a", 0) == -EISDIR
    assert sh("ftruncate", 9, 0) == -EBADF


def test_reading_writing_and_listing_go_by_descriptor() -> None:
    sh = Shell()
    written: list[str] = []

    async def write(file: object, data: str) -> int:
        written.append(data)
        return len(data)

    async def read(file: object) -> str:
        return "0\n"

    sh.disk.file_fop = FileOperations(read=read, write=write)
    fd = sh("open", "h", O_RDWR)
    assert sh("read", fd) == "0\n"
    assert sh("lseek", fd, 1) == 1
    assert sh("read", fd, 5) == "\n"
    assert sh("write", fd, "1") == 1
    assert written == ["1"]
    assert sh("lseek", fd, 0, 1) == 3
    assert sh("fchmod", fd, 0o600) == sh("fchown", fd, 1, 2) == 0
    assert sh("fstat", fd) == Stat(2, 0o600, 1, 1, 2, directory=False)
    top = sh("open", ".")
    assert sh("getdents", top, size=64) == [Dirent(".", 1, 4, 1), Dirent("..", 1, 4, 2)]
    assert sh("getdents", top, limit=5) == [Dirent("h", 2, 8, 3)]
    assert sh("read", top) == -EISDIR


def test_names_are_not_made_or_removed_by_who_has_no_operation_for_it() -> None:
    sh = Shell()
    assert sh("mkdir", "a/x") == -EPERM
    assert sh("mkdir", "x", dirfd=sh("open", "a")) == -EPERM
    assert sh("mkdir", "a") == -EEXIST
    assert sh("rmdir", "a") == -EPERM
    assert sh("unlink", "h") == -EPERM
    assert sh("unlink", "b", dirfd=3) == -EISDIR
    assert sh("symlink", "x") == -EPERM
    assert sh("mknod", "x") == -EACCES
    assert sh("link", "h", "x") == -EPERM
    assert sh("rename", "h", "x") == -EPERM
    assert sh("rename", "", "x") == sh("rename", "h", "") == sh("link", "h", "") == -ENOENT
    assert sh("rename", "h", "/tmp/x") == sh("link", "h", "/tmp/x") == -EXDEV
    assert sh("link", "x", "/tmp/x") == -ENOENT
    assert sh("rename", "/tmp/x", "h") == -EXDEV
    assert sh("remount", "gid=x") == -EINVAL
    assert sh("remount", "gid=5") == 0
