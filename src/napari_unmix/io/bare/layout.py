"""How bare numbers lie in a file, whichever header says so, and whether the file can hold them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.io.budget import check_cube
from napari_unmix.sentences import UnmixError

INTERLEAVES = ("bsq", "bil", "bip")
_CHECKS = 4  # bytes per number that masks and checks take beside the float32 cube; the file itself is read in blocks
_SPARE = 0.01  # of the bytes that a header describes: so much more may lie behind them
_ITEMS = {1: "8-bit", 2: "16-bit", 4: "32-bit", 8: "64-bit"}


@dataclass(frozen=True)
class Layout:
    """Where each number of a cube is.

    Attributes
    ----------
    shape : (lines, samples, bands)
    dtype : of the stored numbers, byte order included
    interleave : bsq, bil or bip
    offset : bytes before the first frame
    major, minor : bytes before and behind every major and every minor frame. A major frame is a band (bsq) or a line (bil, bip); a minor
        one is a line of a band (bsq, bil) or a pixel (bip)
    """

    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    interleave: str
    offset: int = 0
    major: tuple[int, int] = (0, 0)
    minor: tuple[int, int] = (0, 0)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many major frames, minor frames in one, and numbers in one of these."""
        lines, samples, bands = self.shape
        return {"bsq": (bands, lines, samples), "bil": (lines, bands, samples), "bip": (lines, samples, bands)}[
            self.interleave
        ]

    @property
    def frames(self) -> tuple[int, int]:
        """Bytes of a major and of a minor frame, with what lies around them."""
        _, minors, numbers = self.counts
        minor = sum(self.minor) + numbers * self.dtype.itemsize
        return sum(self.major) + minors * minor, minor

    @property
    def data_bytes(self) -> int:
        """Bytes of the data file up to the last frame's end."""
        return self.offset + self.counts[0] * self.frames[0]

    @property
    def described(self) -> str:
        """For a sentence: 40 lines × 36 samples × 60 bands of uint16."""
        lines, samples, bands = self.shape
        return f"{lines} lines × {samples} samples × {bands} bands of {self.dtype.name}"

    def shortened(self, frames: int) -> Layout:
        """The same with fewer major frames: lines, or bands of a bsq file."""
        lines, samples, bands = self.shape
        return replace(self, shape=(lines, samples, frames) if self.interleave == "bsq" else (frames, samples, bands))


def fitted(path: Path, layout: Layout) -> tuple[Layout, tuple[str, ...]]:
    """The layout as far as the file reaches, with a sentence where that is not as far as its header says.

    Raises UnmixError where the file is of another size, or not even the masks of its cube fit into this machine's memory.
    """
    held, needed = path.stat().st_size, layout.data_bytes
    said: tuple[str, ...] = ()
    if held < needed:
        layout, said = _cut(path, layout, held)
    elif held > needed:
        line = layout.frames[1 if layout.interleave == "bsq" else 0]
        if held - needed > max(line, _SPARE * needed):
            raise UnmixError(
                f"{path.name} holds {held} bytes but its header's {layout.described} end at {needed}: correct the header"
                f"{_instead(layout, held)}."
            )
        said = (f"{path.name} is {held - needed} bytes longer than its header says: the end was left out",)
    check_cube(layout.shape, _CHECKS, f"{path.name} ({layout.described})", can_stay=True)
    return layout, said


def _cut(path: Path, layout: Layout, held: int) -> tuple[Layout, tuple[str, ...]]:
    """A recording that ended early: its whole lines, or its whole bands. A file that another type would fit is none."""
    whole = max(held - layout.offset, 0) // layout.frames[0]
    without = held == layout.data_bytes - layout.offset
    if whole < 1 or without or _fitting_types(layout, held):
        raise UnmixError(
            f"{path.name} holds {held} bytes but its header's {layout.described} need {layout.data_bytes}:"
            f" copy the whole file again or correct the header{_instead(layout, held)}."
        )
    what = "bands" if layout.interleave == "bsq" else "lines"
    return layout.shortened(whole), (
        f"{path.name} ends early, it holds {held} of {layout.data_bytes} bytes: its {whole} whole {what} of {layout.counts[0]} were read",
    )


def _fitting_types(layout: Layout, held: int) -> list[str]:
    """The sizes of numbers with which the file would be exactly as long as it is."""
    count = math.prod(layout.shape)
    extra = layout.data_bytes - layout.offset - count * layout.dtype.itemsize
    own = layout.dtype.itemsize
    return [name for size, name in _ITEMS.items() if size != own and layout.offset + count * size + extra == held]


def _instead(layout: Layout, held: int) -> str:
    """What would fit."""
    fits = [f"{name} numbers" for name in _fitting_types(layout, held)]
    frames, left = divmod(held - layout.offset, layout.frames[0])
    if held > layout.data_bytes or (layout.offset and held == layout.data_bytes - layout.offset):
        fits.append(f"a header offset of {held - layout.data_bytes + layout.offset}")
    if not left and frames > layout.counts[0]:
        fits.append(f"{frames} {'bands' if layout.interleave == 'bsq' else 'lines'}")
    return f" ({' or '.join(fits)} would fit)" if fits else ""
