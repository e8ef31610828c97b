"""The folder in which one writer works, beside what it will replace: locked while its writer lives, and finished by the next one where it died.

::

    .napari-unmix-1f2e3d4c5b6a.part/
        lock      held by the writer as long as it lives
        new/      what will be put in place
        old/      what was there before, where names can't change places in one step
        ready     name -> [what is new, what was there], each as device and number of the file; written when ``new`` is complete

Before ``ready`` is there, nothing was changed: what is left is removed. Once it is there, all that is new is complete and on the disk: what
is left is put in place. So a writer that is killed anywhere leaves, after the next command, what was there or what is new.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import stat
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_unmix.files.deferred import uninterrupted
from napari_unmix.files.exchange import exchange, name_once
from napari_unmix.files.opened import read_regular
from napari_unmix.sentences import UnmixError, shown

Identity = list[int]  # device and number of a file, which it keeps when it is renamed

_NAME = re.compile(r"\.napari-unmix-[0-9a-f]{12}\.part")
_LOCK, _NEW, _OLD, _READY = "lock", "new", "old", "ready"
_LONGEST_LIST = 1 << 24  # bytes
_log = logging.getLogger(__name__)


def is_workplace(name: str) -> bool:
    """Whether a name is one of the folders in which writers work."""
    return _NAME.fullmatch(name) is not None


@contextmanager
def workplace(parent: Path) -> Iterator[Path]:
    """A new locked folder in ``parent`` with an empty ``new`` in it; it goes when the block ends. Raises OSError."""
    while True:
        folder = parent / f".napari-unmix-{uuid.uuid4().hex[:12]}.part"
        number: int | None = None
        try:
            number = _begun(folder)
            if number is not None:
                (folder / _NEW).mkdir()
                yield folder
                return
        finally:
            with uninterrupted():
                remove(folder)
                if number is not None:
                    os.close(number)


def _begun(folder: Path) -> int | None:
    """Make the folder and hold its lock; None where a sweeper took it for one that was left."""
    folder.mkdir()
    lock = folder / _LOCK
    try:
        number = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o666)
    except FileNotFoundError:
        return None
    if _held(number) is not False and _is_there(number, lock):  # a file system without locks has no sweepers either
        return number
    os.close(number)
    return None


def _held(number: int) -> bool | None:
    """Whether the lock is ours now; None where the file system has no locks."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        with contextlib.suppress(OSError):
            msvcrt.locking(number, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined, unused-ignore]
            return True
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def _is_there(number: int, path: Path) -> bool:
    """Whether an open file is still what its name means."""
    opened = os.fstat(number)
    return identity(path) == [opened.st_dev, opened.st_ino]


def identity(path: Path) -> Identity | None:
    """What stands under a name, a link for itself; None where nothing does."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return [found.st_dev, found.st_ino]


def remove(folder: Path) -> None:
    """Remove a workplace of ours: the list first, so that nothing half removed is ever put in place, the lock last."""
    if not folder.is_dir():
        return
    with contextlib.suppress(OSError):
        (folder / _READY).unlink(missing_ok=True)
        for part in (_NEW, _OLD):
            shutil.rmtree(folder / part, ignore_errors=True)
        for other in set(os.listdir(folder)) - {_LOCK}:
            (folder / other).unlink()
        (folder / _LOCK).unlink(missing_ok=True)
        folder.rmdir()


# --- putting in place


def put_in_place(folder: Path, before: dict[str, Identity | None]) -> None:
    """Give all in ``new`` its name in the parent folder, where ``before`` stands now; all of it, or what was there comes back. Raises OSError."""
    new = {name: identity(folder / _NEW / name) for name in before}
    _write_list(folder, {name: [new[name], was] for name, was in before.items()})
    (folder / _OLD).mkdir()
    moved: list[str] = []
    try:
        for name, was in before.items():
            _put(folder, name, taken=was is not None)
            moved.append(name)
    except BaseException:
        for name in reversed(moved):
            _take_back(folder, name, was_there=before[name] is not None)
        raise
    sync_folder(folder.parent)


def _write_list(folder: Path, listed: dict[str, list[Identity | None]]) -> None:
    unfinished = folder / f"{_READY}.part"
    with unfinished.open("x", encoding="utf-8", errors="surrogateescape") as stream:
        json.dump(listed, stream)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(folder / _NEW)
    unfinished.rename(folder / _READY)
    sync_folder(folder)


def _put(folder: Path, name: str, *, taken: bool) -> None:
    source, target, old = folder / _NEW / name, folder.parent / name, folder / _OLD / name
    if not taken:
        name_once(source, target)
    elif not exchange(source, target):
        _keep(target, old)
        try:
            os.replace(source, target)
        except BaseException:
            os.replace(old, target)
            raise


def _keep(target: Path, old: Path) -> None:
    """What is replaced under another name; a file keeps its own as well until the new one takes it."""
    if stat.S_ISREG(os.lstat(target).st_mode):
        with contextlib.suppress(OSError):  # not every file system has second names
            os.link(target, old)
            return
    os.rename(target, old)


def _take_back(folder: Path, name: str, *, was_there: bool) -> None:
    source, target, old = folder / _NEW / name, folder.parent / name, folder / _OLD / name
    if not was_there:
        os.rename(target, source)
    elif not os.path.lexists(old):
        exchange(source, target)
    elif old.is_dir() and not old.is_symlink():
        os.rename(target, source)
        os.rename(old, target)
    else:
        os.replace(old, target)


# --- what others left


def sweep(parent: Path) -> None:
    """Finish, or remove, what writers left in a folder that are no more; nothing where the folder may not be changed, or isn't there."""
    with contextlib.suppress(OSError):
        for name in os.listdir(parent):
            if is_workplace(name):
                with contextlib.suppress(OSError), uninterrupted():
                    _finish(parent / name)


def _finish(folder: Path) -> None:
    if not stat.S_ISDIR(os.lstat(folder).st_mode):
        return
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        number = os.open(folder / _LOCK, flags)
    except FileNotFoundError:
        folder.rmdir()  # its writer was about to lock it, and takes another; or it was about to go
        return
    try:
        if _held(number) and _is_there(number, folder / _LOCK):
            _put_rest(folder)
            remove(folder)
    finally:
        os.close(number)


def _put_rest(folder: Path) -> None:
    """Put in place what is complete and not there yet; what has changed there since is left alone."""
    listed = _list_of(folder)
    if not listed:
        return
    (folder / _OLD).mkdir(exist_ok=True)
    for name in set(os.listdir(folder / _NEW)) & set(listed):
        (new, was), target = listed[name], folder.parent / name
        now = identity(target)
        if new is not None and identity(folder / _NEW / name) == new and now in (None, was):
            _put(folder, name, taken=now is not None)
            _log.warning(
                "napari-unmix: %s was written by a command that was killed, and is in its place now.", shown(target)
            )
    sync_folder(folder.parent)


def _list_of(folder: Path) -> dict[str, tuple[Identity | None, Identity | None]]:
    """Name -> what is new and what was there; empty where the writer had not come so far."""
    try:
        listed = json.loads(
            read_regular(folder / _READY, _LONGEST_LIST, follow=False).decode("utf-8", "surrogateescape")
        )
        return {name: (new, was) for name, (new, was) in listed.items()}
    except (OSError, UnmixError, ValueError, TypeError, AttributeError, RecursionError):
        return {}


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk before what follows; where folders cannot be opened (Windows), the system does it in its own time."""
    with contextlib.suppress(OSError):
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
