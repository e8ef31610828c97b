"""What a fit yields and what it returns: small frozen values, torch-free."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.spec import MethodSpec

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Preview:
    """The answer so far: endmembers (P, B) with NaN in excluded bands, abundances (H, W, P) float32 with NaN in invalid pixels."""

    endmembers: FloatArray
    abundances: FloatArray


@dataclass(frozen=True)
class Progress:
    """One step of a fit.

    ``stage`` says what happens now, in the user's words ("finding endmembers"). ``fraction`` is the share of the whole run that is
    done, 0–1. ``loss`` is the objective per pixel where the stage has one. ``snapshot`` makes a preview on demand: call it from the
    thread that drives the generator, between two steps, and only as often as you show it.
    """

    stage: str
    step: int
    total: int
    fraction: float
    loss: float | None = None
    snapshot: Callable[[], Preview] | None = field(default=None, compare=False, repr=False)


Fit = Generator[Progress, None, T]


@dataclass(frozen=True, eq=False)
class Bend:
    """What a mixing that is not linear, or varying endmembers, add to s·aM: ``scores`` (H, W, K) float32 times ``basis`` (K, B)."""

    scores: FloatArray
    basis: FloatArray


@dataclass(frozen=True, eq=False)
class Unmixing:
    """The result of a run.

    Attributes
    ----------
    endmembers : (P, B) float64, in the cube's units (largest value 1 with free illumination); NaN in excluded bands
    abundances : (H, W, P) float32, non-negative, summing to one; NaN in invalid pixels
    abundance_std : (H, W, P) float32, posterior standard deviation, or None where the method has none
    illumination : (H, W) float32, the per-pixel scale, or None where abundances sum to one on the spectra as given
    reconstruction_error : (H, W) float32, root mean square over the good bands of spectrum minus reconstruction
    names : one per endmember
    spec : the spec of the run, complete
    notes : sentences on what the method found or could not use, for the user
    history : (stage, step, loss) of the steps that had a loss
    details : arrays and numbers that the report needs (by method), e.g. ``noise_std``, ``regions`` (H, W) int with 0 = unknown
    model : name -> array, the fitted parameters that are saved with the run
    seconds : wall time of the whole run
    bend : what the fit adds to s·aM, or None where mixing is linear
    """

    endmembers: FloatArray
    abundances: FloatArray
    abundance_std: FloatArray | None
    illumination: FloatArray | None
    reconstruction_error: FloatArray
    names: tuple[str, ...]
    spec: MethodSpec
    notes: tuple[str, ...] = ()
    history: tuple[tuple[str, int, float], ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
    model: dict[str, FloatArray] = field(default_factory=dict)
    seconds: float = 0.0
    bend: Bend | None = None

    @property
    def reconstruction_rmse(self) -> float:
        """Root mean square of spectrum minus reconstruction, over valid pixels and good bands."""
        return float(np.sqrt(np.nanmean(np.square(self.reconstruction_error, dtype=np.float64))))

    def reconstruction(self, row: int, column: int) -> FloatArray:
        """(B,) the fitted spectrum of one pixel, NaN in excluded bands."""
        scale = 1.0 if self.illumination is None else float(self.illumination[row, column])
        linear = scale * (self.abundances[row, column].astype(np.float64) @ self.endmembers)
        if self.bend is None:
            return np.asarray(linear)
        return np.asarray(linear + self.bend.scores[row, column].astype(np.float64) @ self.bend.basis)


def drain(fit: Fit[T], on_progress: Callable[[Progress], None] | None = None) -> T:
    """Run a generator to its end and return its result; the command line and the tests drive fits with this."""
    try:
        while True:
            event = next(fit)
            if on_progress is not None:
                on_progress(event)
    except StopIteration as end:
        result: T = end.value
        return result
