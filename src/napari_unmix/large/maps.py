"""The maps of all pixels while they are made, and afterwards: in memory, or where they are large in a file that is gone with them."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np

from napari_unmix.applying.tile import Applied, Maps
from napari_unmix.cube import FloatArray
from napari_unmix.io.budget import readable_size
from napari_unmix.sentences import UnmixError, shown

# Maps beyond so many bytes are kept in a file: 20 million pixels of 4 endmembers and their spread take 0.8 GB.
MOST_HELD = 512_000_000
_FLOAT32 = 4


class KeptMaps:
    """Maps of (H, W) pixels, filled row by row in any order; NaN until then.

    A full disk is met while they are written, never when they are looked at: files are written, and mapped into memory when they are whole.
    """

    def __init__(self, applied: Applied, shape: tuple[int, int], most_held: int = MOST_HELD) -> None:
        self._applied, self._shape = applied, shape
        size, pixels = len(applied.names), math.prod(shape)
        self._depths = {"abundances": size, "error": 1}
        if applied.has_std:
            self._depths["std"] = size
        if applied.inversion.free_light:
            self._depths["illumination"] = 1
        self.bytes = _FLOAT32 * pixels * sum(self._depths.values())
        self._files: dict[str, BinaryIO] = {}
        self._held: dict[str, FloatArray] = {}
        self._open = ExitStack()
        if self.bytes <= most_held:
            self._held = {name: np.full((*shape, deep), np.nan, np.float32) for name, deep in self._depths.items()}
        else:
            self._make_files()

    def _make_files(self) -> None:
        folder = _folder()
        with _full_disk(self.bytes):
            free = _free(folder)
            if free < self.bytes:
                raise OSError(28, f"only {readable_size(free)} are free")
            for name in self._depths:
                self._files[name] = self._open.enter_context(cast(BinaryIO, tempfile.TemporaryFile(dir=folder)))  # noqa: SIM115

    def put(self, rows: slice, packed: FloatArray) -> None:
        """Write the packed maps (h, W, columns) of some rows. Raises UnmixError where the disk is full."""
        maps = self._applied.unpacked(packed)
        for name, deep in self._depths.items():
            values = np.ascontiguousarray(getattr(maps, name), np.float32).reshape(-1, self._shape[1], deep)
            if name in self._held:
                self._held[name][rows] = values
                continue
            with _full_disk(self.bytes):
                self._files[name].seek(rows.start * self._shape[1] * deep * _FLOAT32)
                self._files[name].write(values.data)

    def done(self) -> Maps:
        """All of them: (H, W, P), (H, W, P) or None, (H, W), (H, W) or None. To be asked for once, at the end."""
        found = {name: self._held.get(name) for name in self._depths}
        for name, stream in self._files.items():
            with _full_disk(self.bytes):
                stream.flush()
            found[name] = np.asarray(
                np.memmap(stream, np.float32, "c", shape=(*self._shape, self._depths[name]))  # a change stays in memory
            )
        self.close()
        flat = {name: found[name][..., 0] for name in ("error", "illumination") if found.get(name) is not None}  # type: ignore[index]
        abundances = found["abundances"]
        assert abundances is not None
        return Maps(abundances, found.get("std"), flat["error"], flat.get("illumination"))

    def close(self) -> None:
        """Give the files back; mapped ones stay until nobody holds the maps."""
        self._open.close()


def _folder() -> Path:
    """Where TMPDIR says, or else where large files are on a disk: the system's own folder for temporary files may be in memory."""
    large = Path("/var/tmp")
    return large if "TMPDIR" not in os.environ and os.access(large, os.W_OK) else Path(tempfile.gettempdir())


def _free(folder: Path) -> int:
    import shutil

    return shutil.disk_usage(folder).free


@contextmanager
def _full_disk(size: int) -> Iterator[None]:
    """An error of the disk as a sentence."""
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UnmixError(
            f"The maps take {readable_size(size)} and can't be kept in {shown(_folder())} ({why}): "
            "make room there, or name another folder with TMPDIR."
        ) from error
