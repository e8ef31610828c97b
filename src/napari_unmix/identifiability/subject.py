"""What the checks read: the result and its cube's valid pixels, prepared once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Contribution, Unmixing, mixed
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.findings import Findings, Recipe
from napari_unmix.identifiability.variation import Variation, patch_side, variation_of
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.noise import AlikeNoise, alike_noise
from napari_unmix.rows.repeats import counted_once
from napari_unmix.rows.subspace import eigenvalues, independent_pixels, noise_level, principal

# Of larger scenes, painted pixels first and some of the others are read: the report has seconds, and more change no verdict.
MOST_PIXELS = 60_000
# The largest eigenvalue that noise alone gives, with room for its sampling error.
_EDGE = 1.25


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
    noise : level of the noise in a band
    alpha : (R, P) the declared regions' Dirichlet parameters, or None where the method fits none
    contribution : (N, K) scores and (K, B_good) basis of what the fit adds to s·aM, or None
    alike : the noise's likeness in neighbouring bands, or None where it is white
    variation : how the materials' spectra vary from pixel to pixel, or None where the fit found none
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
    alike: AlikeNoise | None = None
    variation: Variation | None = None

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
    def searched(self) -> BoolArray:
        """(P,) the endmembers that were found; the others were given and held, and nothing is claimed of them."""
        return ~np.isin(np.arange(self.count), self.findings.held)

    @property
    def held(self) -> str:
        """ "rock (from the library) and soil": the endmembers that are as they were given; "" where there are none."""
        given = {k: one for k, one in enumerate(self.findings.given) if one is not None}
        names = self.result.names
        said = [
            f"{names[k]} ({given[k].source})" if given[k].source else names[k]
            for k in self.findings.held
            if k < self.count
        ]
        return listed(said) if said else ""

    @property
    def inversion(self) -> Inversion:
        """Whether brightness was free."""
        return self.result.inversion

    @property
    def linear(self) -> bool:
        """Whether the result's mixing is linear."""
        return self.findings.mixing.kept == "linear"

    @property
    def amounts(self) -> FloatArray:
        """(N, P) s·a."""
        return np.asarray(self.illumination[:, None] * self.abundances)

    @property
    def clean(self) -> FloatArray:
        """(N, B_good) s·aM: what linear mixing makes of the result."""
        return mixed(self.abundances, self.endmembers, self.illumination)

    @property
    def residual(self) -> FloatArray:
        """(N, B_good) spectra minus what the result makes of them."""
        return np.asarray(self.spectra - mixed(self.abundances, self.endmembers, self.illumination, self.contribution))

    @property
    def patch_side(self) -> int:
        """Side in pixels of the squares in which spectra vary together; one where the fit found no law."""
        if self.variation is None:
            return 1
        return patch_side(self.variation, self.residual, self.amounts, self.valid, self.noise)

    def unexplained(self, rows: IntArray) -> FloatArray:
        """(n, B_good) residual of ``rows`` in units of the noise; where the fit found how spectra vary, that is noise as well."""
        if self.variation is None:
            return np.asarray(self.residual[rows] / self.noise)
        return self.variation.whitened(self.residual[rows], self.amounts[rows], self.noise)

    def outside_signal(self) -> tuple[FloatArray, FloatArray]:
        """(N, B) what the best subspace of P endmembers leaves of the spectra, and its basis (B, K): affine, or linear where brightness is free."""
        spectra = self.inversion.from_origin(self.spectra)
        dimension = self.inversion.dimension(self.count)
        basis = principal(spectra, dimension)[1].T
        return np.asarray(spectra - (spectra @ basis) @ basis.T), np.asarray(basis)

    @property
    def noise_in_plane(self) -> float:
        """Level of the noise in a direction that spectra have: smooth ones hold more of a noise that is alike in neighbouring bands."""
        return self.noise if self.alike is None else self.noise * float(np.sqrt(self.alike.strongest))

    @property
    def noise_edge(self) -> float:
        """The largest eigenvalue that noise alone may give, in noise variances (Marchenko & Pastur 1967); a repeated spectrum is one pixel."""
        pixels, bands = independent_pixels(self.spectra), self.spectra.shape[1]
        return _EDGE * float(1 + np.sqrt(bands / pixels)) ** 2 * (self.noise_in_plane / self.noise) ** 2

    @property
    def directions(self) -> int:
        """In how many directions, from zero, the spectra rise over the noise."""
        return int((eigenvalues(self.spectra) / self.noise**2 > self.noise_edge).sum())

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
        return listed([self.result.names[int(k)] for k in chosen])


def listed(names: Sequence[str]) -> str:
    """ "rock", "rock and soil", "rock, soil and water"."""
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
    contribution, alike, noise = result.contribution, alike_noise(counted_once(spectra)), result.findings.noise
    return Subject(
        result=result,
        spectra=spectra,
        endmembers=endmembers,
        abundances=result.abundances[valid].astype(np.float64),
        illumination=light,
        regions=regions[valid],
        valid=valid,
        noise=noise if noise and alike is None else noise_level(spectra, len(endmembers)),
        alpha=None if alpha is None or not declared else np.array(alpha),
        contribution=None if contribution is None else contribution.of(valid, cube.good_bands),
        alike=alike,
        variation=variation_of(result.model, endmembers),
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
