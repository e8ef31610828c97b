"""The hyperspectral cube and what a user painted on it.

Axis order, everywhere in the core: cubes are (H, W, B), spectra are rows (N, B), endmembers are rows (P, B), abundances are
(N, P) or (H, W, P). Papers of this field put pixels in columns; napari shows (B, Y, X): only ``plugin.layers`` knows that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_unmix.lazy import LazySpectra, finite_pixels, row_slices, sampled
from napari_unmix.sentences import UnmixError, printable, shown

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.integer]


AxisKind = Literal["wavelength", "wavenumber", "Raman shift", "energy", "frequency", "index"]
# How each kind of spectral axis is written: the unit that its values are in, and the name of its column in a table.
_UNITS: dict[AxisKind, str] = {
    "wavelength": "nm",
    "wavenumber": "cm⁻¹",
    "Raman shift": "cm⁻¹",
    "energy": "eV",
    "frequency": "THz",
    "index": "",
}
_COLUMNS: dict[AxisKind, str] = {
    "wavelength": "wavelength_nm",
    "wavenumber": "wavenumber_cm-1",
    "Raman shift": "raman_shift_cm-1",
    "energy": "energy_eV",
    "frequency": "frequency_THz",
    "index": "band",
}


_LONGEST_NAME = 200  # letters
_COARSE = 20.0  # an axis that spans less is written with decimals
_TO_NANOMETRES = {
    "wavenumber": 1e7,
    "energy": 1239.841984,
    "frequency": 299_792.458,
}  # over the value; h·c in eV·nm, c in nm·THz
_OPTICAL_EV = (
    0.01,
    12.4,
)  # 124 µm to 100 nm: photons of other energies are seen by other instruments than imaging spectrometers


@dataclass(frozen=True, eq=False)
class SpectralAxis:
    """Where the bands lie, in the quantity that the instrument measures in: ``values`` (B,) in ``unit``."""

    kind: AxisKind
    values: FloatArray

    @property
    def unit(self) -> str:
        """nm, cm⁻¹, eV or THz; empty for numbered bands."""
        return _UNITS[self.kind]

    @property
    def title(self) -> str:
        """For a plot: wavelength (nm), Raman shift (cm⁻¹), band."""
        return f"{self.kind} ({self.unit})" if self.unit else "band"

    @property
    def column(self) -> str:
        """The name of its column in a table: wavelength_nm, wavenumber_cm-1, band."""
        return _COLUMNS[self.kind]

    @property
    def span(self) -> str:
        """From where to where, for people: 400–1000 nm; empty for numbered bands."""
        low, high = float(self.values.min()), float(self.values.max())
        digits = 0 if high - low >= _COARSE else 3
        return f"{low:.{digits}f}–{high:.{digits}f} {self.unit}" if self.unit else ""

    @property
    def nanometres(self) -> FloatArray | None:
        """(B,) the wavelengths of light in nm; None where the axis is none of light: a shift, an energy beyond optics, numbers."""
        if self.kind == "wavelength":
            return self.values
        if self.kind == "energy" and not ((self.values > _OPTICAL_EV[0]) & (self.values < _OPTICAL_EV[1])).all():
            return None
        factor = _TO_NANOMETRES.get(self.kind)
        return None if factor is None else factor / self.values


def axis_of(column: str, values: FloatArray) -> SpectralAxis:
    """The axis of a table's first column; of a name that is none of ours, numbered bands."""
    kinds = {name: kind for kind, name in _COLUMNS.items()}
    return SpectralAxis(kinds.get(column, "index"), values)


@dataclass(frozen=True)
class Georeference:
    """Where the pixels lie on a map.

    Attributes
    ----------
    transform : (a, b, c, d, e, f): the point (column, row), counted from the image's corner, lies at (a·column + b·row + c, d·column + e·row + f)
    crs : the coordinate system, as WKT or ``EPSG:32633``; may be empty
    """

    transform: tuple[float, float, float, float, float, float]
    crs: str = ""


