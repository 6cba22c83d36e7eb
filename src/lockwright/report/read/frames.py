"""Frames of call chains, in every form that kernels and symbolisers print.

fn+0x10/0x20                        [<ffffffff81234567>] ? fn+0x10/0x20 [module]
fn dir/file.h:12 [inline]           fn (dir/file.c:12 dir/other.h:3)
fn from caller+0x10/0x14            [<c0112710>] (fn) from [<c010e1f4>] (caller+0x10/0x14)
0xffffffffc0273000                  fn+0x24/0x38 (C)
"""

from __future__ import annotations

import re
from dataclasses import replace

from lockwright.report.read.parsed import ParsedFrame

ADDRESS = re.compile(r"\(?\[<?([0-9a-fA-Fx]{4,18}|\(ptrval\)|_*ptrval_*)>?\] ?")
PLACE = re.compile(
    r"\(?([^\s()\[\]{}<>,][^\s()\[\]{},]{0,511})\+0x([0-9a-f]{1,16})/0x([0-9a-f]{1,16})\)?"
)
WORD = re.compile(r"([A-Za-z_.$][\w.$:@-]{0,511})\)?")
BARE = re.compile(r"(0x[0-9a-f]{1,16})\)?")
ADDRESS_STARTS = ("[", "(")
MODULE = re.compile(r"\[([A-Za-z_]\w{0,63}(?: [0-9a-f]{8,40})?)\]")
FILE = re.compile(r"(?:\./)?[\w.][\w./+-]{0,250}\.(?:c|h|S|rs|cc|cpp|s|inc):-?\d{1,7}|\?\?:[?0]")
FILES = re.compile(
    r"\(((?:\./)?[\w.?][^()\s]{0,250}:[\d?-]{1,7}[^()]{0,3000}(?:\([^()]{0,60}\)[^()]{0,300}){0,20})\)"
)
MARK = re.compile(r"\([A-Z]{1,4}\)|\(unreliable\)|\(discriminator \d{1,5}\)")
INLINE = "[inline]"


def parse_frame(text: str) -> ParsedFrame | None:
    """The frame that a text is, whole; None if it is none."""
    found = scan_frame(text)
    if found is None:
        return None
    frame, rest = found
    return frame if not rest else None


def scan_frame(text: str) -> tuple[ParsedFrame, str] | None:
    """The frame at the beginning of a text, and what stands after it."""
    found = _scan_one(text)
    if found is None:
        return None
    frame, rest = found
    if not rest.startswith("from "):
        return found if frame.address or _known(frame) or not rest else None
    origin = _scan_one(rest[5:])
    if origin is None or origin[1].startswith("from "):
        return None
    return replace(frame, origin=origin[0]), origin[1]


def _scan_one(text: str) -> tuple[ParsedFrame, str] | None:
    """A frame without the caller that an ARM one names."""
    rest = text.strip()
    address, rest = _address(rest)
    unsure = rest.startswith("? ")
    if unsure:
        rest = rest[2:].lstrip()
    second, rest = _address(rest)
    address = second or address
    if rest.startswith("(null)"):
        return ParsedFrame("(null)", address=address, unsure=unsure), rest[6:].lstrip()
    parens = rest.startswith("(")
    if parens:
        inside, closed, after = rest[1:].partition(")")
        inner = _named(inside) if closed else None
        if inner is None or inner[1]:
            return None
        found = inner[0], after.lstrip()
    else:
        plain = _named(rest)
        if plain is None:
            return None
        found = plain
    frame, rest = found
    if address is None and not _known(frame) and frame.function.endswith((":", ".")):
        return None
    if address is None and not unsure and not parens:
        return found
    return replace(frame, address=address, unsure=unsure, parens=parens or frame.parens), rest


def _named(text: str) -> tuple[ParsedFrame, str] | None:
    """A function with its offset, module, file and marks."""
    found = _place(text)
    if found is None or found[0] == "from":
        return None
    function, offset, size, rest = found
    extra, rest = _attributes(rest)
    frame = ParsedFrame(
        function,
        offset,
        size,
        module=extra.get("module"),
        file=extra.get("file"),
        inlined="inlined" in extra,
        parens="parens" in extra,
        mark=extra.get("mark"),
    )
    return frame, rest


def _address(text: str) -> tuple[str | None, str]:
    match = ADDRESS.match(text) if text[:1] in ADDRESS_STARTS else None
    return (match[1], text[match.end() :].lstrip()) if match else (None, text)


def _place(text: str) -> tuple[str, int | None, int | None, str] | None:
    match = PLACE.match(text)
    if match is not None:
        return match[1], int(match[2], 16), int(match[3], 16), text[match.end() :].lstrip()
    match = BARE.match(text) or WORD.match(text)
    if match is None or (match.end() < len(text) and text[match.end()] != " "):
        return None
    return match[1], None, None, text[match.end() :].lstrip()


def _known(frame: ParsedFrame) -> bool:
    """More than a word: a word alone is a frame only if nothing but a caller follows."""
    return frame.offset is not None or frame.file is not None or frame.function.startswith("0x")


def _attributes(rest: str) -> tuple[dict[str, str], str]:
    """Module, file, [inline] and marks, in whatever order they stand."""
    found: dict[str, str] = {}
    while rest:
        if rest.startswith(INLINE):
            found["inlined"], rest = INLINE, rest[len(INLINE) :].lstrip()
            continue
        for name, pattern in (("module", MODULE), ("mark", MARK), ("file", FILES), ("file", FILE)):
            match = pattern.match(rest)
            if match is not None and name not in found:
                found[name] = match[1] if match.re.groups else match[0]
                if pattern is FILES:
                    found["parens"] = match[0]
                rest = rest[match.end() :].lstrip()
                break
        else:
            break
    return found, rest


def format_frame(frame: ParsedFrame) -> str:
    """The frame as it is printed, without indent."""
    place = frame.function
    if frame.offset is not None and frame.size is not None:
        place = f"{frame.function}+0x{frame.offset:x}/0x{frame.size:x}"
    words = [place]
    if frame.module is not None:
        words.append(f"[{frame.module}]")
    if frame.parens and frame.file is None:
        words = [f"({' '.join(words)})"]
    if frame.file is not None:
        words.append(f"({frame.file})" if frame.parens else frame.file)
    words += [INLINE] if frame.inlined else []
    words += [frame.mark] if frame.mark is not None else []
    if frame.origin is not None:
        words += ["from", format_frame(frame.origin)]
    before = [] if frame.address is None else [f"[<{frame.address}>]"]
    before += ["?"] if frame.unsure else []
    return " ".join(before + words)
