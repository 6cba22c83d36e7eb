"""What a text shows of a command, and whether that is what the command says.

`...` stands for any text within a line, and alone for any number of lines.  What a command says on
standard error is looked at where the text shows it: lines that begin with `lockwright: `.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BLOCK = re.compile(r"^```(?P<language>\w*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
TIMEOUT_S = 100
DROPPED = ("NO_COLOR", "FORCE_COLOR", "COLUMNS")


@dataclass(frozen=True)
class Shown:
    """A command, and what the text says that it prints."""

    command: str
    said: str


def shown_in(body: str) -> Iterator[Shown]:
    """The commands of a block that begins with one."""
    for part in body.removeprefix("$ ").split("\n$ "):
        command, _, said = part.partition("\n")
        yield Shown(command, said.rstrip("\n"))


def run(command: str, where: Path) -> tuple[list[str], list[str]]:
    """The lines that a command prints: on standard output, and our own remarks."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=where,
        env={**{key: os.environ[key] for key in os.environ if key not in DROPPED}, "PATH": path},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert "Traceback" not in done.stderr, done.stderr
    remarks = done.stderr.removeprefix("lockwright: ").split("\nlockwright: ")
    return done.stdout.splitlines(), [f"lockwright: {' '.join(said.split())}" for said in remarks]


def says(lines: list[str], said: str) -> bool:
    """Are these the lines, apart from what `...` stands for?"""
    pattern = "".join(
        r"(?:[^\n]*\n)*?"
        if line.strip() == "..."
        else re.escape(line).replace(r"\.\.\.", "[^\n]*") + r"\n"
        for line in said.splitlines()
    )
    return re.fullmatch(pattern, "".join(f"{line}\n" for line in lines)) is not None


def check(example: Shown, where: Path) -> str:
    """Run it and compare; gives all that it printed."""
    lines, remarks = run(example.command, where)
    wanted = example.said
    while wanted.startswith("lockwright: "):
        remark, _, wanted = wanted.partition("\n")
        pattern = re.escape(remark).replace(r"\.\.\.", ".*") + r"( step \d.*)?"
        assert any(re.fullmatch(pattern, each) for each in remarks), (remark, remarks)
    if wanted or not example.said:
        got = "\n".join(lines)
        assert says(lines, wanted), f"$ {example.command}\nexpected:\n{wanted}\ngot:\n{got}"
    return "\n".join(lines)


def follow(page: Path, where: Path, most: int) -> int:
    """Do what the page says, up to so many commands; returns how many there were."""
    commands = 0
    for match in BLOCK.finditer(page.read_text(encoding="utf-8")):
        language, body = match["language"], match["body"]
        if language == "toml":
            name = body.partition("\n")[0].removeprefix("# ")
            (where / name).write_text(body, encoding="utf-8")
        for example in shown_in(body) if language == "console" else ():
            commands += 1
            if example.command.startswith("cd "):
                where /= example.command.removeprefix("cd ")
            elif commands <= most:
                check(example, where)
    return commands
