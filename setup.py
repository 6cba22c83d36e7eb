"""The optional compiled build: with LOCKWRIGHT_COMPILE=1, mypyc compiles the hot modules.

The same typed source serves both builds, and what mypyc compiles behaves as the interpreter does:
everything else of the build stands in pyproject.toml, and a wheel without a compiler is pure
Python.  In the compiled wheel each of these modules is there twice, and Python takes the compiled
one.
"""

import os
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

try:
    from mypyc.build import mypycify
except ImportError:  # it is asked for below, and there when the build comes to compile
    mypycify = None

MYPY = "mypy~=2.4.1"
SOURCE = Path("src/lockwright")
MODULES = (
    "core/location.py",
    "core/operation.py",
    "core/schedule.py",
    "core/task.py",
    "core/world.py",
    "explore/clocks.py",
    "explore/dpor.py",
    "explore/path.py",
    "explore/run.py",
    "explore/sections.py",
    "explore/wakeup.py",
    "kernel/lockuse.py",
    "kernel/mutex.py",
    "kernel/variable.py",
    "program/machine.py",
)


class WithoutCompiler(build_ext):
    """Says what is missing, where a compiled build was asked for."""

    def run(self) -> None:
        raise SystemExit(f"LOCKWRIGHT_COMPILE=1 needs {MYPY}, which is not installed here")


def compiled() -> dict[str, object]:
    """What setup() has to know of the compiled modules."""
    if mypycify is None:
        missing = [Extension("lockwright.compiled", [])]
        return {
            "setup_requires": [MYPY],
            "ext_modules": missing,
            "cmdclass": {"build_ext": WithoutCompiler},
        }
    # which remarks are needless depends on what else is checked with these modules
    options = ["--config-file=pyproject.toml", "--no-warn-unused-ignores"]
    options += [str(SOURCE / module) for module in MODULES]
    return {"ext_modules": mypycify(options, opt_level="3", group_name="lockwright")}


setup(**(compiled() if os.environ.get("LOCKWRIGHT_COMPILE") == "1" else {}))
