"""What one pixel, or the mean of those around it, is made of: a pure function of the session's facts. No Qt, no viewer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.progress import Preview

SIZES = (1, 3, 5, 9)  # pixels across of the window that is averaged


@dataclass(frozen=True, eq=False)
class PixelView:
    """One pixel, or the mean of the window around it.

    Attributes
    ----------
    row, column : its place
    measured : (B,) the cube's spectrum, NaN in excluded bands
    valid : whether the pixel holds data; of a window, whether any does
    reconstruction, residual : (B,) the fitted spectrum and measured minus fitted, or None before there is a fit
    abundances : (P,) shares of one, or None; ``spread`` (P,) their posterior standard deviation, or None
    brightness : the pixel's illumination, 1 where it is not free
    pixels : how many were averaged; ``deviation`` (B,) is the standard deviation among them, None of one
    amounts : (P,) brightness times share of each endmember: what its spectrum takes part with; None before there is a fit
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
    pixels: int = 1
    deviation: FloatArray | None = None
    amounts: FloatArray | None = None


def pixel_view(cube: Cube, fitted: Preview | Unmixing | None, row: int, column: int, size: int = 1) -> PixelView:
    """Look at one pixel of the cube, with the fit so far or the result; ``size`` > 1 averages the valid pixels of so large a window."""
    rows, columns = _window(cube, row, column, size)
    if not rows.size:
        return PixelView(row, column, _good(cube, cube.spectra[row, column].astype(np.float64)), False)
    if fitted is not None:
        known = np.isfinite(fitted.abundances[rows, columns]).all(axis=1)
        if known.any():
            return _fitted_view(cube, fitted, (row, column), rows[known], columns[known])
    measured, deviation = _mean(cube, rows, columns)
    return PixelView(row, column, measured, True, pixels=rows.size, deviation=deviation)


def _fitted_view(
    cube: Cube, fitted: Preview | Unmixing, place: tuple[int, int], rows: IntArray, columns: IntArray
) -> PixelView:
    """The mean of pixels that took part in the fit; a ± is the root mean square of theirs: they share the endmembers' error."""
    measured, deviation = _mean(cube, rows, columns)
    each = fitted.abundances[rows, columns].astype(np.float64)  # (n, P)
    shares = each.mean(axis=0)
    spread, light = None, np.ones(rows.size)
    if isinstance(fitted, Unmixing):
        if fitted.abundance_std is not None:
            spread = np.sqrt((fitted.abundance_std[rows, columns].astype(np.float64) ** 2).mean(axis=0))
        if fitted.illumination is not None:
            light = fitted.illumination[rows, columns].astype(np.float64)
        pixels = zip(rows.tolist(), columns.tolist(), strict=True)
        reconstruction = np.mean([fitted.reconstruction(*pixel) for pixel in pixels], axis=0)
        amounts = (light[:, None] * each).mean(axis=0)
    else:
        mixture = shares @ fitted.endmembers
        factor = _matched_brightness(mixture, measured)
        reconstruction, amounts = mixture * factor, shares * factor
    reconstruction = _good(cube, reconstruction)  # bands may have been excluded since the fit
    return PixelView(
        *place,
        measured,
        True,
        reconstruction,
        measured - reconstruction,
        shares,
        spread,
        float(light.mean()),
        rows.size,
        deviation,
        amounts,
    )


def contributions(view: PixelView, endmembers: FloatArray) -> tuple[FloatArray, FloatArray] | None:
    """(P, B) what each endmember adds to the pixel's reconstruction, brightness × share × spectrum, and (B,) what mixing adds beyond them.

    All together are the reconstruction. None before there is a fit.
    """
    if view.amounts is None or view.reconstruction is None or len(view.amounts) != len(endmembers):
        return None
    parts = view.amounts[:, None] * endmembers
    return parts, view.reconstruction - parts.sum(axis=0)


def _window(cube: Cube, row: int, column: int, size: int) -> tuple[IntArray, IntArray]:
    """Rows and columns of the valid pixels of a window, cut off at the image's edge."""
    half = size // 2
    top, left = max(0, row - half), max(0, column - half)
    rows, columns = np.nonzero(cube.valid_pixels[top : row + half + 1, left : column + half + 1])
    return rows + top, columns + left


def _mean(cube: Cube, rows: IntArray, columns: IntArray) -> tuple[FloatArray, FloatArray | None]:
    spectra = cube.spectra[rows, columns].astype(np.float64)
    deviation = _good(cube, spectra.std(axis=0, ddof=1)) if rows.size > 1 else None
    return _good(cube, spectra.mean(axis=0)), deviation


def _good(cube: Cube, spectrum: FloatArray) -> FloatArray:
    return np.where(cube.good_bands, spectrum, np.nan)


def _matched_brightness(mixture: FloatArray, measured: FloatArray) -> float:
    """A preview holds no illumination: the least-squares brightness stands in for it while a run is under way."""
    good = np.isfinite(mixture) & np.isfinite(measured)
    power = float(mixture[good] @ mixture[good])
    return float(mixture[good] @ measured[good]) / power if power > 0 else 1.0


def share_text(share: float, spread: float | None = None) -> str:
    """A share in per cent, with no more digits than its spread supports."""
    if spread is None or not np.isfinite(spread):
        return f"{100 * share:.0f} %"
    if spread < 0.0005:
        return f"{100 * share:.1f} ± <0.1 %"
    if spread < 0.005:
        return f"{100 * share:.1f} ± {100 * spread:.1f} %"
    return f"{100 * share:.0f} ± {100 * spread:.0f} %"
