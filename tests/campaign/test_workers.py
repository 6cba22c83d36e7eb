"""Whatever becomes of a process, each piece ends once for each try, and no process is left."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from lockwright.campaign import workers
from lockwright.campaign.engine import Engine, Site
from lockwright.campaign.item import Item
from lockwright.campaign.piece import DEATHS_MAX, Ended, Failure, Piece
from lockwright.campaign.plan import Limits
from lockwright.campaign.workers import LocalEngine, Supervised
from lockwright.core.errors import UsageError
from lockwright.core.location import Value
from lockwright.options import Options
from lockwright.project import load_project, version_of

PROJECT = """
[tool.lockwright]
scenarios = ["worker_cases"]
"""
CASES = """
from lockwright.core.world import World
from lockwright.kernel.mutex import Mutex
from lockwright.scenario import Scenario


def two(world: World) -> None:
    mutex = Mutex(world, "m")

    async def task() -> None:
        await mutex.lock()
        await mutex.unlock()

    world.spawn(task(), "one")
    world.spawn(task(), "two")


TWO = Scenario("test/worker:two", two)
"""
EXPLORERS = '''
"""Stands for the explorer: does what a piece's work says."""

import ctypes, fcntl, os, signal, subprocess, sys, time
from pathlib import Path

from lockwright.core.errors import ModelError


