"""Names that change places, or are given once, in one step of the system, where it has such a step: no reader sees a moment without them."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

_HERE = -100  # AT_FDCWD of Linux: a path is counted from the process's folder
_ONCE, _EXCHANGE = (
    (4, 2) if sys.platform == "darwin" else (1, 2)
)  # RENAME_EXCL, RENAME_SWAP; RENAME_NOREPLACE, RENAME_EXCHANGE
# What a file system or kernel says that has no such step.
_CANNOT = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM, errno.EXDEV}


def exchange(one: Path, other: Path) -> bool:
    """Have two names that are there change places in one step. False where the system can't; raises OSError where it may not."""
    return _renamed(one, other, _EXCHANGE)


def name_once(source: Path, target: Path) -> None:
    """Rename to a name that is not taken. Raises FileExistsError where it is, and OSError."""
    if _renamed(source, target, _ONCE):
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    os.rename(source, target)


def _renamed(source: Path, target: Path, flags: int) -> bool:
    rename = _system_rename()
    if rename is None:
        return False
    number = rename(os.fsencode(source), os.fsencode(target), flags)
    if number == 0:
        return True
    if number in _CANNOT:
        return False
    raise OSError(number, os.strerror(number), str(target))


@cache
def _system_rename() -> Callable[[bytes, bytes, int], int] | None:
    """The system's rename with flags: (source, target, flags) -> number of the error, 0 for none; None where it has none."""
    if sys.platform == "win32":
        return None
    library = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin":
        function = getattr(library, "renamex_np", None)
        before: tuple[int, ...] = ()
    else:
        function, before = getattr(library, "renameat2", None), (_HERE,)
    if function is None:
        return None

    def rename(source: bytes, target: bytes, flags: int) -> int:
        failed = function(*before, source, *before, target, ctypes.c_uint(flags))
        return ctypes.get_errno() if failed else 0

    return rename
