"""The one way to open a zip archive: a regular file, a directory that memory can hold, members of different names, plainly packed."""

from __future__ import annotations

import os
import struct
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from napari_unmix.files.opened import open_regular
from napari_unmix.sentences import UnmixError, shown

_LONGEST_DIRECTORY = 32_000_000  # bytes, half a million members: Python keeps ten times as much of it in memory
_END, _END_SIZE, _LONGEST_COMMENT = b"PK\x05\x06", 22, 65_535
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # the others unpack into memory of a size that the file chooses


@contextmanager
def opened_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip archive for reading.

    Raises UnmixError where it is no archive, is encrypted or packed in an unusual way, or holds two members of one name; OSError.
    """
    with open_regular(path) as stream:
        _check_directory(stream, path)
        try:
            archive = zipfile.ZipFile(stream)
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise UnmixError(f"{shown(path.name)} is no whole archive ({error}): copy or save it again.") from error
        with archive:
            _check_members(archive, path)
            yield archive


def _check_directory(stream: BinaryIO, path: Path) -> None:
    """The end of the archive says how long its directory is, before Python reads it (archives of over 4 GB say it elsewhere as well)."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(size - _END_SIZE - _LONGEST_COMMENT, 0))
    tail = stream.read()
    place = tail.rfind(_END)
    stream.seek(0)
    if place < 0 or len(tail) < place + _END_SIZE:
        raise UnmixError(f"{shown(path.name)} is an archive that ends early ({size:,} bytes): copy or save it again.")
    count, length = struct.unpack_from("<HI", tail, place + 10)
    if length == 0xFFFFFFFF or count == 0xFFFF:
        length = _long_directory(tail, place) or length
    if length > _LONGEST_DIRECTORY:
        raise UnmixError(
            f"{shown(path.name)} has a directory of {length:,} bytes, too many members: save fewer arrays."
        )


def _long_directory(tail: bytes, place: int) -> int | None:
    """The length of the directory in the record for big archives, which stands shortly before the end."""
    record = tail.rfind(b"PK\x06\x06", 0, place)
    return None if record < 0 or len(tail) < record + 48 else int(struct.unpack_from("<Q", tail, record + 40)[0])


def _check_members(archive: zipfile.ZipFile, path: Path) -> None:
    names = Counter(info.filename for info in archive.infolist())
    for name, count in names.items():
        if count > 1:
            raise UnmixError(f"{shown(path.name)} holds {count} members called {shown(name)}: save it again with one.")
    for info in archive.infolist():
        if info.flag_bits & 1:
            raise UnmixError(
                f"{shown(info.filename)} in {shown(path.name)} is encrypted: save it again without a password."
            )
        if info.compress_type not in _PLAIN:
            raise UnmixError(
                f"{shown(info.filename)} in {shown(path.name)} is packed in an unusual way (method {info.compress_type}):"
                " save it again, unpacked or deflated."
            )
