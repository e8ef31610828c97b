"""A cube that a run is applied to, read some rows at a time: whatever gives rows of spectra will do, so nothing here holds a scene."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.applying.bands import Bands, bands_for
from napari_unmix.applying.tile import UNIT, Applied
from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray, SpectralAxis
from napari_unmix.sentences import UnmixError, shown

# Rows of a scene, spread evenly, whose numbers say which scene it is.
_TOLD_BY = 16
# A scene whose values are this many times the run's, or a share of it, is in other units: reflectance of 0–1 and of 0–10000.
_OTHER_UNITS = 30.0
_MOST_BYTES = 256 << 20


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube in the bands of a run.

    Attributes
    ----------
    cube : whose spectra are asked for by rows, and nothing else of them
    bands : from its bands to those that took part in the run
    regions : (H, W) u where it is known, as the run numbered it, 0 = unknown; None where it is nowhere
    stamp : what its file was when it was read: size and time of its last change; None where it came from no single file
    together : pixels that are solved together, about
    most_bytes : that the spectra of a tile of a file in chunks may take: chunks whose rows take more are read again for each tile
    """

    cube: Cube
    bands: Bands
    regions: IntArray | None = None
    stamp: tuple[int, int] | None = None
    together: int = UNIT
    most_bytes: int = _MOST_BYTES

    @classmethod
    def of(cls, cube: Cube, applied: Applied, axis: SpectralAxis, regions: IntArray | None = None) -> Scene:
        """The cube for a run whose bands lie on ``axis``. Raises UnmixError where its bands are others."""
        bands = bands_for(axis, applied.good_bands, cube.spectral_axis, cube.good_bands, ("The run", shown(cube.name)))
        return cls(cube, bands, regions, stamp_of(cube.source))

    @property
    def unit(self) -> int:
        """Rows that are solved together."""
        return max(1, self.together // self.cube.shape[1])

    def tiles(self, units: int = 1) -> list[slice]:
        """All rows, as many units at a time; of a file in chunks so many that no chunk is read twice, as far as memory allows.

        Which pixels are solved together is the unit's matter alone: tiles change no bit.
        """
        step, height = self._step(units), self.cube.shape[0]
        return [slice(first, min(first + step, height)) for first in range(0, height, step)]

    def _step(self, units: int) -> int:
        """Rows of a tile, whole units: whole chunks too, else no fewer than a chunk has, else what is asked for."""
        height, width, bands = self.cube.shape
        tall = 1 if self.cube.lazy is None else self.cube.lazy.cell[0]
        most = max(self.most_bytes // (4 * width * bands), 1)
        asked = units * self.unit
        both = math.lcm(self.unit, tall)
        wanted = (-(-asked // both) * both, -(-max(tall, asked) // self.unit) * self.unit)
        return next((step for step in wanted if tall > 1 and min(step, height) <= most), asked)

    def maps(self, applied: Applied, rows: slice) -> FloatArray:
        """(h, W, columns) float32 packed maps of some ``rows``, which begin at a unit; NaN where there is no data. Raises UnmixError."""
        if rows.start % self.unit:
            raise ValueError(f"rows from {rows.start} on begin within a unit of {self.unit}")
        stored, there = self.cube.block(rows)  # all at once: what lies in chunks is unpacked once
        return np.concatenate([self._unit_maps(applied, part, stored, there, rows.start) for part in self._units(rows)])

    def _units(self, rows: slice) -> Iterator[slice]:
        for first in range(rows.start, rows.stop, self.unit):
            yield slice(first, min(first + self.unit, rows.stop))

    def _unit_maps(self, applied: Applied, rows: slice, stored: FloatArray, there: BoolArray, first: int) -> FloatArray:
        """Of the ``rows`` of a unit, from what was read from row ``first`` on."""
        inside = slice(rows.start - first, rows.stop - first)
        spectra, valid = self._in_bands(stored[inside], there[inside])
        maps = np.full((*valid.shape, applied.columns), np.nan, np.float32)
        regions = None if self.regions is None else self.regions[rows][valid]
        maps[valid] = applied.packed(spectra, regions)
        return maps

    def spectra(self, rows: slice) -> tuple[FloatArray, BoolArray]:
        """(n, K) the valid spectra of some rows in the run's bands, and which pixels (h, W) they are."""
        return self._in_bands(*self.cube.block(rows))

    def _in_bands(self, stored: FloatArray, there: BoolArray) -> tuple[FloatArray, BoolArray]:
        valid: BoolArray = np.array(there)
        spectra = self.bands.of(stored[valid])
        finite = np.isfinite(spectra).all(axis=1)
        valid[valid] = finite
        return spectra[finite], valid

    def check(self) -> None:
        """Raise UnmixError where its file is another by now, or gone."""
        if self.stamp is not None and stamp_of(self.cube.source) != self.stamp:
            raise UnmixError(
                f"{shown(self.cube.source)} changed while it was read: bring it back as it was, and run the same again."
            )

    def identity(self) -> dict[str, Any]:
        """Which scene it is, by what takes no time to read: its size, bands and file, and the numbers of some rows."""
        digest = hashlib.sha256(np.ascontiguousarray(self.cube.axis, "<f8").tobytes())
        for part in (self.bands.lower, self.bands.upper, self.bands.share):
            digest.update(np.ascontiguousarray(part, "<f8").tobytes())
        height = self.cube.shape[0]
        for row in np.unique(np.linspace(0, height - 1, min(_TOLD_BY, height)).astype(int)):
            digest.update(np.ascontiguousarray(self.cube.spectra[row], "<f4").tobytes())
            digest.update(np.packbits(np.asarray(self.cube.valid_pixels[row])).tobytes())
        if self.regions is not None:
            digest.update(np.ascontiguousarray(self.regions, "<i4").tobytes())
        return {"shape": list(self.cube.shape), "sha256": digest.hexdigest(), "stamp": self.stamp and list(self.stamp)}

    def doubts(self, applied: Applied) -> tuple[str, ...]:
        """What its user should know before the maps are believed."""
        said = []
        if self.bands.moved:
            unit = self.cube.spectral_axis.unit
            said.append(
                f"Bands were interpolated to the run's: they lie up to {self.bands.moved:.3g} {unit} from them."
            )
        brightest = float(np.nanmax(np.abs(applied.endmembers)))
        largest = self._typical()
        if not applied.inversion.free_light and not brightest / _OTHER_UNITS <= largest <= brightest * _OTHER_UNITS:
            said.append(
                f"Its values reach {largest:.3g} and the run's endmembers {brightest:.3g}: they are not in the same units, give --scale."
            )
        return tuple(said)

    def _typical(self) -> float:
        """The largest value of the rows that tell it, in the run's bands."""
        height = self.cube.shape[0]
        rows = np.unique(np.linspace(0, height - 1, min(_TOLD_BY, height)).astype(int))
        found = [float(np.abs(one).max()) for row in rows if (one := self.spectra(slice(row, row + 1))[0]).size]
        return max(found, default=0.0)


def stamp_of(source: Path | None) -> tuple[int, int] | None:
    """Size and time of the last change of a file, in ns; None of a folder, or of nothing. Raises UnmixError where it is gone."""
    if source is None:
        return None
    try:
        found = os.stat(source)
    except OSError as error:
        raise UnmixError(
            f"{shown(source)} is gone ({(error.strerror or str(error)).lower()}): bring it back, and run the same again."
        ) from error
    return None if Path(source).is_dir() else (found.st_size, found.st_mtime_ns)