class Fake:
    def __init__(self, project):
        self.hoarded = []
        if Path("orphan_s").exists():
            sys.modules["__main__"].ORPHAN_S = float(Path("orphan_s").read_text())

    def explore(self, piece):
        return getattr(self, piece.work["do"])(piece.work)

    def echo(self, work):
        return {"pid": os.getpid(), **work}

    def nap(self, work):
        time.sleep(0.01)
        return {"n": work["n"]}

    def chatter(self, work):
        print("to be or not to be")
        print("x" * 200_000, file=sys.stderr, flush=True)
        sys.stdout.flush()
        os.write(1, b"\\0\\0\\0\\0\\0\\0\\0\\1{" * 10_000)
        subprocess.run(["echo", "me too"], check=True)
        return {"read": sys.stdin.read()}

    def meet(self, work):
        Path(work["mine"]).touch()
        while not Path(work["other"]).exists():
            time.sleep(0.005)
        return {"met": True}

    def hang(self, work):
        lock = open(work["lock"], "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(work["begun"]).write_text(str(os.getpid()))
        while True:
            pass

    def hold(self, work):
        lock = open(work["lock"], "w")
        fcntl.flock(lock, fcntl.LOCK_EX)
        Path(work["begun"]).write_text(str(os.getpid()))
        ctypes.PyDLL(None).sleep(300)  # no other thread of ours runs

    def die(self, work):
        os.kill(os.getpid(), signal.Signals[work["signal"]])
        time.sleep(600)

    def leave(self, work):
        os._exit(3)

    def orphan(self, work):
        held = "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, 2); print(1)"
        command = [sys.executable, "-c", held + "; sys.stdout.flush(); time.sleep(600)"]
        child = subprocess.Popen([*command, work["lock"]], stdout=subprocess.PIPE)
        child.stdout.read(1)
        os._exit(3)

    def raise_value(self, work):
        raise ValueError("two\\n   lines")

    def raise_model(self, work):
        raise ModelError("no task is left")

    def quit(self, work):
        sys.exit("enough")

    def ours(self, work):
        import json
        json.loads("{")

    def scribble(self, work):
        for fd in range(3, 20):
            try:
                os.write(fd, b"\\0\\0\\0\\0\\0\\0\\0\\1{")
            except OSError:
                pass
        return {}

    def unsaid(self, work):
        return object()

    def eat(self, work):
        hoard = []
        while True:
            hoard.append(bytearray(2**24))

    def eat_and_hide(self, work):
        try:
            self.eat(work)
        except MemoryError as error:
            raise ModelError("something went wrong") from error

    def hoard(self, work):
        self.hoarded.append(bytearray(work["mb"] * 2**20))
        return {"pid": os.getpid()}

    def big(self, work):
        return {"got": len(work["data"]), "data": work["data"]}


def broken(project):
    raise RuntimeError("no explorer today")
'''
FAKE = "worker_explorers:Fake"
ITEM = Item(0, "test/worker:two", (), Options())
LONG = Limits(120.0, 4096)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    (tmp_path / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (tmp_path / "worker_cases.py").write_text(CASES, encoding="utf-8")
    (tmp_path / "worker_explorers.py").write_text(EXPLORERS, encoding="utf-8")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "worker_cases", raising=False)
    return Site(tmp_path, load_project(tmp_path).version, LONG)


def pieces(works: Iterable[Value]) -> list[Piece]:
    return [Piece(0, ordinal, ITEM, work) for ordinal, work in enumerate(works)]


def piece(do: str, **work: Value) -> Piece:
    return pieces([{"do": do, **work}])[0]


def served(
    engine: Engine,
    given: list[Piece],
    ended: Callable[[Ended], Piece | None] = lambda ended: None,
    beside: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint,
) -> list[Ended]:
    """How each try ended; another is given for each piece that `ended` returns."""
    found: list[Ended] = []

    async def main() -> None:
        todo_in, todo = trio.open_memory_channel[Piece](10_000)
        done, done_out = trio.open_memory_channel[Ended](0)
        for each in given:
            todo_in.send_nowait(each)
        left = len(given)

        async def collect() -> None:
            nonlocal left
            while left:
                found.append(await done_out.receive())
                again = ended(found[-1])
                if again is None:
                    left -= 1
                else:
                    todo_in.send_nowait(again)
            todo_in.close()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(collect)
            nursery.start_soon(beside)
            await engine.serve(todo, done)

    try:
        trio.run(main)
    except* UsageError as group:
        raise group.exceptions[0] from None
    return found


def explored(site: Site, *given: Piece) -> list[Ended]:
    """How pieces end that the same process has, as long as there is no need for another."""

    async def main() -> list[Ended]:
        worker = Supervised(site, explorer=FAKE)
        try:
            return [await worker.explore(each) for each in given]
        finally:
            await worker.aclose()

    return trio.run(main)


def failed(site: Site, *given: Piece) -> list[Failure | None]:
    return [ended.failure for ended in explored(site, *given)]


def wait_for(lock: Path) -> None:
    """Return when no process has a lock on the file any more."""

    def free() -> bool:
        with lock.open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    wait_until(free)


def is_there(path: Path) -> None:
    wait_until(lambda: path.exists() and bool(path.read_text(encoding="ascii")))


def wait_until(what: Callable[[], bool]) -> None:
    for _ in range(3000):
        if what():
            return
        time.sleep(0.01)
    pytest.fail("not after half a minute")


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_each_piece_is_explored_once_and_by_whom_is_told(site: Site) -> None:
    given = pieces({"do": "echo", "n": n} for n in range(40))
    found = served(LocalEngine(site, 2, explorer=FAKE), given)

    assert sorted(ended.piece.ordinal for ended in found) == list(range(40))
    assert all(ended.told["n"] == ended.piece.ordinal for ended in found)
    by_whom = {(ended.who, ended.told["pid"]) for ended in found}
    assert {who for who, _ in by_whom} <= {"worker 1", "worker 2"}
    assert len(by_whom) == len({who for who, _ in by_whom}), "no process was replaced"
    assert all(gone(pid) for _, pid in by_whom)


def test_two_workers_have_pieces_at_the_same_time(site: Site) -> None:
    one, other = str(site.root / "one"), str(site.root / "other")
    works = [{"do": "meet", "mine": one, "other": other}]
    works += [{"do": "meet", "mine": other, "other": one}]

    found = served(LocalEngine(site, 2, explorer=FAKE), pieces(works))

    assert [ended.told for ended in found] == [{"met": True}] * 2


def test_a_worker_that_is_killed_at_any_moment_costs_one_try(site: Site) -> None:
    engine = LocalEngine(site, 2, explorer=FAKE)
    tries: Counter[int] = Counter()
    told: list[int] = []
    kills_left = 8

    def ended(ended: Ended) -> Piece | None:
        nonlocal kills_left
        tries[ended.piece.ordinal] += 1
        victim = engine.crew[len(tries) % 2]
        if kills_left and victim.pid is not None and ended.piece.ordinal % 3 == 0:
            kills_left -= 1
            os.kill(victim.pid, signal.SIGKILL)
        if ended.failure is None:
            told.append(ended.told["n"])
            return None
        assert ended.failure == Failure("died", "SIGKILL")
        return ended.piece

    found = served(engine, pieces({"do": "nap", "n": n} for n in range(60)), ended)

    assert sorted(told) == list(range(60))
    assert sum(tries.values()) == len(found) == 60 + sum(n - 1 for n in tries.values())
    assert kills_left == 0


@pytest.mark.slow
def test_two_hundred_kills_at_any_moment_lose_nothing(site: Site) -> None:
    """Also while a process begins, and between two pieces."""
    engine = LocalEngine(site, 3, explorer=FAKE)
    moment = random.Random("workers")
    works = [{"do": "nap", "n": n} for n in range(3000)]
    told: Counter[int] = Counter()
    deaths = 0
    kills = 0

    async def kill() -> None:
        nonlocal kills
        while kills < 200:
            await trio.sleep(moment.choice((0.001, 0.02, 0.05, 0.2)))
            victim = moment.choice(engine.crew)
            if victim.loaded and victim.pid is not None:
                os.kill(victim.pid, signal.SIGKILL)
                kills += 1

    def ended(ended: Ended) -> Piece | None:
        nonlocal deaths
        if ended.failure is None:
            told[ended.told["n"]] += 1
            # the last ones wait for the end of the killing
            return ended.piece if kills < 200 and ended.piece.ordinal >= 2990 else None
        assert ended.failure == Failure("died", "SIGKILL")
        deaths += 1
        return ended.piece

    found = served(engine, pieces(works), ended, kill)

    assert kills == 200
    assert deaths >= 20
    assert all(told[n] == 1 for n in range(2990))
    assert len(found) == deaths + told.total()


def test_an_idle_worker_that_is_killed_costs_no_try(site: Site) -> None:
    async def main() -> tuple[Ended, Ended]:
        worker = Supervised(site, explorer=FAKE)
        try:
            first = await worker.explore(piece("echo"))
            assert worker.child is not None
            process = worker.child.process
            process.kill()
            await process.wait()
            return first, await worker.explore(piece("echo"))
        finally:
            await worker.aclose()

    first, second = trio.run(main)

    assert second.failure is None
    assert first.told["pid"] != second.told["pid"]


def test_a_piece_that_kills_its_process_does_so_at_each_try(site: Site) -> None:
    deaths: list[Failure | None] = []

    def ended(ended: Ended) -> Piece | None:
        if ended.piece.ordinal:
            return None
        deaths.append(ended.failure)
        return ended.piece if len(deaths) < DEATHS_MAX else None

    works = [{"do": "die", "signal": "SIGSEGV"}, *({"do": "nap", "n": n} for n in range(9))]
    found = served(LocalEngine(site, 2, explorer=FAKE), pieces(works), ended)

    assert deaths == [Failure("died", "SIGSEGV")] * DEATHS_MAX
    assert sum(ended.failure is None for ended in found) == 9


def test_how_a_process_died_is_told(site: Site) -> None:
    assert failed(site, piece("leave"), piece("die", signal="SIGABRT")) == [
        Failure("died", "exit status 3"),
        Failure("died", "SIGABRT"),
    ]


def test_what_a_process_started_dies_with_it(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE_S", 0.1)  # its pipe stays open

    lock = site.root / "lock"
    assert failed(site, piece("orphan", lock=str(lock))) == [Failure("died", "exit status 3")]

    wait_for(lock)


def test_a_piece_that_takes_too_long_is_ended(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "GRACE_S", 0.1)
    lock, begun = site.root / "lock", site.root / "begun"
    hang = piece("hang", lock=str(lock), begun=str(begun))

    async def main() -> tuple[Ended, Ended]:
        worker = Supervised(replace(site, limits=Limits(0.5, 4096)), explorer=FAKE)
        try:
            late = await worker.explore(hang)
            worker.site = site
            return late, await worker.explore(piece("echo"))
        finally:
            await worker.aclose()

    late, after = trio.run(main)

    assert late.failure == Failure("late", "took more than 0.5 s")
    assert after.failure is None
    wait_for(lock)


def test_what_is_said_at_the_last_moment_counts(site: Site) -> None:
    """The process is dead before anybody listens."""
    script = """import sys; sys.stdout.write("\\0" * 7 + "\\x10" + '{"told": "well"}')"""

    async def main() -> Value:
        process = await trio.lowlevel.open_process(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        await process.wait()
        pipe = workers.Child(process)
        try:
            return await pipe.ask({}, 120.0)
        finally:
            await pipe.end(patient=False)

    assert trio.run(main) == {"told": "well"}


@pytest.mark.parametrize("do", ["eat", "eat_and_hide"])
def test_a_piece_that_wants_too_much_memory_is_told_so(site: Site, do: str) -> None:
    small = replace(site, limits=Limits(120.0, 512))

    before, big, after = explored(small, piece("echo"), piece(do), piece("echo"))

    assert big.failure == Failure("memory", "wanted more than 512 MB")
    assert after.told["pid"] != before.told["pid"], "its heap is no longer used"


def test_the_memory_of_pieces_before_is_not_counted(site: Site) -> None:
    """Each wants 150 MB and keeps them: three of them do not have room in one process."""
    small = replace(site, limits=Limits(120.0, 512))

    found = explored(small, *[piece("hoard", mb=150)] * 5)

    assert [ended.failure for ended in found] == [None] * 5
    assert 1 < len({ended.told["pid"] for ended in found}) < 5


def test_an_exception_is_told_with_its_place(site: Site) -> None:
    line = EXPLORERS.split("\n").index('        raise ValueError("two\\n   lines")') + 1
    names = ["raise_value", "raise_model", "quit", "ours", "unsaid", "echo"]
    *errors, last = failed(site, *map(piece, names))

    assert last is None
    assert {error.kind for error in errors if error is not None} == {"error"}
    value, model, left, ours, unsaid = [error.text for error in errors if error is not None]
    assert value == f"ValueError: two lines (worker_explorers.py, line {line})"
    assert model.startswith("ModelError: no task is left (worker_explorers.py, line ")
    assert left.startswith("SystemExit: enough (worker_explorers.py, line ")
    assert ours.startswith("JSONDecodeError: Expecting property name")
    assert unsaid.startswith(
        "TypeError: Object of type object is not JSON serializable (encoder.py"
    )


def test_an_exception_leaves_the_process_in_service(site: Site) -> None:
    first, _, last = explored(site, piece("echo"), piece("raise_value"), piece("echo"))

    assert first.told["pid"] == last.told["pid"]


def test_what_a_model_prints_or_reads_harms_nothing(site: Site) -> None:
    chatter, echo = explored(site, piece("chatter"), piece("echo", n=1))

    assert chatter.told == {"read": ""}
    assert echo.told["n"] == 1


def test_a_model_that_finds_the_pipe_loses_its_process(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "GRACE_S", 0.1)

    scribble, echo = explored(site, piece("scribble"), piece("echo", n=1))

    assert scribble.failure == Failure("died", "what it said was no answer")
    assert echo.told["n"] == 1


def test_a_message_may_be_larger_than_a_pipe(site: Site) -> None:
    data = "ü" * 1_000_000

    (ended,) = explored(site, piece("big", data=data))

    assert ended.told == {"got": 1_000_000, "data": data}


def test_the_real_explorer_says_what_it_says_in_this_process(site: Site) -> None:
    explorer = pytest.importorskip("lockwright.campaign.explored").Explorer
    work = {"kind": "slice", "checkpoint": None, "until": 100, "seconds": None}
    given = Piece(0, 0, ITEM, work)

    (ended,) = served(LocalEngine(site, 1), [given])

    assert ended.failure is None
    assert ended.told == explorer(load_project(site.root)).explore(given)
    assert ended.told["result"]["complete"] is True


def test_a_process_goes_on_from_one_run_of_trio_to_the_next(site: Site) -> None:
    """As a thread has them that does something else in between."""
    kept = Supervised(site, who="mine", explorer=FAKE)
    try:
        found = [trio.run(kept.explore, piece("echo")) for _ in range(3)]
    finally:
        trio.run(kept.aclose)

    (pid,) = {ended.told["pid"] for ended in found}
    assert {ended.who for ended in found} == {"mine"}
    assert gone(pid)


def test_without_a_project_nothing_begins(site: Site) -> None:
    (site.root / "worker_cases.py").write_text("import no_such_thing\n", encoding="utf-8")
    said = r"cannot import worker_cases: ModuleNotFoundError: .*\(worker_cases.py, line 1\)"

    with pytest.raises(UsageError, match=said):
        served(LocalEngine(site, 2, explorer=FAKE), [piece("echo")])


def test_a_model_that_is_another_is_refused(site: Site) -> None:
    other = replace(site, version="0badc0de")

    with pytest.raises(UsageError, match=rf"expected: 0badc0de\ngot: {site.version}$"):
        served(LocalEngine(other, 1, explorer=FAKE), [piece("echo")])


def test_a_model_that_changes_meanwhile_is_refused(site: Site) -> None:
    def ended(ended: Ended) -> Piece | None:
        with (site.root / "worker_cases.py").open("a", encoding="utf-8") as file:
            file.write("# changed\n")
        return ended.piece if ended.failure else None

    with pytest.raises(UsageError, match="the model is not the one"):
        served(LocalEngine(site, 1, explorer=FAKE), [piece("leave")], ended)


def test_a_project_that_ends_its_process_is_refused_with_its_last_words(site: Site) -> None:
    cases = 'import os\nprint("cannot go on", flush=True)\nos._exit(7)\n'
    (site.root / "worker_cases.py").write_text(cases, encoding="utf-8")

    with pytest.raises(UsageError, match="could not load the project: exit status 7: cannot go on"):
        served(LocalEngine(site, 1, explorer=FAKE), [piece("echo")])


def test_a_project_may_say_a_lot_while_it_is_loaded(site: Site) -> None:
    noise = 'import sys\nfor _ in range(100_000): print("noise", file=sys.stderr)\n'
    (site.root / "worker_cases.py").write_text(noise + CASES, encoding="utf-8")
    version = version_of(site.root, ["worker_cases", "model", "invariants"])

    (ended,) = explored(replace(site, version=version), piece("echo"))

    assert ended.failure is None


def test_a_project_that_is_killed_each_time_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STARTS_MAX", 3)
    cases = (
        "import os, signal\n"
        'with open("starts", "a") as file: file.write(".")\n'
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (site.root / "worker_cases.py").write_text(cases, encoding="utf-8")

    with pytest.raises(UsageError, match="3 processes died as they loaded the project: SIGKILL"):
        served(LocalEngine(site, 1, explorer=FAKE), [piece("echo")])

    assert (site.root / "starts").read_text(encoding="utf-8") == "..."


def test_processes_that_are_killed_later_as_they_begin_are_more(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one loads the project, and each other is killed while it does so."""
    monkeypatch.setattr(workers, "STARTS_MAX", 1)
    monkeypatch.setattr(workers, "STARTS_AGAIN_MAX", 3)
    cases = CASES + (
        "import os, signal\n"
        'with open("starts", "a") as file: file.write(".")\n'
        'if os.path.getsize("starts") > 1:\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (site.root / "worker_cases.py").write_text(cases, encoding="utf-8")
    version = version_of(site.root, ["worker_cases", "model", "invariants"])

    with pytest.raises(UsageError, match="3 processes died as they loaded the project: SIGKILL"):
        served(
            LocalEngine(replace(site, version=version), 1, explorer=FAKE),
            [piece("leave")],
            lambda ended: ended.piece,
        )

    assert (site.root / "starts").read_text(encoding="utf-8") == "...."


def test_a_process_that_is_killed_as_it_begins_is_replaced(site: Site) -> None:
    cases = CASES + (
        "import os, signal\n"
        "from pathlib import Path\n"
        'if not Path("killed").exists():\n'
        '    Path("killed").touch()\n'
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    (site.root / "worker_cases.py").write_text(cases, encoding="utf-8")
    version = version_of(site.root, ["worker_cases", "model", "invariants"])

    engine = LocalEngine(replace(site, version=version), 1, explorer=FAKE)
    (ended,) = served(engine, [piece("echo")])

    assert ended.failure is None
    assert (site.root / "killed").exists()


def test_a_project_that_takes_for_ever_to_load_is_refused(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "START_S", 0.3)
    monkeypatch.setattr(workers, "GRACE_S", 0.1)
    (site.root / "worker_cases.py").write_text("while True: pass\n", encoding="utf-8")

    with pytest.raises(UsageError, match=r"could not load the project: not after 0\.3 s"):
        served(LocalEngine(site, 1, explorer=FAKE), [piece("echo")])


def test_a_directory_that_is_not_there_is_refused(site: Site) -> None:
    nowhere = replace(site, root=site.root / "nowhere")

    with pytest.raises(UsageError, match=r"cannot start a worker process: No such file.*nowhere"):
        served(LocalEngine(nowhere, 1, explorer=FAKE), [piece("echo")])


def test_an_explorer_that_cannot_be_made_is_refused(site: Site) -> None:
    with pytest.raises(UsageError, match="RuntimeError: no explorer today"):
        served(LocalEngine(site, 1, explorer="worker_explorers:broken"), [piece("echo")])


def test_less_memory_than_a_process_begins_with_is_refused(site: Site) -> None:
    small = replace(site, limits=Limits(120.0, 16))

    with pytest.raises(UsageError, match="16 MB of memory for a piece are too few"):
        served(LocalEngine(small, 1, explorer=FAKE), [piece("echo")])


def test_a_crew_of_nobody_is_refused(site: Site) -> None:
    with pytest.raises(UsageError, match="0 workers: expected 1 or more"):
        LocalEngine(site, 0)


def test_no_process_is_left_when_it_is_cancelled(site: Site) -> None:
    files = [(site.root / f"lock{n}", site.root / f"begun{n}") for n in range(2)]
    given = pieces({"do": "hang", "lock": str(a), "begun": str(b)} for a, b in files)
    pids: list[int] = []

    async def main() -> None:
        todo_in, todo = trio.open_memory_channel[Piece](2)
        done, _ = trio.open_memory_channel[Ended](0)
        for each in given:
            todo_in.send_nowait(each)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(LocalEngine(site, 2, explorer=FAKE).serve, todo, done)
            for _, begun in files:
                await trio.to_thread.run_sync(is_there, begun)
                pids.append(int(begun.read_text(encoding="ascii")))
            nursery.cancel_scope.cancel()

    trio.run(main)

    assert len(set(pids)) == 2
    assert all(gone(pid) for pid in pids), "dead, and waited for"


CAMPAIGN = """
import sys
from pathlib import Path
import trio
from lockwright.campaign.engine import Site
from lockwright.campaign.item import Item
from lockwright.campaign.piece import Piece
from lockwright.campaign.plan import Limits
from lockwright.campaign.workers import LocalEngine
from lockwright.options import Options

root, version, do, limits = Path(sys.argv[1]), sys.argv[2], sys.argv[3], Limits(float(sys.argv[4]))


async def main():
    todo_in, todo = trio.open_memory_channel(2)
    done, _ = trio.open_memory_channel(0)
    for n in range(2):
        work = {"do": do, "lock": str(root / f"lock{n}"), "begun": str(root / f"begun{n}")}
        todo_in.send_nowait(Piece(0, n, Item(0, "test/worker:two", (), Options()), work))
    site = Site(root, version, limits)
    await LocalEngine(site, 2, explorer="worker_explorers:Fake").serve(todo, done)


trio.run(main)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_the_campaign_however_it_ends(site: Site, how: signal.Signals) -> None:
    """They are in the middle of a piece, and never come to its end."""
    end_campaign(site, how, "hang", 120.0)

    for n in range(2):
        wait_for(site.root / f"lock{n}")


@pytest.mark.slow
def test_a_worker_that_cannot_see_the_end_of_the_campaign_ends_later(site: Site) -> None:
    """When its piece has taken longer than it may."""
    (site.root / "orphan_s").write_text("0.1", encoding="ascii")
    end_campaign(site, signal.SIGKILL, "hold", 3.0)

    for n in range(2):
        wait_for(site.root / f"lock{n}")


def end_campaign(site: Site, how: signal.Signals, do: str, seconds: float) -> None:
    """A campaign is ended when both its workers are doing so; each has a lock."""
    command = [sys.executable, "-c", CAMPAIGN, str(site.root), site.version, do, str(seconds)]
    with subprocess.Popen(command) as campaign:
        for n in range(2):
            is_there(site.root / f"begun{n}")
        campaign.send_signal(how)
        assert campaign.wait() == -how


def test_a_worker_is_in_a_session_of_its_own(site: Site) -> None:
    """Ctrl-C on the terminal is sent to the processes of one group."""

    async def main() -> tuple[int, int, int]:
        worker = Supervised(site, explorer=FAKE)
        try:
            await worker.start()
            pid = worker.pid
            assert pid is not None
            return pid, os.getsid(pid), os.getpgid(pid)
        finally:
            await worker.aclose()

    pid, session, group = trio.run(main)

    assert (session, group) == (pid, pid)
