"""What logs, terminals and mailers do to the kernel's lines: each a function of a text."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

Dress: TypeAlias = Callable[[str], str]

QP = "=3D"


def each(wrap: Callable[[int, str], str]) -> Dress:
    """Every line with what `wrap` makes of its number and text."""

    def dress(text: str) -> str:
        lines = text.removesuffix("\n").split("\n")
        return "\n".join(wrap(number, line) for number, line in enumerate(lines)) + "\n"

    return dress


def stamp(number: int) -> str:
    return f"[{1234 + number // 9:5}.{number * 1013 % 1000000:06}]"


def padded(text: str) -> str:
    """As dmesg shows a printk() that begins with a new line: "[stamp] " and an indented line."""
    lines = text.removesuffix("\n").split("\n")
    out: list[str] = []
    number = 0
    while number < len(lines):
        head = f"{stamp(number)} "
        if not lines[number] and number + 1 < len(lines) and lines[number + 1]:
            out += [head, " " * len(head) + lines[number + 1]]
            number += 2
        else:
            out.append(head + lines[number])
            number += 1
    return "\n".join(out) + "\n"


def rsyslog(text: str) -> str:
    """An empty line and the next one are one message: rsyslog writes the line's end as #012."""
    lines = re.sub(r"\n\n(?=[^\n])", "\n#012", text).removesuffix("\n").split("\n")
    return each(lambda n, line: f"Dec 14 06:35:48 host kernel: {stamp(n)} {line}")(
        "\n".join(lines) + "\n"
    )


def wrapped(width: int, quote: str = "") -> Dress:
    """A mailer breaks lines at the last blank before `width`; the rest begins at the margin."""

    def dress(text: str) -> str:
        out: list[str] = []
        for line in text.removesuffix("\n").split("\n"):
            rest = line
            while len(rest) > width and " " in rest[len(rest) - len(rest.lstrip()) + 1 : width]:
                at = rest.rindex(" ", 0, width)
                if not rest[:at].strip():
                    break
                out.append(quote + rest[:at])
                rest = rest[at + 1 :]
            out.append(quote + rest)
        return "\n".join(out) + "\n"

    return dress


def quoted_printable(text: str) -> str:
    """Transfer encoding of mail: = as =3D, blanks at the end as =20, soft breaks at 76."""
    out: list[str] = []
    for raw in text.removesuffix("\n").split("\n"):
        line = re.sub(r" $", "=20", raw.replace("=", QP))
        while len(line) > 76:
            at = 75 - next(k for k in range(3) if "=" not in line[75 - k - 2 : 75 - k])
            out.append(line[:at] + "=")
            line = line[at:]
        out.append(line)
    return "\n".join(out) + "\n"


def html(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


DRESSES: dict[str, Dress] = {
    "bare": lambda text: text,
    "stamps": each(lambda n, line: f"{stamp(n)} {line}"),
    "callers": each(lambda n, line: f"{stamp(n)}[  T109] {line}"),
    "callers with a blank": each(lambda n, line: f"{stamp(n)} [   C1] {line}"),
    "callers without stamps": each(lambda n, line: f"[ T1234] {line}"),
    "levels": each(lambda n, line: f"<4>{stamp(n)}[  T109] {line}"),
    "syslog": each(lambda n, line: f"Dec 14 06:35:48.5 host kernel: {line}"),
    "syslog and stamps": each(lambda n, line: f"Dec  4 06:35:48 my-host kernel: {stamp(n)} {line}"),
    "journal with zone": each(lambda n, line: f"2023-04-05T06:07:08.123456+02:00 h kernel: {line}"),
    "continuous integration": each(lambda n, line: f"2023-04-05T06:07:08.1Z {stamp(n)} {line}"),
    "dmesg -T": each(lambda n, line: f"[Fri Dec 14 06:35:48 2018] {line}"),
    "dmesg -x": each(lambda n, line: f"kern  :warn  : {stamp(n)} {line}"),
    "dmesg --time-format=iso": each(lambda n, line: f"2023-04-05T06:07:08,123456+00:00 {line}"),
    "dev/kmsg": each(lambda n, line: f"4,{n},{n * 100},-,caller=T109;{line}"),
    "kernel:": each(lambda n, line: f"{stamp(n)} kernel: {line}"),
    "padded": padded,
    "rsyslog": rsyslog,
    "carriage returns": lambda text: text.replace("\n", "\r\n"),
    "two carriage returns": lambda text: text.replace("\n", "\r\r\n"),
    "literal ^M": lambda text: text.replace("\n", "^M\n"),
    "quoted": each(lambda n, line: f"> {line}"),
    "quoted, no blank when empty": each(lambda n, line: f"> {line}" if line else ">"),
    "quoted twice": each(lambda n, line: f">> {line}"),
    "quoted twice, apart": each(lambda n, line: f"> > {line}"),
    "quoted in mixture": each(lambda n, line: f"> | >> {line}"),
    "quoted with bars": each(lambda n, line: f"| {line}"),
    "quoted stamps": each(lambda n, line: f"> > {stamp(n)} {line}"),
    "indented": each(lambda n, line: f"    {line}" if line else line),
    "quoted and indented": each(lambda n, line: f">>      {line}"),
    "blanks at the end": each(lambda n, line: f"{line}      "),
    "tabs": lambda text: text.replace("        ", "\t"),
    "hard blanks": lambda text: re.sub(
        r"^ +", lambda m: "\u00a0" * len(m[0]), text, flags=re.MULTILINE
    ),
    "colours": each(lambda n, line: f"\x1b[32m{stamp(n)} \x1b[0m\x1b[1m{line}\x1b[0m"),
    "html": html,
    "quoted-printable": quoted_printable,
    "wrapped at 76": wrapped(76),
    "wrapped at 72": wrapped(72),
    "wrapped stamps": lambda text: wrapped(76)(DRESSES["stamps"](text)),
    "wrapped quotes": wrapped(70, "> "),
    "quoted after wrapping": lambda text: DRESSES["quoted"](wrapped(76)(text)),
    "wrapped after quoting": lambda text: wrapped(76)(DRESSES["quoted"](text)),
}