@dataclass(frozen=True)
class Reading:
    """How a user wants a file to be read: what is None is found out. Kept with the cube, so that a run can be repeated.

    Attributes
    ----------
    key : name of the array, of a file that holds several; a path in a structure or group: ``scene/data``
    size : (rows, columns) of a matrix of pixels × bands
    bands_axis : which axis of an array holds the bands
    no_data : the stored number that means no data, or "none": nothing is no data
    scale : what stored numbers are divided by
    bands : the bands that take part, as ranges of the spectral axis or of numbers from 1: ``5-80,95-160``, ``400-900nm``; or "all"
    dark, white : references of a recording of raw counts: (raw − dark) / (white − dark)
    repair : "all", "none", or the names of what may be repaired or left out
    """

    key: str | None = None
    size: tuple[int, int] | None = None
    bands_axis: Literal["first", "middle", "last"] | None = None
    no_data: float | Literal["none"] | None = None
    scale: float | None = None
    bands: str | None = None
    dark: Path | None = None
    white: Path | None = None
    repair: str = "all"


@dataclass(frozen=True)
class Part:
    """A file that was joined with others, and how it was read."""

    source: Path
    reading: Reading


@dataclass(frozen=True, eq=False)
class Cube:
    """A hyperspectral image, pixel-major.

    Attributes
    ----------
    spectra : (H, W, B) float32, C-contiguous; reflectance or radiance as the reader scaled it. Of a cube that is too large for memory
        a ``LazySpectra``, which is sliced alike and read then
    wavelengths : (B,) float64, nm, or None where the bands' places are no wavelengths of light, or not known
    good_bands : (B,) bool; excluded bands are gaps in every plot and take no part in any fit
    valid_pixels : (H, W) bool; pixels of no data are excluded from every fit. Of lazy spectra the file's own mask only: ``block`` looks
    scale : the number that stored values were divided by (10000 for most reflectance products)
    name : a short name for the user, made printable as the repairs are
    source : the file it was read from, or None
    repairs : sentences on what the reader repaired, for the user
    acquisitions : (H, W) int, which of the joined cubes a pixel comes from (0 = none), or None for a single acquisition
    measured_axis : the spectral axis as it was measured, where that is not the wavelength: wavenumbers, Raman shifts, energies
    fwhm : (B,) full widths at half maximum in nm, or None
    georeference : where it lies on a map, or None
    reading : how its user wanted it to be read
    parts : the files that it was joined of, in their order; empty where it is no joined cube, or one of them came from no file
    thinned : whether it holds a sample of its ``parts`` only: no file has it, so a run of it keeps it
    """

    spectra: FloatArray
    wavelengths: FloatArray | None = None
    good_bands: BoolArray = field(default_factory=lambda: np.zeros(0, bool))
    valid_pixels: BoolArray = field(default_factory=lambda: np.zeros((0, 0), bool))
    scale: float = 1.0
    name: str = "cube"
    source: Path | None = None
    repairs: tuple[str, ...] = ()
    acquisitions: IntArray | None = None
    measured_axis: SpectralAxis | None = None
    fwhm: FloatArray | None = None
    georeference: Georeference | None = None
    reading: Reading = Reading()
    parts: tuple[Part, ...] = ()
    thinned: bool = False

    def __post_init__(self) -> None:
        if self.spectra.ndim != 3:
            raise UnmixError(
                f"A cube needs three axes (rows, columns, bands), this array has {self.spectra.ndim}: reshape it to (H, W, B)."
            )
        height, width, bands = self.spectra.shape
        if min(height, width, bands) < 1:
            raise UnmixError(f"The cube is empty ({height}×{width}×{bands}): check the file.")
        spectra = self.spectra
        if not isinstance(spectra, LazySpectra):
            spectra = np.ascontiguousarray(spectra, dtype=np.float32)
            object.__setattr__(self, "spectra", spectra)
        object.__setattr__(self, "name", shown(self.name, _LONGEST_NAME))
        object.__setattr__(self, "repairs", printable(self.repairs))
        if self.wavelengths is not None:
            wavelengths = np.asarray(self.wavelengths, dtype=np.float64)
            if wavelengths.shape != (bands,):
                raise UnmixError(
                    f"The cube has {bands} bands but {wavelengths.size} wavelengths: give one wavelength (nm) per band or none."
                )
            object.__setattr__(self, "wavelengths", wavelengths)
        for what, listed in (("places on its axis", self._measured()), ("widths of bands", self.fwhm)):
            if listed is not None and listed.shape != (bands,):
                raise UnmixError(f"The cube has {bands} bands but {listed.size} {what}: give one per band or none.")
        if self.good_bands.shape != (bands,):
            if self.good_bands.size:
                raise UnmixError(
                    f"The cube has {bands} bands but {self.good_bands.size} good-band flags: give one per band."
                )
            object.__setattr__(self, "good_bands", np.ones(bands, bool))
        lazy = isinstance(spectra, LazySpectra)
        finite = np.ones((height, width), bool) if lazy else finite_pixels(spectra, self.good_bands)
        if self.valid_pixels.size == 0:
            valid = finite
        elif self.valid_pixels.shape == (height, width):
            valid = self.valid_pixels & finite
        else:
            raise UnmixError(
                f"The mask is {'×'.join(map(str, self.valid_pixels.shape))} but the cube is {height}×{width}: give a mask of the cube's size."
            )
        object.__setattr__(self, "valid_pixels", valid)
        if self.acquisitions is not None and self.acquisitions.shape != (height, width):
            raise UnmixError(
                f"The acquisitions are {'×'.join(map(str, self.acquisitions.shape))} but the cube is {height}×{width}: give one per pixel."
            )

    def __repr__(self) -> str:
        height, width, bands = self.shape
        span = self.spectral_axis.span
        return f"Cube {self.name!r}, {height}×{width} pixels, {bands} bands{f' ({span})' if span else ''}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, bands (H, W, B)."""
        height, width, bands = self.spectra.shape
        return height, width, bands

    @property
    def spectral_axis(self) -> SpectralAxis:
        """Where the bands lie: as they were measured, else by wavelength in nm, else numbered from 1."""
        if self.measured_axis is not None:
            return self.measured_axis
        if self.wavelengths is not None:
            return SpectralAxis("wavelength", self.wavelengths)
        return SpectralAxis("index", np.arange(1.0, self.shape[2] + 1))

    @property
    def axis(self) -> FloatArray:
        """(B,) the plot's horizontal axis: the values of ``spectral_axis``."""
        return self.spectral_axis.values

    def _measured(self) -> FloatArray | None:
        return None if self.measured_axis is None else self.measured_axis.values

    @property
    def lazy(self) -> LazySpectra | None:
        """The spectra where they stay in their file; None of a cube in memory."""
        return self.spectra if isinstance(self.spectra, LazySpectra) else None

    @cached_property
    def overview(self) -> Cube:
        """Of a cube that stays in its file every ``overview_step``-th pixel of every such line, as a cube in memory; of others the cube itself."""
        lazy = self.lazy
        if lazy is None or lazy.overview is None:
            return self
        seen = lazy.overview
        valid = self.valid_pixels[np.ix_(seen.rows, seen.columns)] & lazy.holds_data(seen.spectra, self.good_bands)
        return replace(self, spectra=seen.spectra, valid_pixels=valid, acquisitions=None, georeference=None, parts=())

    @property
    def overview_step(self) -> int:
        """Pixels from one of the overview to the next."""
        return 1 if self.lazy is None or self.lazy.overview is None else self.lazy.overview.step

    def pixels(self) -> FloatArray:
        """(N, B_good) float64 spectra of the valid pixels in the good bands, in row-major order: what a method fits.

        Raises UnmixError where the cube stays in its file: ``sampled`` and ``block`` read parts of it.
        """
        if self.lazy is not None:
            raise self.lazy.too_large("Unmixing", self.lazy.run_bytes)
        found = np.empty((int(self.valid_pixels.sum()), int(self.good_bands.sum())))
        end, all_good = 0, bool(self.good_bands.all())
        for line, valid in zip(self.spectra, self.valid_pixels, strict=True):  # no copy of the cube beside this one
            part = line if valid.all() else line[valid]
            begin, end = end, end + len(part)
            found[begin:end] = part if all_good else part[:, self.good_bands]
        return found

    def blocks(self, most_bytes: int = 64 << 20) -> Iterator[slice]:
        """Slices of rows whose spectra take at most ``most_bytes`` (at least one row), of whole chunks where the file has chunks."""
        height, width, bands = self.shape
        return row_slices(height, width * bands * 4, most_bytes, 1 if self.lazy is None else self.lazy.cell[0])

    def block(self, rows: slice) -> tuple[FloatArray, BoolArray]:
        """Spectra (h, W, B) of some rows, and which of their pixels (h, W) hold data: of a cube in its file, read and looked at now."""
        spectra, valid = self.spectra[rows], self.valid_pixels[rows]
        return spectra, valid if self.lazy is None else valid & self.lazy.holds_data(spectra, self.good_bands)

    def sampled(self, count: int, seed: int = 0) -> tuple[IntArray, FloatArray]:
        """A sample of pixels that hold data, spread over the whole image: a random one of each stratum.

        Parameters
        ----------
        count : how many are wanted; fewer come where there are fewer
        seed : of the choice

        Returns
        -------
        places : (n,) ascending numbers of the pixels among the valid ones in row-major order, as ``pixels`` and ``image`` count them
        spectra : (n, B_good) float64
        """
        return sampled(self.spectra, self.valid_pixels, self.good_bands, count, seed)

    def image(self, values: NDArray[np.generic], fill: float = np.nan) -> NDArray[np.generic]:
        """Put (N, …) values of the valid pixels back into an (H, W, …) image; other pixels are ``fill``."""
        height, width, _ = self.shape
        out = np.full((height, width, *values.shape[1:]), fill, dtype=values.dtype)
        out[self.valid_pixels] = values
        return out

    def renamed(self, name: str) -> Cube:
        """The same cube under another name."""
        return replace(self, name=name)


