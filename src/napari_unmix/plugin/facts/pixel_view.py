"""What one pixel is made of: a pure function of the session's facts. No Qt, no viewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Preview, Unmixing
from napari_unmix.cube import Cube, FloatArray


@dataclass(frozen=True, eq=False)
class PixelView:
    """One pixel.

    Attributes
    ----------
    row, column : its place
    measured : (B,) the cube's spectrum, NaN in excluded bands
    valid : whether the pixel holds data
    reconstruction, residual : (B,) the fitted spectrum and measured minus fitted, or None before there is a fit
    abundances : (P,) shares of one, or None; ``spread`` (P,) their posterior standard deviation, or None
    brightness : the pixel's illumination, 1 where it is not free
    """

    row: int
    column: int
    measured: FloatArray
    valid: bool
    reconstruction: FloatArray | None = None
    residual: FloatArray | None = None
    abundances: FloatArray | None = None
    spread: FloatArray | None = None
    brightness: float = 1.0


def pixel_view(cube: Cube, fitted: Preview | Unmixing | None, row: int, column: int) -> PixelView:
    """Look at one pixel of the cube, with the fit so far or the result."""
    measured = cube.spectra[row, column].astype(np.float64)
    measured[~cube.good_bands] = np.nan
    valid = bool(cube.valid_pixels[row, column])
    if fitted is None or not valid or not np.isfinite(fitted.abundances[row, column]).all():
        return PixelView(row, column, measured, valid)
    shares = fitted.abundances[row, column].astype(np.float64)
    spread, brightness = None, 1.0
    if isinstance(fitted, Unmixing):
        reconstruction = fitted.reconstruction(row, column)
        spread = None if fitted.abundance_std is None else fitted.abundance_std[row, column].astype(np.float64)
        brightness = 1.0 if fitted.illumination is None else float(fitted.illumination[row, column])
    else:
        reconstruction = _brightness_matched(shares @ fitted.endmembers, measured)
    reconstruction[~cube.good_bands] = np.nan  # bands may have been excluded since the fit
    return PixelView(
        row, column, measured, valid, reconstruction, measured - reconstruction, shares, spread, brightness
    )


def _brightness_matched(mixture: FloatArray, measured: FloatArray) -> FloatArray:
    """A preview holds no illumination: the least-squares brightness stands in for it while a run is under way."""
    good = np.isfinite(mixture) & np.isfinite(measured)
    power = float(mixture[good] @ mixture[good])
    return mixture * (float(mixture[good] @ measured[good]) / power) if power > 0 else mixture


def share_text(share: float, spread: float | None = None) -> str:
    """A share in per cent, with no more digits than its spread supports."""
    if spread is None or not np.isfinite(spread):
        return f"{100 * share:.0f} %"
    if spread < 0.0005:
        return f"{100 * share:.1f} ± <0.1 %"
    if spread < 0.005:
        return f"{100 * share:.1f} ± {100 * spread:.1f} %"
    return f"{100 * share:.0f} ± {100 * spread:.0f} %"
