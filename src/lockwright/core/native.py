"""What the optional compiled build has to be told in the source.

The hot modules are plain typed Python, and mypyc compiles the same files (setup.py).  Its one
remark in them, `mypyc_attr`, comes from a package that is there where they are compiled and need
not be where they run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["mypyc_attr", "slots_in"]

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr
else:

    def mypyc_attr(**_attributes):
        """A decorator that changes nothing."""
        return lambda cls: cls


def slots_in(cls: type) -> tuple[str, ...]:
    """The slots that a class has by its own definition; compiled, with those of its bases."""
    declared: tuple[str, ...] = cls.__dict__.get("__slots__", ())
    return declared or cls.__dict__.get("__mypyc_attrs__", ())
