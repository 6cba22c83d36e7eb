"""Error numbers and error pointers.  C: include/linux/err.h."""

from __future__ import annotations

from typing import NoReturn, TypeVar, cast

from lockwright.core.errors import KernelOops

EPERM = 1
ENOENT = 2
EIO = 5
EBADF = 9
ECHILD = 10
EAGAIN = 11
ENOMEM = 12
EACCES = 13
EBUSY = 16
EEXIST = 17
EXDEV = 18
ENODEV = 19
ENOTDIR = 20
EISDIR = 21
EINVAL = 22
ENOSPC = 28
ESPIPE = 29
ENAMETOOLONG = 36
ENOSYS = 38
ENOTEMPTY = 39
EOPNOTSUPP = 95
ECANCELED = 125

NAME_MAX = 255
PATH_MAX = 4096

T = TypeVar("T")


class ErrorPointer:
    """A pointer that carries an errno: whoever follows it takes a page fault."""

    __slots__ = ("error",)

    def __init__(self, error: int) -> None:
        self.error = error

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("__"):
            raise AttributeError(name, obj=self)  # Python looks around; the kernel did not
        raise KernelOops(
            "invalid pointer",
            f"page fault: {name} of the error pointer {self.error}",
            f"{name} of an error pointer",
        )

    def describe(self) -> str:
        """For event lists."""
        return f"ERR_PTR({self.error})"

    __repr__ = describe


def ERR_PTR(kind: type[T], error: int) -> T:  # noqa: N802  # kernel name
    """An errno (negative) where a pointer to a `kind` is expected."""
    assert error < 0, f"{kind.__name__}: an error is negative"
    return cast("T", ErrorPointer(error))


def IS_ERR(pointer: object) -> bool:  # noqa: N802  # kernel name
    """Is it an error pointer?"""
    return isinstance(pointer, ErrorPointer)


def PTR_ERR(pointer: object) -> int:  # noqa: N802  # kernel name
    """The errno that an error pointer carries."""
    return cast("ErrorPointer", pointer).error


def is_null(pointer: object) -> bool:
    """The C's `!pointer`.  Fields are typed as the C types them, where any pointer may be NULL."""
    return pointer is None


def follow(pointer: T) -> T:
    """A pointer that is followed now: NULL faults.  For the first argument of an operation."""
    if pointer is None:
        raise KernelOops(
            "NULL pointer dereference", "NULL pointer dereference: a NULL pointer is followed"
        )
    return pointer


def IS_ERR_OR_NULL(pointer: object) -> bool:  # noqa: N802  # kernel name
    """Is it no pointer to anything?"""
    return pointer is None or isinstance(pointer, ErrorPointer)
