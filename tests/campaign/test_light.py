"""What a campaign needs is loaded by campaigns alone."""

from __future__ import annotations

import subprocess
import sys

HEAVY = ("dask", "distributed", "filelock", "hypothesis", "pyarrow", "pydantic", "sqlite3", "trio")


def test_the_command_line_and_the_plugin_load_nothing_of_it() -> None:
    program = (
        "import lockwright.cli, lockwright.pytest_plugin, sys\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
