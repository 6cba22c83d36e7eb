"""From what a file holds to plain text: encodings, mail transfer, HTML.

Each step is done only where the text itself shows that it is needed.
"""

from __future__ import annotations

import codecs
import re

ENTITIES = {
    "gt": ">",
    "lt": "<",
    "amp": "&",
    "quot": '"',
    "apos": "'",
    "nbsp": " ",
    "#39": "'",
    "#34": '"',
    "#62": ">",
    "#60": "<",
    "#38": "&",
    "#160": " ",
    "#x27": "'",
    "#43": "+",
}
ENTITY = re.compile(r"&(#?[0-9a-zA-Z]{2,5});")
QUOTED_RUN = re.compile(r"(?:=[0-9A-F]{2})+")
QUOTED_PRINTABLE = re.compile(
    r"=3D=3D=3D|=20\r?\n|=C2=A0|=3D[0-9]|^[^\n]{70,74}[^=\n]=\r?$", re.MULTILINE
)
RULER_QUOTED = re.compile(r"={6,}\r?(?:\n|$)")
INNER_STAMP = re.compile(r"(?<=\S) ?(?=\[ {1,6}\d{1,6}\.\d{6}\][ \[]|\[\d{5,6}\.\d{6}\] )")
GLUED_RULER = re.compile(r"(={26,60})(?=(?:\[ )?(?:WARNING|INFO|BUG): )")
TERMINAL_WRAP = re.compile(r"(?<=\S) {80,}(?=\S)")
UNCLEAN = re.compile(
    r"[\r\t\x1b\xa0&]|\^M|#01|=3D|={26}[WIB\[]| {80}|\S ?\[ {1,6}\d{1,6}\.\d{6}\]"
    r"|\S ?\[\d{5,6}\.\d{6}\] "
)
PREFIX_END = frozenset(">;|)")
ANSI = re.compile(r"\x1b\[[0-9;?]{0,16}[A-Za-z]")
MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """The text of a file: UTF-8 unless a byte order mark says UTF-16; bad bytes are replaced."""
    for mark, encoding in MARKS:
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace")
    return data.decode("utf-8", errors="replace")


def plain(text: str) -> list[tuple[int, str]]:
    """The lines of a text with their numbers from 1, transfer encodings undone.

    A soft line break of quoted-printable mail joins lines: the first one's number stays.  A line
    that syslog made of several is several again, with one number.
    """
    text = text.removeprefix("\ufeff")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    lines = list(enumerate(text.split("\n"), 1))
    if lines and not lines[-1][1]:
        lines.pop()
    if QUOTED_PRINTABLE.search(text) and not RULER_QUOTED.search(text):
        lines = unquoted_printable(lines)
    if not UNCLEAN.search(text):
        return lines
    return [(number, piece) for number, raw in lines for piece in cleaned(raw).split("\r")]


def cleaned(raw: str) -> str:
    """One line without its end, terminal colours, entities and hard blanks.

    A carriage return inside, and syslog's #012, stay as carriage returns: they are lines' ends.
    """
    line = raw.rstrip("\r")
    while line.endswith("^M"):
        line = line[:-2].rstrip("\r")
    if "\x1b" in line:
        line = ANSI.sub("", line)
    if "&" in line and ";" in line:
        line = ENTITY.sub(lambda match: ENTITIES.get(match[1], match[0]), line)
    if "#01" in line:
        line = line.replace("#011", "\t").replace("#012", "\r")
    if " " * 80 in line:
        line = TERMINAL_WRAP.sub("", line)
    if "==" in line:
        line = GLUED_RULER.sub(_ruler, line)
    if "] " in line:
        line = INNER_STAMP.sub(_broken, line)
    return line.replace("\xa0", " ").expandtabs(8)


def _broken(match: re.Match[str]) -> str:
    """A line's end before a stamp inside: a mailer filled the lines, or two tasks printed."""
    whole, at = match.string, match.start()
    syslog = whole[at - 1] == ":" and "kern" in whole[:at]
    if syslog or whole[at - 1] in PREFIX_END:
        return match[0]
    return f"\r{_quoting(whole)}"


def _ruler(match: re.Match[str]) -> str:
    """A ruler whose line's end was lost."""
    return f"{match[0]}\r{_quoting(match.string)}"


def _quoting(line: str) -> str:
    """The marks of mail quoting that a line begins with: its second half is as deep."""
    return line[: len(line) - len(line.lstrip(" >"))].rstrip(" ") + " " if ">" in line[:8] else ""


def unquoted_printable(lines: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """The lines with =XX decoded and soft breaks joined."""
    joined: list[tuple[int, list[str]]] = []
    soft = False
    for number, raw in lines:
        line = raw.rstrip("\r")
        more = line.endswith("=")
        piece = line[:-1] if more else line
        if soft:
            joined[-1][1].append(piece)
        else:
            joined.append((number, [piece]))
        soft = more
    return [(number, QUOTED_RUN.sub(_bytes, "".join(pieces))) for number, pieces in joined]


def _bytes(match: re.Match[str]) -> str:
    data = bytes.fromhex(match[0].replace("=", ""))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:  # of a mail in an older character set, as most hard blanks are
        return data.decode("latin-1")
