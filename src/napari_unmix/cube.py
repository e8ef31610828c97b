"""The hyperspectral cube and what a user painted on it.

Axis order, everywhere in the core: cubes are (H, W, B), spectra are rows (N, B), endmembers are rows (P, B), abundances are
(N, P) or (H, W, P). Papers of this field put pixels in columns; napari shows (B, Y, X): only ``plugin.layers`` knows that.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.floating]
BoolArray = NDArray[np.bool_]
IntArray = NDArray[np.integer]


class UnmixError(ValueError):
    """Bad input, in one sentence for the user: the cause, the numbers, and the remedy."""


@dataclass(frozen=True, eq=False)
class Cube:
    """A hyperspectral image, pixel-major.

    Attributes
    ----------
    spectra : (H, W, B) float32, C-contiguous; reflectance or radiance as the reader scaled it
    wavelengths : (B,) float64, nm, or None where the file has none
    good_bands : (B,) bool; excluded bands are gaps in every plot and take no part in any fit
    valid_pixels : (H, W) bool; pixels of no data are excluded from every fit
    scale : the number that stored values were divided by (10000 for most reflectance products)
    name : a short name for the user
    source : the file it was read from, or None
    repairs : sentences on what the reader repaired, for the user
    acquisitions : (H, W) int, which of the joined cubes a pixel comes from (0 = none), or None for a single acquisition
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

    def __post_init__(self) -> None:
        if self.spectra.ndim != 3:
            raise UnmixError(
                f"A cube needs three axes (rows, columns, bands), this array has {self.spectra.ndim}: reshape it to (H, W, B)."
            )
        height, width, bands = self.spectra.shape
        if min(height, width, bands) < 1:
            raise UnmixError(f"The cube is empty ({height}×{width}×{bands}): check the file.")
        spectra = np.ascontiguousarray(self.spectra, dtype=np.float32)
        object.__setattr__(self, "spectra", spectra)
        if self.wavelengths is not None:
            wavelengths = np.asarray(self.wavelengths, dtype=np.float64)
            if wavelengths.shape != (bands,):
                raise UnmixError(
                    f"The cube has {bands} bands but {wavelengths.size} wavelengths: give one wavelength (nm) per band or none."
                )
            object.__setattr__(self, "wavelengths", wavelengths)
        if self.good_bands.shape != (bands,):
            if self.good_bands.size:
                raise UnmixError(
                    f"The cube has {bands} bands but {self.good_bands.size} good-band flags: give one per band."
                )
            object.__setattr__(self, "good_bands", np.ones(bands, bool))
        finite = np.isfinite(spectra[:, :, self.good_bands]).all(axis=2)
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
        low_high = (
            "" if self.wavelengths is None else f" ({self.wavelengths.min():.0f}–{self.wavelengths.max():.0f} nm)"
        )
        return f"Cube {self.name!r}, {height}×{width} pixels, {bands} bands{low_high}"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, columns, bands (H, W, B)."""
        height, width, bands = self.spectra.shape
        return height, width, bands

    @property
    def axis(self) -> FloatArray:
        """(B,) the plot's horizontal axis: wavelengths in nm, or band numbers from 1."""
        return self.wavelengths if self.wavelengths is not None else np.arange(1.0, self.shape[2] + 1)

    def pixels(self) -> FloatArray:
        """(N, B_good) float64 spectra of the valid pixels in the good bands, in row-major order: what a method fits."""
        return np.asarray(self.spectra[self.valid_pixels][:, self.good_bands], dtype=np.float64)

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


@dataclass(frozen=True, eq=False)
class Annotation:
    """What a user painted.

    Attributes
    ----------
    labels : (H, W) integers, 0 = unpainted
    meanings : label -> Meaning; a label without an entry is a region
    """

    labels: IntArray
    meanings: dict[int, Meaning] = field(default_factory=dict)

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
