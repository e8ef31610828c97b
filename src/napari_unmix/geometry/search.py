"""The rule that chooses how endmembers are found, from the data alone, and says which way it took and why.

1. The noise is calibrated so that the residual of an exact linear model is one (χ = 1).
2. Real variability (χ_lin > 1.25): robust archetypes on the sphere; the exact cone where both disagree much. Up to χ_lin = 2, 3 as well, and the one
   that leaves less.
3. Otherwise archetypes in affine coordinates (sum-to-one and χ_aff ≤ 1.04) or perspective coordinates (all else).
4. Pixels outside the archetypes' hull beyond what noise explains: no pure pixels, so noise-calibrated minimum volume instead.
5. Some variability (1.04 < χ_lin ≤ 2), and a material that rises over the noise has no endmember: the picks that keep rare materials instead of 2–4.
6. Painted materials name, confirm or anchor what was found (``strokes``).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.bilinear import bilinear_residual
from napari_unmix.geometry.coordinates import Coordinates, affine_coordinates, perspective_coordinates
from napari_unmix.geometry.found import NO_EXCESS, VARIABILITY, Found, Search
from napari_unmix.geometry.picks import largest_volume, simplex_volume, starting_picks, unit_length
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.geometry.supported import missed_materials, off_cone
from napari_unmix.geometry.volume import hinge_volume, minimum_volume, volume_weights
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, non_negative
from napari_unmix.rows.subspace import Excess, linear_subspace, noise_level, subspace_excess

# Up to here variability is no more than the noise itself, and what stands out of both is a material.
MOST_VARIABILITY = 2.0
AFFINE = 1.04
WEAK_SIGNAL = 12.0
# Brightness from sums and from the pixels most alike differ by more than this factor where intimate mixing breaks the sums.
_CONTRADICTED = 1.5
# Where noise-calibrated minimum volume is not trusted: signal in noise variances, degrees between its two weights.
_WEAK, _APART = 15.0, 8.0
CONFIRM_BY_PAINT = "; paint three or more regions, or a stroke, to confirm."
_IMPURE = "Spectra vary more than noise: these are the purest spectra found, not necessarily pure ones."
# Endmembers are found on at most this many pixels: more change the corners by less than the noise.
MOST_PIXELS = 40_000


def find_endmembers(spectra: FloatArray, count: int, *, sum_to_one: bool, strokes: list[IntArray], seed: int) -> Search:
    """Find (P, B) endmembers of (N, B) spectra; yields the loss at every step.

    ``strokes`` are pixel indices of painted materials: they anchor the first endmembers, in order.
    """
    generator = np.random.default_rng(seed)
    spectra, strokes = _thinned(spectra, strokes, generator)
    noise = noise_level(spectra, count)
    excess = subspace_excess(spectra, count, noise)
    varies = excess.linear > VARIABILITY
    found = yield from _by_geometry(spectra, count, sum_to_one, noise, excess, generator)
    if strokes:
        found = yield from with_strokes(spectra, found, strokes, noise, sum_to_one=sum_to_one, varies=varies)
    found = replace(found, noise=noise, excess=excess)
    weakest = float(excess.affine_eigenvalues[count - 2] if sum_to_one else excess.linear_eigenvalues[count - 1])
    notes = (*found.notes, *_signal_notes(weakest, excess))
    numbers = {**found.numbers, "chi_affine": excess.affine, "chi_linear": excess.linear, "weakest_signal": weakest}
    return replace(found, notes=notes, numbers=numbers)


def _thinned(
    spectra: FloatArray, strokes: list[IntArray], generator: np.random.Generator
) -> tuple[FloatArray, list[IntArray]]:
    if len(spectra) <= MOST_PIXELS:
        return spectra, strokes
    painted = np.concatenate(strokes) if strokes else np.zeros(0, int)
    rest = np.setdiff1d(np.arange(len(spectra)), painted)
    kept = np.concatenate(
        [painted, np.sort(generator.choice(rest, max(1, MOST_PIXELS - len(painted)), replace=False))]
    ).astype(int)
    bounds = np.cumsum([0, *[len(stroke) for stroke in strokes]])
    return spectra[kept], [np.arange(bounds[k], bounds[k + 1]) for k in range(len(strokes))]


def _signal_notes(weakest: float, excess: Excess) -> list[str]:
    notes = []
    if weakest < WEAK_SIGNAL:
        notes.append(
            f"The weakest signal is only {weakest:.0f}× the noise variance: errors of 2–5° are likely; smooth, bin, or ask for fewer endmembers."
        )
    if 1.003 < excess.linear <= VARIABILITY:
        notes.append(
            f"Spectral variability is present ({100 * (excess.linear - 1):.1f} % over the noise): expect errors of 1–4°."
        )
    return notes


def _by_geometry(
    spectra: FloatArray, count: int, sum_to_one: bool, noise: float, excess: Excess, generator: np.random.Generator
) -> Search:
    if excess.linear <= VARIABILITY:
        return (yield from _in_simplex(spectra, count, sum_to_one, noise, excess, generator))
    found = yield from _on_sphere(spectra, count, sum_to_one, noise, excess, generator)
    if excess.linear > MOST_VARIABILITY or found.route == "rare":
        return found
    # Variability no larger than the noise may be gains and tilts, for which the simplex is the better model: whichever leaves less.
    other = yield from _in_simplex(spectra, count, sum_to_one, noise, excess, generator)
    if other.route == "rare":
        return other
    left = [float((off_cone(spectra, each.endmembers) ** 2).mean()) for each in (found, other)]
    return found if left[0] <= left[1] else replace(other, notes=(_IMPURE, *other.notes))


# Route 2: on the sphere


def _on_sphere(
    spectra: FloatArray, count: int, sum_to_one: bool, noise: float, excess: Excess, generator: np.random.Generator
) -> Search:
    unit, lengths = unit_length(spectra)
    weights = lengths / lengths.mean()
    subspace = linear_subspace(unit, min(count + 2, spectra.shape[1]), weights)
    scores = subspace.scores(unit)
    starts = starting_picks(spectra, count, generator, random_picks=2)
    chords = yield from arch.fit_from_starts(scores, starts, weights, 0.1)
    cones = yield from arch.fit_from_starts(scores, starts, weights, 0.1, cone=True, sweeps=40)
    best, route = chords[0], "sphere"
    endmembers = _purified(unit, scores, best.archetypes)
    other = cones[0].archetypes @ subspace.basis
    apart = np.degrees(spectral_angle(other[match_endmembers(other, endmembers)], endmembers))
    notes = [_IMPURE]
    if (apart > 5).any():
        notes.append(f"Endmember {_numbers(apart > 5)} is not determined by the data: paint a stroke of that material.")
    if apart.max() > 10:
        best, route = cones[0], "cone"
        endmembers = _purified(unit, scores, best.archetypes)
    if len(chords) > 1 and chords[1].loss < 1.05 * chords[0].loss:
        second, first = chords[1].archetypes @ subspace.basis, chords[0].archetypes @ subspace.basis
        if np.degrees(spectral_angle(second[match_endmembers(second, first)], first)).max() > 3:
            notes.append("Several starts fit equally well but differ by more than 3°: paint a stroke to choose.")
    agreeing = sum(optimum.loss < arch.SAME_LOSS * chords[0].loss for optimum in chords)
    numbers = {"starts": len(chords), "starts_agreeing": agreeing, "chord_cone_degrees": apart.tolist()}
    if (rare := _rare_materials(spectra, endmembers, noise, excess)) is not None:
        return _of_rare_materials(rare, numbers)
    if sum_to_one:
        abundances = fully_constrained(scores, best.archetypes)
        endmembers = arch.brightness_of_closest(unit, lengths, endmembers, abundances)
    return Found(endmembers, route, True, 0.0, NO_EXCESS, tuple(notes), numbers)


def _rare_materials(spectra: FloatArray, endmembers: FloatArray, noise: float, excess: Excess) -> FloatArray | None:
    """The spectra of supported picks where ``endmembers`` lack one; None where nothing is lacking, or could be told.

    Exactly linear scenes have no use for it (pixels away from every endmember are mixtures), strongly varying ones hide it.
    """
    if not AFFINE < excess.linear <= MOST_VARIABILITY:
        return None
    picks = missed_materials(spectra, endmembers, noise)
    return None if picks is None else picks.means(spectra)


def _of_rare_materials(endmembers: FloatArray, numbers: dict[str, Any]) -> Found:
    note = "Least squares gave up a rare material that rises over the noise, so its fit was not used."
    return Found(endmembers, "rare", True, 0.0, NO_EXCESS, (note,), numbers)


def _purified(unit: FloatArray, scores: FloatArray, archetypes: FloatArray) -> FloatArray:
    return arch.purest_mean(unit, fully_constrained(scores, archetypes))


def _numbers(which: FloatArray | np.ndarray) -> str:
    return ", ".join(str(k + 1) for k in np.flatnonzero(which))


# Routes 3 and 4: in simplex coordinates


def _in_simplex(
    spectra: FloatArray, count: int, sum_to_one: bool, noise: float, excess: Excess, generator: np.random.Generator
) -> Search:
    affine = sum_to_one and excess.affine <= AFFINE
    make = affine_coordinates if affine else perspective_coordinates
    coordinates = make(spectra, count, noise)
    starts = starting_picks(spectra, count, generator)
    optima = yield from arch.fit_from_starts(coordinates.scores, starts, coordinates.weights, 0.05, sweeps=60)
    vertices = optima[0].archetypes
    endmembers, pure, notes = coordinates.to_spectra(vertices), True, list[str]()
    outside, allowed = _outside(spectra, endmembers, noise, affine, excess, count)
    numbers: dict[str, Any] = {"outside": outside, "outside_allowed": allowed, "starts": len(optima)}
    numbers["starts_agreeing"] = sum(optimum.loss < arch.SAME_LOSS * optima[0].loss for optimum in optima)
    if (rare := _rare_materials(spectra, endmembers, noise, excess)) is not None:
        return _of_rare_materials(rare, numbers)
    if outside > allowed:
        yield optima[0].loss
        pure = affine and _looks_bilinear(spectra, endmembers, noise, excess, count, outside)
        if pure:
            notes.append(
                "Mixing looks bilinear (multiple scattering): endmembers stay on pure pixels, abundances are approximate."
            )
            numbers["bilinear"] = True
        else:
            endmembers, apart = yield from _extrapolated(coordinates, vertices, _weakest(excess, count, sum_to_one))
            numbers["volume_weights_degrees"] = apart.tolist()
            numbers["volume_by_hinge"] = _by_hinge(_weakest(excess, count, sum_to_one), apart)
            notes.append(
                f"No pure pixels: endmembers are extrapolated beyond the data by minimum volume{CONFIRM_BY_PAINT}"
            )
            if apart.max() > 5:
                notes.append(
                    f"Endmember {_numbers(apart > 5)}: the extrapolation is uncertain by about {apart.max():.0f}°."
                )
    if sum_to_one and not affine:
        endmembers = _sum_to_one_brightness(spectra, endmembers, pure)
    return Found(endmembers, "affine" if affine else "perspective", pure, 0.0, NO_EXCESS, tuple(notes), numbers)


def _weakest(excess: Excess, count: int, sum_to_one: bool) -> float:
    return float(excess.affine_eigenvalues[count - 2] if sum_to_one else excess.linear_eigenvalues[count - 1])


def _outside(
    spectra: FloatArray, endmembers: FloatArray, noise: float, affine: bool, excess: Excess, count: int
) -> tuple[float, float]:
    """Squared distance (noise units) of pixels to the hull within the subspace, and what a twin of the fit and model error allow."""
    bands = spectra.shape[1]
    invert = fully_constrained if affine else non_negative
    chi, freedom = (excess.affine, bands - count + 1) if affine else (excess.linear, bands - count)
    amounts = invert(spectra, endmembers)
    measured = float(((spectra - amounts @ endmembers) ** 2).sum() / len(spectra) / noise**2 - chi**2 * freedom)
    # The twin: the fit with fresh noise, within the span of the endmembers.
    basis = np.linalg.qr(endmembers.T)[0]
    corners = endmembers @ basis
    twin = amounts @ corners + noise * np.random.default_rng(1).normal(size=(len(spectra), basis.shape[1]))
    refit = twin - invert(twin, corners) @ corners
    expected = float((refit**2).sum() / len(spectra) / noise**2)
    if affine:
        across = np.linalg.qr((corners[1:] - corners[0]).T)[0]
        off = twin - corners[0]
        off = off - (off @ across) @ across.T
        expected -= float((off**2).sum() / len(spectra) / noise**2)
    model_error = max(0.0, (chi**2 - 1) * freedom)
    # Archetypes are means, so they stand inside the hull by a share of the signal, whatever the noise that it is measured in.
    inside = 0.001 * float((spectra**2).mean()) / noise**2
    return measured, 1.3 * expected + 0.5 + 3.25 * model_error + inside


def _looks_bilinear(
    spectra: FloatArray, endmembers: FloatArray, noise: float, excess: Excess, count: int, outside: float
) -> bool:
    freedom = spectra.shape[1] - count + 1
    left = bilinear_residual(spectra, endmembers) / noise**2 - excess.affine**2 * freedom
    return bool(left < 0.4 * outside)


def _extrapolated(
    coordinates: Coordinates, vertices: FloatArray, weakest: float
) -> Generator[float, None, tuple[FloatArray, FloatArray]]:
    """Minimum volume at two weights, averaged where they agree: (P, B), and their difference in degrees (P,).

    The more materials, the more pixels lie on some facet, whose noise would push it out: the weight of the volume grows with P. Where the
    signal is weak, or the two differ much, the criterion that does not ask for the noise does better (40 scenes, 3 and 5 materials, 20 and 30 dB).
    """
    scores, noise = coordinates.scores[coordinates.kept], coordinates.noise[coordinates.kept]
    count = len(vertices)
    centre = vertices.mean(axis=0)
    corners = scores[largest_volume(scores, simplex_volume(scores, count))]
    starts = [centre + (vertices - centre) * growth for growth in (1.0, 1.15, 1.4)] + [corners]
    large, small = volume_weights(count)
    full = yield from minimum_volume(scores, noise, starts, large)
    half = yield from minimum_volume(scores, noise, starts, small)
    first, second = coordinates.to_spectra(full), coordinates.to_spectra(half)
    order = match_endmembers(first, second)
    apart = np.degrees(spectral_angle(first[order], second))
    if _by_hinge(weakest, apart):
        return coordinates.to_spectra(hinge_volume(scores, count)), apart
    return coordinates.to_spectra(0.5 * (full[order] + half)), apart


def _by_hinge(weakest: float, apart: FloatArray) -> bool:
    """Whether minimum volume is left to the criterion that does not ask for the noise: signal in noise variances, degrees (P,)."""
    return bool(weakest < _WEAK or apart.max() > _APART)


def _sum_to_one_brightness(spectra: FloatArray, endmembers: FloatArray, pure: bool) -> FloatArray:
    """Scale directions (P, B) so that amounts sum to one; where that contradicts the pure pixels' own brightness, these are believed."""
    unit, lengths = unit_length(spectra)
    directions = endmembers / np.linalg.norm(endmembers, axis=1, keepdims=True)
    alike = arch.brightness_of_closest(unit, lengths, directions, fully_constrained(unit, directions))
    scaled = arch.brightness_by_sum(spectra, endmembers)
    if scaled is None:
        return alike
    ratio = np.linalg.norm(scaled, axis=1) / np.linalg.norm(alike, axis=1)
    contradicts = pure and max(ratio.max(), 1 / ratio.min()) > _CONTRADICTED
    return alike if contradicts else scaled
