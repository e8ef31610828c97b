"""The one way to write: whole or not at all. A reader, and the next command, find what was there before or what is new, and never a half."""

from __future__ import annotations

import contextlib
import errno
import os
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_unmix.files.deferred import uninterrupted
from napari_unmix.files.workplace import identity, put_in_place, sweep, sync_folder, workplace
from napari_unmix.sentences import UnmixError

__all__ = ["FULL", "WRITTEN", "placed_whole", "sweep", "sync_folder", "write_whole", "written_whole"]

# What a disk, a quota or a limit of the process says when it has no more room.
FULL = {errno.ENOSPC, errno.EFBIG} | ({errno.EDQUOT} if hasattr(errno, "EDQUOT") else set())
# What this process has put in place, for whoever has to say after an interrupt whether anything was.
WRITTEN: deque[Path] = deque(maxlen=64)
_ROOM = 1 << 20  # bytes that a disk with room takes


@contextmanager
def placed_whole(parent: Path, allow: Callable[[Path], None] | None = None) -> Iterator[Path]:
    """An empty folder; all that stands in it when the block ends well takes its place in ``parent`` at once, or nothing does.

    What earlier writers left in ``parent`` when they were killed is finished first. The new content is on the disk before a name changes.

    Parameters
    ----------
    parent : a folder that is there
    allow : called with each place that is taken; raises where it may not be replaced. A folder is never replaced without

    Raises
    ------
    OSError : with the name of the file in its place; all is then as it was
    """
    sweep(parent)
    with _named(parent), workplace(parent) as folder:
        new = folder / "new"
        with _explained(new, parent):
            yield new
            _sync(new)
        before = {name: identity(parent / name) for name in sorted(os.listdir(new))}
        for name, there in before.items():
            if there is not None:
                _check(parent / name, allow)
        with uninterrupted():
            try:
                put_in_place(folder, before)
            except FileExistsError as error:  # taken meanwhile, and maybe by what may not be replaced
                _check(Path(error.filename), allow)
                raise
            WRITTEN.extend(parent / name for name in before)


@contextmanager
def written_whole(path: Path, allow: Callable[[Path], None] | None = None) -> Iterator[BinaryIO]:
    """A stream whose content takes the place of ``path`` when the block ends well; a link is replaced, and not what it leads to.

    Raises OSError; what was there before is then as it was. ``allow``: as of ``placed_whole``.
    """
    with placed_whole(path.parent, allow) as folder, (folder / path.name).open("xb") as stream:
        yield stream


def write_whole(path: Path, content: bytes | str, allow: Callable[[Path], None] | None = None) -> None:
    """Put ``content`` (text as UTF-8) in the place of ``path``. Raises OSError, and leaves what was there."""
    with written_whole(path, allow) as stream:
        stream.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)


def _check(place: Path, allow: Callable[[Path], None] | None) -> None:
    if allow is not None:
        allow(place)
    elif place.is_dir() and not place.is_symlink():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(place))


def _sync(folder: Path) -> None:
    """Have all in a folder on the disk."""
    for place, _, files in os.walk(folder):
        for name in files:
            number = os.open(Path(place, name), os.O_RDWR if os.name == "nt" else os.O_RDONLY)
            try:
                os.fsync(number)
            finally:
                os.close(number)
        sync_folder(Path(place))


# --- what fails, by the name that it will have


@contextmanager
def _named(parent: Path) -> Iterator[None]:
    """Name the folder where its workplace can't be made."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and ".napari-unmix-" in str(error.filename):
            error.filename, error.filename2 = str(parent), None
        raise


@contextmanager
def _explained(new: Path, parent: Path) -> Iterator[None]:
    """Name the file in its place; and say that the disk is full where it is, which not every library does."""
    try:
        yield
    except UnmixError:
        raise
    except Exception as error:
        number = _why_full(error, new)
        if number is not None:
            raise OSError(number, os.strerror(number), str(parent / _newest(new))) from error
        if isinstance(error, OSError) and error.filename is not None and str(error.filename).startswith(str(new)):
            error.filename = str(parent / Path(str(error.filename)).relative_to(new))
        raise


def _why_full(error: Exception, new: Path) -> int | None:
    """The number of the error if there is no more room, None where something else is wrong."""
    number = error.errno if isinstance(error, OSError) else None
    if number in FULL:
        return number
    if number is not None or not new.is_dir():
        return None
    largest = max((path.stat().st_size for path in _files(new)), default=0)
    with contextlib.suppress(ImportError):
        import resource

        limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
        if limit != resource.RLIM_INFINITY and largest >= limit:
            return errno.EFBIG
    try:
        with (new / ".room").open("xb") as stream:
            stream.write(bytes(_ROOM))
    except OSError as second:
        return second.errno if second.errno in FULL else None
    return None


def _newest(folder: Path) -> Path:
    """The file that was written last, from the folder on."""
    files = sorted(_files(folder), key=lambda path: path.stat().st_mtime_ns)
    return files[-1].relative_to(folder) if files else Path()


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
