"""What the checks read: the result and its cube's valid pixels, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Contribution, Findings, Recipe, Unmixing, mixed
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.subspace import noise_level

# Of larger scenes, painted pixels first and some of the others are read: the report has seconds, and more change no verdict.
MOST_PIXELS = 60_000


@dataclass(frozen=True, eq=False)
class Subject:
    """A result on the pixels that it was fitted on.

    Attributes
    ----------
    result : what is assessed
    spectra : (N, B_good)
    endmembers : (P, B_good)
    abundances : (N, P)
    illumination : (N,), one where it was not free
    regions : (N,) declared region of each pixel from 1, 0 = none
    valid : (H, W) where the N pixels are, in row-major order
    noise : white noise level
    alpha : (R, P) the declared regions' Dirichlet parameters, or None where the method fits none
    contribution : (N, K) scores and (K, B_good) basis of what the fit adds to s·aM, or None
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
    contribution: Contribution | None = None

    @property
    def findings(self) -> Findings:
        """How the result came about."""
        return self.result.findings

    @property
    def recipe(self) -> Recipe:
        """How its endmembers were found."""
        return self.result.findings.recipe

    @property
    def count(self) -> int:
        """P."""
        return len(self.endmembers)

    @property
    def inversion(self) -> Inversion:
        """Whether brightness was free."""
        return self.result.inversion

    @property
    def linear(self) -> bool:
        """Whether the result's mixing is linear."""
        return self.findings.mixing.kept == "linear"

    @property
    def clean(self) -> FloatArray:
        """(N, B_good) s·aM: what linear mixing makes of the result."""
        return mixed(self.abundances, self.endmembers, self.illumination)

    @property
    def residual(self) -> FloatArray:
        """(N, B_good) spectra minus what the result makes of them."""
        return np.asarray(self.spectra - mixed(self.abundances, self.endmembers, self.illumination, self.contribution))

    def outside_signal(self) -> tuple[FloatArray, FloatArray]:
        """(N, B) what the best subspace of P endmembers leaves of the spectra, and its basis (B, K): affine, or linear where brightness is free."""
        spectra = self.inversion.from_origin(self.spectra)
        dimension = self.inversion.dimension(self.count)
        basis = np.linalg.eigh(spectra.T @ spectra)[1][:, ::-1][:, :dimension]
        return np.asarray(spectra - (spectra @ basis) @ basis.T), np.asarray(basis)

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


def gather(cube: Cube, result: Unmixing) -> Subject:
    """Prepare a result of this cube; pixels without an answer are left out."""
    declared, alpha = result.findings.declared_regions, result.findings.alpha
    regions = np.zeros(cube.shape[:2], dtype=int) if result.regions is None else result.regions
    regions = np.where(regions <= declared, regions, 0).astype(int)
    valid = _read(cube.valid_pixels & np.isfinite(result.abundances).all(axis=2), regions)
    spectra = cube.spectra[valid][:, cube.good_bands].astype(np.float64)
    endmembers = result.endmembers[:, cube.good_bands]
    light = np.ones(len(spectra)) if result.illumination is None else result.illumination[valid].astype(np.float64)
    contribution = result.contribution
    return Subject(
        result=result,
        spectra=spectra,
        endmembers=endmembers,
        abundances=result.abundances[valid].astype(np.float64),
        illumination=light,
        regions=regions[valid],
        valid=valid,
        noise=result.findings.noise or noise_level(spectra, len(endmembers)),
        alpha=None if alpha is None or not declared else np.array(alpha),
        contribution=None if contribution is None else contribution.of(valid, cube.good_bands),
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
