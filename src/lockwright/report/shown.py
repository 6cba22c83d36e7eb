"""Text that anything can show: what does not print is spelt out, as a person would write it."""

from __future__ import annotations

from collections.abc import Mapping

from lockwright.core.location import Value
from lockwright.report.lockgraph.graph import plain


def shown(text: str) -> str:
    """The text, with all but line ends and tabulators spelt out where it does not print.

    Overrides of the writing direction do not print, and neither do halves of surrogate pairs.
    """
    if text.isprintable():
        return text
    return "\n".join("\t".join(map(plain, line.split("\t"))) for line in text.split("\n"))


def shown_data(value: Value) -> Value:
    """The same for each text in plain data, the keys of objects among them."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, Mapping):
        return {shown(str(key)): shown_data(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shown_data(each) for each in value]
    return value
