"""The answer of a run: a small frozen value, torch-free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.findings import GIVEN, Findings, GivenFound, Note, given_in
from napari_unmix.given import Given
from napari_unmix.rows.inversion import Inversion, inversion
from napari_unmix.spec import MethodSpec

# Pixels that are averaged at once.
_AT_ONCE = 2_000_000


@dataclass(frozen=True, eq=False)
class Contribution:
    """What a mixing that is not linear, or varying endmembers, add to s·aM: ``scores`` (N, K) or (H, W, K) times ``basis`` (K, B)."""

    scores: FloatArray
    basis: FloatArray

    def of(self, pixels: Any, bands: BoolArray | slice = slice(None)) -> Contribution:
        """The part of some ``pixels`` (an index of ``scores``) in some ``bands``, in double precision."""
        return Contribution(np.asarray(self.scores[pixels], dtype=np.float64), self.basis[:, bands])


def mixed(
    abundances: FloatArray,
    endmembers: FloatArray,
    illumination: FloatArray | None = None,
    contribution: Contribution | None = None,
) -> FloatArray:
    """The forward model: s·aM + contribution of (N, P) abundances, (P, B) endmembers, (N,) illumination, and ``contribution`` (N, K), (K, B)."""
    amounts = abundances if illumination is None else illumination[:, None] * abundances
    linear = amounts @ endmembers
    return linear if contribution is None else linear + contribution.scores @ contribution.basis


@dataclass(frozen=True, eq=False)
class Unmixing:
    """The result of a run.

    Attributes
    ----------
    endmembers : (P, B) float64, in the cube's units (largest value 1 with free illumination, unless they keep their own brightness); NaN in
        excluded bands
    abundances : (H, W, P) float32, non-negative, summing to one unless ``inversion`` says otherwise; NaN in invalid pixels
    abundance_std : (H, W, P) float32, posterior standard deviation, or None where the method has none
    illumination : (H, W) float32, the per-pixel scale, or None where abundances sum to one on the spectra as given
    reconstruction_error : (H, W) float32, root mean square over the good bands of spectrum minus reconstruction
    names : one per endmember
    spec : the spec of the run, complete
    notes : what the method found or could not use, for the user
    history : (stage, step, loss) of the steps that had a loss
    findings : how the answer came about
    regions : (H, W) int, the auxiliary variable u, 0 = unknown; None where the method reads none
    model : name -> array, the fitted parameters that are saved with the run
    seconds : wall time of the whole run
    contribution : what the fit adds to s·aM, or None where mixing is linear
    """

    endmembers: FloatArray
    abundances: FloatArray
    abundance_std: FloatArray | None
    illumination: FloatArray | None
    reconstruction_error: FloatArray
    names: tuple[str, ...]
    spec: MethodSpec
    notes: tuple[Note, ...] = ()
    history: tuple[tuple[str, int, float], ...] = ()
    findings: Findings = field(default_factory=Findings)
    regions: IntArray | None = None
    model: dict[str, FloatArray] = field(default_factory=dict)
    seconds: float = 0.0
    contribution: Contribution | None = None

    @property
    def inversion(self) -> Inversion:
        """How abundances follow from spectra."""
        lit, spec = self.illumination is not None, self.spec
        return inversion(free_light=lit, own_brightness=spec.own_brightness, maps=spec.maps)

    @property
    def given(self) -> Given | None:
        """The endmembers that were given: found in ``findings`` and in ``model``, which are saved; None where nothing was."""
        return given_in(self.findings.given, self.model.get(GIVEN))

    def with_given(self, given: Given | None) -> Unmixing:
        """The result of a run to which these were given."""
        if given is None:
            return self
        found = tuple(
            GivenFound(place=k, name=given.names[k], held=bool(given.held[k]), source=given.sources[k])
            for k in range(len(given))
        )
        findings = self.findings.model_copy(update={"given": found})
        return replace(self, findings=findings, model={**self.model, GIVEN: given.spectra})

    @property
    def reconstruction_rmse(self) -> float:
        """Root mean square of spectrum minus reconstruction, over valid pixels and good bands."""
        error = self.reconstruction_error
        if error.size <= _AT_ONCE:
            return float(np.sqrt(np.nanmean(np.square(error, dtype=np.float64))))
        lines = max(1, _AT_ONCE // error.shape[-1])  # no copy of so many in double precision
        parts = [error[start : start + lines] for start in range(0, len(error), lines)]
        squares = sum(float(np.nansum(np.square(part, dtype=np.float64))) for part in parts)
        return float(np.sqrt(squares / max(1, sum(int(np.isfinite(part).sum()) for part in parts))))

    def reconstruction(self, row: int, column: int) -> FloatArray:
        """(B,) the fitted spectrum of one pixel, NaN in excluded bands."""
        return np.asarray(self._mixed((np.array([row]), np.array([column])), slice(None))[0])

    def residual(self, cube: Cube, where: BoolArray) -> FloatArray:
        """(N, B_good) spectra minus what the result makes of them, of the pixels ``where`` (H, W), in row-major order."""
        spectra = cube.spectra[where][:, cube.good_bands].astype(np.float64)
        return np.asarray(spectra - self._mixed(np.nonzero(where), cube.good_bands))

    def _mixed(self, where: tuple[IntArray, ...], bands: BoolArray | slice) -> FloatArray:
        def rows(image: FloatArray) -> FloatArray:
            return np.asarray(image[where], dtype=np.float64)

        light = None if self.illumination is None else rows(self.illumination)
        contribution = None if self.contribution is None else self.contribution.of(where, bands)
        fitted: FloatArray = mixed(rows(self.abundances), self.endmembers[:, bands], light, contribution)
        return fitted
