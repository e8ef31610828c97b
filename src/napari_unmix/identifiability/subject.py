"""What the checks read: the result and its cube's valid pixels, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.rows.subspace import noise_level

# A region of fewer pixels has no covariance to speak of.
# Of larger scenes, painted pixels first and some of the others are read: the report has seconds, and more change no verdict.
MOST_PIXELS = 60_000


@dataclass(frozen=True, eq=False)
class Evidence:
    """A result on the pixels that it was fitted on.

    Attributes
    ----------
    result : what is assessed
    spectra : (N, B_good)
    endmembers : (P, B_good)
    abundances : (N, P)
    illumination : (N,), one where it was not free
    regions : (N,) painted region of each pixel from 1, 0 = none
    valid : (H, W) where the N pixels are, in row-major order
    noise : white noise level
    alpha : (R, P) the painted regions' Dirichlet parameters, or None where the method fits none
    """

    result: Unmixing
    spectra: FloatArray
    endmembers: FloatArray
    abundances: FloatArray
    illumination: FloatArray
    regions: IntArray
    valid: BoolArray
    noise: float
    alpha: FloatArray | None

    @property
    def count(self) -> int:
        """P."""
        return len(self.endmembers)

    @property
    def illuminated(self) -> bool:
        """Whether brightness was free."""
        return self.result.illumination is not None

    @property
    def linear(self) -> bool:
        """Whether the result's mixing is linear."""
        return bool(self.result.details.get("mixing", "linear") == "linear")

    @property
    def residual(self) -> FloatArray:
        """(N, B_good) spectra minus what the result makes of them."""
        residual = self.spectra - (self.illumination[:, None] * self.abundances) @ self.endmembers
        bend = self.result.bend
        if bend is not None:
            good = np.isfinite(bend.basis).all(axis=0)
            residual -= bend.scores[self.valid].astype(np.float64) @ bend.basis[:, good]
        return np.asarray(residual)

    @property
    def pixels_by_region(self) -> IntArray:
        """(R + 1,) number of pixels of each painted region; the first counts the unpainted."""
        return np.bincount(self.regions)

    @property
    def usable_regions(self) -> IntArray:
        """Painted regions with ``FEWEST_PIXELS_OF_A_REGION`` pixels or more."""
        counts = self.pixels_by_region
        return np.asarray(
            [label for label in range(1, len(counts)) if counts[label] >= FEWEST_PIXELS_OF_A_REGION], dtype=int
        )

    def named(self, chosen: Sequence[int] | IntArray) -> str:
        """ "rock", "rock and soil", "rock, soil and water": the names of these endmembers."""
        names = [self.result.names[int(k)] for k in chosen]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def gather(cube: Cube, result: Unmixing) -> Evidence:
    """Prepare a result of this cube; pixels without an answer are left out."""
    details = result.details
    painted = int(details.get("painted_regions", 0))
    regions = np.asarray(details.get("regions", np.zeros(cube.shape[:2], dtype=int)))
    regions = np.where(regions <= painted, regions, 0).astype(int)
    valid = _read(cube.valid_pixels & np.isfinite(result.abundances).all(axis=2), regions)
    spectra = cube.spectra[valid][:, cube.good_bands].astype(np.float64)
    endmembers = result.endmembers[:, cube.good_bands]
    light = np.ones(len(spectra)) if result.illumination is None else result.illumination[valid].astype(np.float64)
    alpha = details.get("alpha")
    return Evidence(
        result=result,
        spectra=spectra,
        endmembers=endmembers,
        abundances=result.abundances[valid].astype(np.float64),
        illumination=light,
        regions=regions[valid],
        valid=valid,
        noise=float(details.get("noise") or noise_level(spectra, len(endmembers))),
        alpha=None if alpha is None or not painted else np.asarray(alpha, dtype=np.float64)[:painted],
    )


def _read(valid: BoolArray, regions: IntArray) -> BoolArray:
    """(H, W) the pixels that are read: all of them, or ``MOST_PIXELS``, painted ones first."""
    places = np.flatnonzero(valid)
    if len(places) <= MOST_PIXELS:
        return valid
    order = np.random.default_rng(0).permutation(places)
    order = order[np.argsort(regions.ravel()[order] == 0, kind="stable")]
    kept = np.zeros(valid.size, bool)
    kept[order[:MOST_PIXELS]] = True
    return kept.reshape(valid.shape)
