"""The one way to open what others wrote: regular files only, never waiting, and never more than is asked for.

A pipe, a device or a link to one answers ``open`` never, or without end. All of the project opens files here; a library that wants a path
gets one that ``regular`` has looked at.
"""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, TextIO

from napari_unmix.sentences import UnmixError, shown

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
    stat.S_IFLNK: "a link",
}


def open_regular(path: Path, *, follow: bool = True) -> BinaryIO:
    """Open a regular file for reading bytes.

    Parameters
    ----------
    path : the file
    follow : whether it may be a link; what a run's folder holds may not

    Raises
    ------
    UnmixError : it is a pipe, a device, a socket, a folder, or a link where none is allowed
    OSError : it is not there, or may not be read
    """
    if not follow and path.is_symlink():
        raise UnmixError(f"{shown(path.name)} is a link, which is not followed here: put the file itself in its place.")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOCTTY", 0)
    flags |= getattr(os, "O_BINARY", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    regular(path)  # before it is opened too: to open some devices does something
    number = os.open(path, flags)
    try:
        _check_mode(os.fstat(number).st_mode, path)
        return os.fdopen(number, "rb")
    except BaseException:
        os.close(number)
        raise


def open_text(path: Path) -> TextIO:
    """Open a regular file for reading text: UTF-8, with or without its mark, every other byte as �. Raises as ``open_regular``."""
    return io.TextIOWrapper(open_regular(path), "utf-8-sig", errors="replace", newline="")


def regular(path: Path) -> Path:
    """The path itself, for a library that opens files by name. Raises UnmixError where it is no regular file, OSError where there is none."""
    _check_mode(path.stat().st_mode, path)
    return path


def read_regular(path: Path, most: int, *, follow: bool = True) -> bytes:
    """All bytes of a regular file. Raises as ``open_regular``, and UnmixError where there are more than ``most``."""
    with open_regular(path, follow=follow) as stream:
        content = stream.read(most + 1)
    if len(content) > most:
        raise UnmixError(
            f"{shown(path.name)} has more than {most:,} bytes, too many for what it should be: check the file."
        )
    return content


def first_bytes(path: Path, most: int) -> bytes:
    """At most the first ``most`` bytes of a regular file. Raises as ``open_regular``."""
    with open_regular(path) as stream:
        return stream.read(most)


def _check_mode(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "no regular file")
        raise UnmixError(f"{shown(path.name)} is {kind}, and not a file that can be read: copy its content to a file.")
