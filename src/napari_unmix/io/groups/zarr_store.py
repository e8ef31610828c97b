"""Where Zarr's keys are read from: regular files of a folder, and parts of an archive, none of them longer than it may be."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore, ZipStore

from napari_unmix.files.archive import opened_archive
from napari_unmix.files.opened import open_regular, regular
from napari_unmix.io.budget import byte_budget, check_budget, readable_size
from napari_unmix.sentences import UnmixError, shown

MOST_FILES = 2_000_000


class Folder(LocalStore):
    """A folder, whose files are opened where they are regular."""

    async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
        """The bytes of a key, None where there is none. Raises UnmixError for what is no file, or longer than memory."""
        content = await asyncio.to_thread(_file, self.root / key, byte_range)
        return None if content is None else (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    def get_sync(self, key: str, *, prototype: Any = None, byte_range: Any = None) -> Any:
        """The same at once."""
        content = _file(self.root / key, byte_range)
        return None if content is None else (prototype or default_buffer_prototype()).buffer.from_bytes(content)

    async def get_partial_values(self, prototype: Any, key_ranges: Iterable[tuple[str, Any]]) -> list[Any]:
        """Parts of several keys."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]


class Archive(ZipStore):
    """A zip file, whose parts are unpacked to the size that its directory says."""

    def _get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
        if not self._is_open:
            self._sync_open()
        try:
            info = self._zf.getinfo(key)
        except KeyError:
            return None
        with self._zf.open(info) as part:
            content = part.read(info.file_size)  # a number: without one it is unpacked as far as it goes
        start, stop = _ends(byte_range, len(content))
        return prototype.buffer.from_bytes(content[start:stop])


def checked_folder(path: Path) -> None:
    """Raise UnmixError where something in a folder is no file of its own: a pipe, a device, a link to somewhere else."""
    root, count = path.resolve(), 0
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > MOST_FILES:
                    raise UnmixError(
                        f"{shown(path.name)} holds more than {MOST_FILES:,} files: save it in bigger chunks."
                    )
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
                    raise UnmixError(f"{shown(path.name)} links to files outside its folder: copy them into it first.")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))
                elif not (entry.is_symlink() or stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode)):
                    regular(Path(entry.path))


def checked_archive(path: Path) -> None:
    """Raise UnmixError where an archive is damaged, packed as Zarr never does, or has a part that claims more than the memory."""
    with opened_archive(path) as archive:
        largest = max((info.file_size for info in archive.infolist()), default=0)
    check_budget(largest, 1, f"The largest part of {shown(path.name)}")


def _file(path: Path, byte_range: Any) -> bytes | None:
    try:
        stream = open_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except UnmixError:
        if path.is_dir():  # in the place of a chunk: the chunk is missing
            return None
        raise
    with stream:
        length = os.fstat(stream.fileno()).st_size
        start, stop = _ends(byte_range, length)
        if stop - start > byte_budget():
            raise UnmixError(
                f"{shown(path.name)} has {readable_size(length)}, this machine can give {readable_size(byte_budget())}: check the file."
            )
        stream.seek(start)
        return stream.read(max(stop - start, 0))


def _ends(wanted: Any, length: int) -> tuple[int, int]:
    """First byte, and the one behind the last."""
    if isinstance(wanted, RangeByteRequest):
        return wanted.start, min(wanted.end, length)
    if isinstance(wanted, OffsetByteRequest):
        return min(wanted.offset, length), length
    if isinstance(wanted, SuffixByteRequest):
        return max(length - wanted.suffix, 0), length
    return 0, length
