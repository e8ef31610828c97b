"""The screening of a cube: each rule in its turn, on what the rules before it left."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.screening.bands import Holes, a_few, band_noise, holes, noisy_bands, stuck_bands
from napari_unmix.screening.blocks import Extremes, Float32, Unusable, extremes, sampled
from napari_unmix.screening.lines import filled, search, some_lines
from napari_unmix.screening.no_data import fill_values, repeated_pixels, zero_pixels
from napari_unmix.screening.saturation import saturated_bands
from napari_unmix.screening.spikes import NO_SPIKES, Usual, find_spikes, usual_jumps

_SAMPLE = 4000
_FEWEST_BANDS, _FEWEST_PIXELS = 2, 20  # below, nothing is told from anything
_MUCH = 0.1  # of the pixels: who loses more is told which band costs most
_MOST_NAMED = 8
_KEPT = "--repair none keeps them"
_BY_JUMPS = {"lines", "spikes"}  # repairs that ask how pixels differ from their neighbours
# What a screening keeps as long as these are the same arrays.
_FOUND_IN = {"bounds": ("spectra", "valid_pixels"), "usual": ("spectra", "good_bands", "valid_pixels")}


@dataclass(frozen=True, eq=False)
class Screened:
    """What is left of a cube, and what was done, in sentences that name the option which changes it.

    ``spectra`` (H, W, B) are the array that was given, or a copy where numbers were mended. ``fills`` and ``empty`` are the numbers, and
    the spectra (B,), that were found to be no data.
    """

    spectra: Float32
    good_bands: BoolArray
    valid_pixels: BoolArray
    remarks: tuple[str, ...] = ()
    fills: tuple[np.float32, ...] = ()
    empty: tuple[Float32, ...] = ()

    @cached_property
    def bounds(self) -> Extremes:
        """The extremes of its columns and lines; most cubes need them once."""
        return extremes(self.spectra, Unusable(self.valid_pixels))

    @cached_property
    def usual(self) -> Usual | None:
        """What is usual among its good bands and valid pixels; most cubes need it once."""
        return usual_jumps(self.spectra, self.good_bands, self.valid_pixels)

    @property
    def largest(self) -> float | None:
        """The largest absolute usable number of its good bands; None where that takes another walk."""
        if "bounds" not in self.__dict__:
            return None
        low, high = (np.nan_to_num(of[self.good_bands], nan=0.0) for of in (self.bounds.low, self.bounds.high))
        return max(0.0, float(high.max()), -float(low.min()))

    def changed(self, **changes: Any) -> Screened:
        """The same with these fields, and with what was found out already of those that stay."""
        new = replace(self, **changes)
        for name, seen in _FOUND_IN.items():
            if name in self.__dict__ and all(getattr(new, field) is getattr(self, field) for field in seen):
                new.__dict__[name] = self.__dict__[name]
        return new

    def without(self, remark: str, *, bands: BoolArray | None = None, pixels: BoolArray | None = None) -> Screened:
        """Without these bands (B,) and pixels (H, W), unless nothing usable would be left."""
        good = self.good_bands if bands is None else self.good_bands & ~bands
        valid = self.valid_pixels if pixels is None else self.valid_pixels & ~pixels
        if good.sum() < 2 or not valid.any():
            return self
        return self.changed(good_bands=good, valid_pixels=valid, remarks=(*self.remarks, remark))


def screen(
    spectra: Float32,
    good_bands: BoolArray,
    valid_pixels: BoolArray,
    *,
    repair: frozenset[str],
    scale: float = 1.0,
    ceiling: float | None = None,
) -> Screened:
    """Leave out, or mend, what is no data or broken in (H, W, B) spectra, which were divided by ``scale``.

    ``good_bands`` (B,) and ``valid_pixels`` (H, W) are what the file declares, ``repair`` the names of the rules that may act
    (``reading.REPAIRS``), ``ceiling`` the stored number at which the instrument saturates. Never fails: what would leave nothing is not done.
    """
    state = Screened(spectra, good_bands, valid_pixels)
    if good_bands.sum() < _FEWEST_BANDS or valid_pixels.sum() < _FEWEST_PIXELS:
        return state
    if "no-data" in repair:
        state = _without_fills(state, scale, "bands" in repair)
        state = _without_masks(state)
    if "bands" in repair:
        state = _without_bad_bands(state)
    usual = state.usual if repair & _BY_JUMPS else None
    if "lines" in repair and usual is not None:
        state = _without_failed_elements(state, usual)
    if "saturation" in repair:
        state = _without_saturation(state, scale, ceiling)
    if "spikes" in repair and usual is not None:
        state = _without_spikes(state)
    return state


def _without_fills(state: Screened, scale: float, bands_too: bool) -> Screened:
    fills = fill_values(state.spectra, state.good_bands, state.valid_pixels, scale, state.bounds)
    if not fills:
        return state
    usable = Unusable(state.valid_pixels, fills)
    names = " or ".join(f"{value * scale:.7g}" for value in fills)
    state = state.changed(fills=fills)
    return _without_holes(state, usable, f"hold {names}, which is no data", "--no-data none keeps them", bands_too)


def _without_holes(state: Screened, usable: Unusable, why: str, option: str, bands_too: bool) -> Screened:
    """Without what costs least of the bands and pixels in which numbers are unusable."""
    found = holes(state.good_bands, state.valid_pixels, lambda part: usable.missing(state.spectra[part]), bands_too)
    return state if found is None else _without_found(state, found, why, option)


def _without_found(state: Screened, found: Holes, why: str, option: str) -> Screened:
    total = int(state.valid_pixels.sum())
    if found.bands.any():
        most = found.missing[found.bands].max() / total
        said = f"{_named(found.bands)} {why}, in up to {most:.0%} of the pixels: left out ({option})"
        state = state.without(said, bands=found.bands)
    if found.pixels.any():
        worst = int(np.argmax(np.where(found.bands, 0, found.missing)))
        lost = found.pixels.mean()
        where = (
            f", most of them in band {worst + 1}" if lost > _MUCH and found.missing[worst] < found.pixels.sum() else ""
        )
        state = state.without(
            f"{int(found.pixels.sum())} of {total} pixels {why}{where}: left out ({option})", pixels=found.pixels
        )
    return state


def _without_masks(state: Screened) -> Screened:
    """Without pixels that are zero, or that share one spectrum bit by bit."""
    for pixels, what in (
        (zero_pixels, "are zero in all bands"),
        (repeated_pixels, "share a spectrum bit by bit"),
    ):
        found = pixels(state.spectra, state.good_bands, state.valid_pixels)
        if found.any():
            total = int(state.valid_pixels.sum())
            said = f"{int(found.sum())} of {total} pixels {what}: left out as no data (--no-data none keeps them)"
            state = state.changed(empty=(*state.empty, *_kinds(state.spectra[found], state.good_bands)))
            state = state.without(said, pixels=found)
    return state


def _kinds(spectra: Float32, good_bands: BoolArray) -> Float32:
    """(K, B) one of each kind among (N, B) spectra, by their good bands: as few as a mask has."""
    _, first = np.unique(spectra[:, good_bands], axis=0, return_index=True)
    return np.asarray(spectra[first])


def _without_bad_bands(state: Screened) -> Screened:
    usable = Unusable(state.valid_pixels)
    if not state.bounds.whole:
        state = _without_holes(state, usable, "have no finite number", "--bands all keeps the bands", True)
    constant = state.good_bands & (state.bounds.low == state.bounds.high)
    if constant.any():
        said = f"{_named(constant)} hold one number everywhere: left out (--bands all keeps them)"
        state = state.without(said, bands=constant)
    sample = sampled(state.spectra, state.valid_pixels, state.good_bands, _SAMPLE)
    state = _without_bands(state, _spread(stuck_bands(sample), state.good_bands), "hold one number in most pixels")
    if state.usual is None:
        return state
    noise = band_noise(
        *neighbours(state.spectra, state.valid_pixels, state.good_bands, _SAMPLE // 2), state.usual.noise
    )
    if noise is None:
        return state
    noisy = noisy_bands(noise)
    if not noisy.any():
        return state
    times = f"{_about(float(np.median(noise.ratio[noisy])))} times the noise of the others"
    return _without_bands(state, _spread(noisy, state.good_bands), f"have {times} and little else")


def _without_bands(state: Screened, bands: BoolArray, why: str) -> Screened:
    """Without these bands (B,); so many of them that they are no fault are only spoken of."""
    if not bands.any():
        return state
    if not a_few(bands, state.good_bands):
        remark = f"{_named(bands)} {why}: kept, for they are many (--bands leaves bands out)"
        return state.changed(remarks=(*state.remarks, remark))
    return state.without(f"{_named(bands)} {why}: left out (--bands all keeps them)", bands=bands)


def _without_saturation(state: Screened, scale: float, ceiling: float | None) -> Screened:
    usable = Unusable(state.valid_pixels)
    high = state.bounds.high
    full = saturated_bands(state.spectra, usable, state.bounds, state.good_bands, scale=scale, ceiling=ceiling)
    if not full.any():
        return state
    found = holes(state.good_bands, state.valid_pixels, lambda part: (state.spectra[part] == high) & full)
    values = " or ".join(f"{value * scale:.6g}" for value in np.unique(high[full])[-2:])
    return (
        state
        if found is None
        else _without_found(state, found, f"are saturated at {values}, the highest number, which repeats", _KEPT)
    )


def _without_failed_elements(state: Screened, usual: Usual) -> Screened:
    usable, good = Unusable(state.valid_pixels), state.good_bands
    bounds = state.bounds
    columns = search(
        some_lines(state.spectra, usable, good), bounds.column_low[:, good], bounds.column_high[:, good], usual
    )
    turned = Unusable(state.valid_pixels.T)
    lines = search(
        some_lines(state.spectra.swapaxes(0, 1), turned, good), bounds.row_low[:, good], bounds.row_high[:, good], usual
    )
    out_columns, out_lines = _widened(columns.left_out, good), _widened(lines.left_out, good)
    found = holes(good, state.valid_pixels, lambda part: out_columns | out_lines[part][:, None])
    if found is not None:
        state = _without_found(
            state, found, f"lie in {_lines_named(out_columns, out_lines)} that stand off or hold one number", _KEPT
        )
    for elements, what in ((columns, "column"), (lines, "line")):
        count = int(elements.mended.sum())
        if count:
            mended = filled(
                state.spectra,
                _widened(elements.mended, good),
                _widened(elements.failed, good),
                along_rows=what == "line",
            )
            remark = f"{count} detector elements ({what} × band) failed: filled from the {what}s beside them ({_KEPT})"
            state = state.changed(spectra=mended, remarks=(*state.remarks, remark))
    return state


def _without_spikes(state: Screened) -> Screened:
    usual = state.usual
    found = find_spikes(state.spectra, state.good_bands, state.valid_pixels, usual) if usual is not None else NO_SPIKES
    if not found.rows.size:
        return state
    pixels = np.unique(found.rows * state.valid_pixels.shape[1] + found.columns).size
    remark = f"{found.rows.size} numbers in {pixels} pixels are spikes: replaced by what their neighbours say ({_KEPT})"
    return state.changed(spectra=found.mend(state.spectra), remarks=(*state.remarks, remark))


def neighbours(
    spectra: Float32, valid_pixels: BoolArray, good_bands: BoolArray, count: int
) -> tuple[FloatArray, FloatArray]:
    """(≤ count, good bands) spectra of valid pixels and of those beside them, in a column where there is only one."""
    step = (0, 1) if valid_pixels.shape[1] > 1 else (1, 0)
    height, width = valid_pixels.shape
    both = valid_pixels[: height - step[0], : width - step[1]] & valid_pixels[step[0] :, step[1] :]
    rows, columns = np.nonzero(both)
    some = np.sort(np.random.default_rng(0).choice(rows.size, min(count, rows.size), replace=False, shuffle=False))
    rows, columns = rows[some], columns[some]
    first, second = spectra[rows, columns], spectra[rows + step[0], columns + step[1]]
    return np.asarray(first[:, good_bands], np.float64), np.asarray(second[:, good_bands], np.float64)


def _spread(flags: BoolArray, good_bands: BoolArray) -> BoolArray:
    """Flags of the good bands as flags of all bands (B,)."""
    return np.asarray(_widened(flags[None], good_bands)[0])


def _widened(elements: BoolArray, good_bands: BoolArray) -> BoolArray:
    """(N, good bands) flags as (N, B)."""
    wide = np.zeros((len(elements), good_bands.size), bool)
    wide[:, good_bands] = elements
    return wide


def _named(bands: BoolArray) -> str:
    """6 bands (1–3, 58–60)."""
    count = int(bands.sum())
    return f"{count} band{'s' * (count > 1)} ({_ranges(np.flatnonzero(bands) + 1)})"


def _about(number: float) -> str:
    """4.2, 38, 250."""
    return f"{number:.1f}" if number < 10 else f"{number:.0f}"


def _lines_named(columns: BoolArray, lines: BoolArray) -> str:
    """Columns 18, 42 and line 3."""
    parts = []
    for elements, what in ((columns, "column"), (lines, "line")):
        numbers = np.flatnonzero(elements.any(axis=1)) + 1
        if numbers.size:
            parts.append(f"{what}{'s' * (numbers.size > 1)} {_ranges(numbers)}")
    return " and ".join(parts)


def _ranges(numbers: IntArray) -> str:
    """1–3, 58–60; the first few of many."""
    runs = np.split(numbers, np.flatnonzero(np.diff(numbers) > 1) + 1)
    said = [f"{run[0]}–{run[-1]}" if run.size > 1 else f"{run[0]}" for run in runs]
    return ", ".join(said[:_MOST_NAMED]) + (", …" if len(said) > _MOST_NAMED else "")