@dataclass(frozen=True)
class Meaning:
    """What a painted label says: a region (mixtures differ here), a material (mostly this), or nothing."""

    kind: Literal["region", "material", "ignore"] = "region"
    name: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", shown(self.name, _LONGEST_NAME))


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a user painted.

    Attributes
    ----------
    labels : (H, W) integers, 0 = unpainted
    meanings : label -> Meaning; a label without an entry is a region
    repairs : sentences on what was assumed when it was read
    """

    labels: IntArray
    meanings: dict[int, Meaning] = field(default_factory=dict)
    repairs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        labels = np.asarray(self.labels)
        if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
            raise UnmixError(
                f"An annotation needs whole numbers on two axes, this one is {labels.dtype} on {labels.ndim}: save it as an integer (H, W) image."
            )
        if labels.size and labels.min() < 0:
            raise UnmixError(
                f"An annotation's labels start at 0 (unpainted), the lowest here is {labels.min()}: renumber them."
            )
        object.__setattr__(self, "labels", labels.astype(np.int32))
        object.__setattr__(self, "repairs", printable(self.repairs))

    def meaning(self, label: int) -> Meaning:
        """What this label says."""
        return self.meanings.get(label, Meaning())

    def of_kind(self, kind: str) -> list[int]:
        """The painted labels of one kind, ascending."""
        return [int(label) for label in np.unique(self.labels) if label > 0 and self.meaning(int(label)).kind == kind]

    def check_against(self, cube: Cube) -> None:
        """Raise UnmixError where the annotation does not fit the cube."""
        height, width, _ = cube.shape
        if self.labels.shape != (height, width):
            rows, columns = self.labels.shape
            raise UnmixError(
                f"The annotation is {rows}×{columns} pixels but the cube is {height}×{width}: paint on, or crop to, the cube's size."
            )
