"""`python -m lockwright.testing.trio TOKEN`: one execution of a trio program again."""

from __future__ import annotations

import sys

from lockwright.core.errors import LockwrightError, UsageError
from lockwright.testing.trio.checking import replay
from lockwright.testing.trio.naming import function_named
from lockwright.testing.trio.reporting import report
from lockwright.token import parse_token

USAGE = "usage: python -m lockwright.testing.trio [--force] TOKEN"
HELP = """\
Run the trio program of a token once, along its schedule, and show what it finds.  The program's
module has to be importable from here.  --force: try it although the source has changed.

Exit status: 1 if something is found, 0 if not, 2 if the token does not fit."""


def main(words: list[str]) -> int:
    """Exit status: 1 if something is found, 0 if not, 2 if the token does not fit."""
    tokens = [word for word in words if word != "--force"]
    if "--help" in words or "-h" in words:
        sys.stdout.write(f"{USAGE}\n\n{HELP}\n")
        return 0
    try:
        if len(tokens) != 1 or tokens[0].startswith("-"):
            raise UsageError(USAGE)
        program = function_named(parse_token(tokens[0]).scenario)
        result = replay(program, tokens[0], force="--force" in words)
    except LockwrightError as error:
        sys.stderr.write(f"lockwright: {error}\n")
        return error.exit_status
    if not result.findings:
        sys.stdout.write(f"{result.scenario}: nothing is found in this execution\n")
        return 0
    sys.stdout.write(f"{report(result)}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
