"""`lockwright campaign run` and `resume`: one session of a campaign, from plan to answers."""

from __future__ import annotations

import shlex
import sys
from collections import Counter
from contextlib import redirect_stdout
from pathlib import Path

import click

from lockwright.campaign import conduct
from lockwright.campaign.conduct import INTERRUPTED, SECONDS
from lockwright.campaign.engine import Engine, Site
from lockwright.campaign.expand import items_of
from lockwright.campaign.generations import EXECUTIONS, FINDINGS
from lockwright.campaign.plan import Plan
from lockwright.campaign.planfile import read_plan
from lockwright.campaign.store import Store
from lockwright.campaign.workers import LocalEngine
from lockwright.commands.campaign import DASK, How
from lockwright.commands.campaign_plan import items_json, items_text
from lockwright.commands.campaign_reading import open_store, say_answers
from lockwright.commands.campaign_tally import Ends, Tally
from lockwright.commands.campaign_view import watching
from lockwright.commands.output import Output
from lockwright.core.errors import UsageError
from lockwright.project import Project, load_project
from lockwright.report.campaign import many

STATUS_INTERRUPTED = 130
SUFFIX = ".campaign"
PLAN_SUFFIXES = (".toml", ".plan")
BESIDE = ("", "-wal", "-shm", ".lock")
"""What belongs to a store, by the ends of the files' names."""


def begin(plan_file: str, store_file: str | None, how: How) -> int:
    """Begin a campaign and run its first session; returns the exit status."""
    path = store_path(plan_file, store_file)
    out = Output(how.output, plan_file, path)
    with redirect_stdout(sys.stderr):
        plan = plan_of(plan_file)
        project = load_project(Path.cwd())
        items = items_of(plan, project)
        site = Site(Path.cwd(), project.version, plan.limits)
        engine = engine_of(how, site)
        store = conduct.begin(path, plan, items, project)
        try:
            return _session(store, plan, project, engine, how=how, out=out)
        except UsageError:
            _discard(store)  # the same command can be given again
            raise
        finally:
            store.close()


def resume(store_file: str, how: How) -> int:
    """Run another session of a campaign; returns the exit status."""
    out = Output(how.output, store_file)
    with redirect_stdout(sys.stderr):
        store = open_store(store_file, write=True)
        try:
            plan = read_plan(store.head.plan, store_file)
            project = load_project(Path.cwd())
            site = Site(Path.cwd(), project.version, plan.limits)
            engine = engine_of(how, site)
            return _session(store, plan, project, engine, how=how, out=out)
        finally:
            store.close()


def say_items(plan_file: str, *, fmt: str, output: str | None) -> int:
    """Print the items of a plan, and explore nothing."""
    out = Output(output, plan_file)
    with redirect_stdout(sys.stderr):
        plan = plan_of(plan_file)
        items = items_of(plan, load_project(Path.cwd()))
    if fmt == "json":
        out.json(items_json(plan, items))
    else:
        out.say(items_text(plan, items, out.width))
    out.close()
    return 0


def plan_of(name: str) -> Plan:
    """The plan in a file.  Raises UsageError that names the file."""
    try:
        text = Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"cannot read the plan {name}: {said}") from None
    return read_plan(text, name)


def store_path(plan_file: str, store_file: str | None) -> Path:
    """Where a new campaign's store is.  Raises UsageError if there is something."""
    if store_file == "":
        raise UsageError("cannot write the store: the name of the file is empty")
    stem = Path(plan_file).name
    for suffix in PLAN_SUFFIXES:
        stem = stem.removesuffix(suffix) or stem
    path = Path(f"{stem}{SUFFIX}" if store_file is None else store_file)
    if path.exists() or path.is_symlink():
        raise UsageError(
            f"{path} is there already: go on with `{resuming(path)}`, "
            "or name another one with --store"
        )
    return path


def resuming(path: Path) -> str:
    """The command that goes on with a campaign."""
    return f"lockwright campaign resume {shlex.quote(str(path))}"


def engine_of(how: How, site: Site) -> Engine:
    """Who explores.  Raises UsageError if that is not installed."""
    if how.engine == DASK:
        from lockwright.campaign.dask_engine import DaskEngine  # noqa: PLC0415  # is optional

        return DaskEngine(site, how.scheduler, how.jobs)
    return LocalEngine(site, how.jobs)


def _session(
    store: Store,
    plan: Plan,
    project: Project,
    engine: Engine,
    *,
    how: How,
    out: Output,
) -> int:
    found = store.findings()
    seen = Counter(name for each in found for name in each.items)
    ends = Ends(plan.stop, store.seconds, how.seconds)
    tally = Tally(ends, found=len(found), seen=dict(seen), generation=store.generation)
    tally.recall(store.told())
    with watching(tally, quiet=how.quiet) as watcher:
        reason = conduct.run(store, plan, project, engine, watcher, seconds=how.seconds)
    if said := ending(reason, plan, store, how.seconds):
        click.echo(f"lockwright: {said}", err=True)
    status = say_answers(out, store, fmt=how.fmt, quiet=how.quiet)
    return STATUS_INTERRUPTED if reason == INTERRUPTED else status


def ending(reason: str, plan: Plan, store: Store, seconds: float | None) -> str:
    """Why a session ended before all was explored, and how to go on; empty if all was."""
    stop, on = plan.stop, f"go on with `{resuming(store.path)}`"
    if reason == INTERRUPTED:
        return f"interrupted; what was explored is kept: {on}"
    if reason == EXECUTIONS and stop.executions is not None:
        return f"stopped after {many(stop.executions, 'execution')}, as the plan says"
    if reason == FINDINGS and stop.findings is not None:
        found = many(len(store.findings()), "finding")
        return f"stopped with {found}: the plan says to stop at {stop.findings:,}"
    if reason != SECONDS:
        return ""
    if stop.seconds is not None and store.seconds >= stop.seconds:
        return f"stopped after {stop.seconds:g} s in all, as the plan says"
    return f"stopped after {seconds or 0:g} s; {on}"


def _discard(store: Store) -> None:
    """Remove a store that was made just now, if nothing has come into it."""
    if store.generation or store.ended() or store.deaths():
        return
    store.close()
    for end in BESIDE:
        Path(f"{store.path}{end}").unlink(missing_ok=True)
