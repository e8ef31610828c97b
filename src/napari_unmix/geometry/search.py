"""The rule that chooses how endmembers are found, from the data alone, and says which way it took and why.

1. The noise is calibrated so that the residual of an exact linear model is one (χ = 1).
2. Real variability (χ_lin > 1.25): robust archetypes on the sphere; the exact cone where both disagree much. Up to χ_lin = 2, 3 as well, and the one
   that leaves less.
3. Otherwise archetypes in affine coordinates (sum-to-one and χ_aff ≤ 1.04) or perspective coordinates (all else).
4. Pixels outside the archetypes' hull, or its facets, beyond what noise explains: no pure pixels, so noise-calibrated minimum volume instead,
   whose facets are then moved to where the pixels end.
5. Some variability (1.04 < χ_lin ≤ 2), and a material that rises over the noise has no endmember: the picks that keep rare materials instead of 2–4.
6. Painted materials name, confirm or anchor what was found (``strokes``).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.geometry import archetypes as arch
from napari_unmix.geometry.beside import Beginning
from napari_unmix.geometry.beside_strokes import find_beside_painted
from napari_unmix.geometry.bilinear import bilinear_residual
from napari_unmix.geometry.coordinates import Coordinates, Sphere
from napari_unmix.geometry.facets import COLLAPSED, Facets, settled, too_far_in, too_low, uncertain_degrees
from napari_unmix.geometry.found import CHORD_CONE, NO_EXCESS, NO_LOSS, UNDETERMINED, VARIABILITY, Found, Search
from napari_unmix.geometry.parts import EVERY, fit_by_a_part
from napari_unmix.geometry.picks import largest_volume, simplex_volume, starting_picks
from napari_unmix.geometry.recipes import (
    FacetEdges,
    Plane,
    PlaneArchetypes,
    SphereArchetypes,
    SupportedPicks,
    in_plane,
)
from napari_unmix.geometry.seen import lifted, unseen
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.geometry.supported import missed_materials, off_cone
from napari_unmix.geometry.volume import VOLUME_WEIGHT, minimum_volume
from napari_unmix.given import Given
from napari_unmix.progress import meanwhile
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.simplex import fully_constrained, non_negative
from napari_unmix.rows.subspace import Excess, noise_level, subspace_excess

# Up to here variability is no more than the noise itself, and what stands out of both is a material.
MOST_VARIABILITY = 2.0
AFFINE = 1.04
# Up to here residuals are noise: the level itself is known no better.
NO_VARIABILITY = 1.003
WEAK_SIGNAL = 12.0
# Optima of this loss over the lowest fit as well.
_AS_WELL = 1.05
# An extrapolated endmember is told of where the edges of its facets leave it more uncertain than this (degrees).
_UNCERTAIN = 5.0
_IMPURE = Note(
    NoteKind.DOUBT,
    "Spectra vary more than noise: these are the purest spectra found, not necessarily pure ones.",
)
# Endmembers are found on at most this many pixels: more change the corners by less than the noise.
MOST_PIXELS = 40_000


@dataclass(frozen=True, eq=False)
class _Data:
    """What the search reads: spectra (N, B), P = ``count``, how brightness counts, the noise, and what linear models leave over it.

    It begins from ``most_starts`` sets of picks at most, and follows them on every ``every``-th pixel.
    """

    spectra: FloatArray
    count: int
    inversion: Inversion
    noise: float
    excess: Excess
    most_starts: int | None = None
    every: int = 1

    def starts(self, generator: np.random.Generator, random_picks: int = 1) -> list[IntArray]:
        """Sets of P pixels that a fit begins from: the first ones are not drawn."""
        return starting_picks(self.spectra, self.count, generator, random_picks)[: self.most_starts]

    @property
    def weakest(self) -> float:
        """Variance over the noise's in the last direction that P endmembers need."""
        values = self.excess.linear_eigenvalues if self.inversion.free_light else self.excess.affine_eigenvalues
        return float(values[self.inversion.dimension(self.count) - 1])


def find_endmembers(
    spectra: FloatArray,
    count: int,
    inversion: Inversion,
    *,
    strokes: list[IntArray],
    seed: int,
    given: Given | None = None,
    most_starts: int | None = None,
    also_read: Sequence[int] | IntArray = (),
) -> Search:
    """Find (P, B) endmembers of (N, B) spectra; yields the loss at every step, NaN where there is none yet.

    ``strokes`` are pixel indices of painted materials: they lead to the first endmembers, in order. Where endmembers (Q, B) are ``given``, as
    the inversion writes them, they come first, and the strokes after them (``beside``). ``most_starts``: fits of archetypes begin from so many
    sets of picks at most; None: from all. ``also_read`` are pixels that are read whatever part of a large scene is drawn.
    """
    generator = np.random.default_rng(seed)
    every = followed(len(spectra))
    spectra, strokes = _thinned(spectra, strokes, generator, also_read)
    noise = noise_level(spectra, count)
    yield NO_LOSS
    data = _Data(spectra, count, inversion, noise, subspace_excess(spectra, count, noise), most_starts, every)
    yield NO_LOSS
    if given is not None:
        found = yield from find_beside_painted(_beginning(data, given, strokes))
    else:
        found = yield from _by_geometry(data, generator)
    if strokes and given is None:
        variability = data.excess.linear
        found = yield from with_strokes(spectra, found, strokes, noise, inversion, variability=variability)
    numbers = {
        **found.numbers,
        "chi_affine": data.excess.affine,
        "chi_linear": data.excess.linear,
        "weakest_signal": data.weakest,
    }
    notes = (*found.notes, *_signal_notes(data))
    return replace(found, noise=noise, excess=data.excess, notes=notes, numbers=numbers)


def followed(pixels: int) -> int:
    """Archetypes of a scene of so many pixels are followed on every so many-th of those that are read: on all where all are read."""
    return EVERY if pixels > MOST_PIXELS else 1


def _beginning(data: _Data, given: Given, strokes: list[IntArray]) -> Beginning:
    """What the search beside given endmembers reads."""
    affine = not data.inversion.free_light and data.excess.affine <= AFFINE
    return Beginning(
        data.spectra,
        data.count,
        data.inversion,
        "affine" if affine else "perspective",
        data.noise,
        data.excess,
        given,
        strokes,
        outside=lambda endmembers, affine: _outside(data, endmembers, affine),
    )


def _thinned(
    spectra: FloatArray,
    strokes: list[IntArray],
    generator: np.random.Generator,
    also_read: Sequence[int] | IntArray = (),
) -> tuple[FloatArray, list[IntArray]]:
    """At most ``MOST_PIXELS`` pixels, the painted ones and those to be ``also_read`` among them, and where the strokes are then."""
    if len(spectra) <= MOST_PIXELS:
        return spectra, strokes
    kept = np.concatenate([*strokes, also_read]).astype(int)
    rest = np.setdiff1d(np.arange(len(spectra)), kept)
    drawn = generator.choice(rest, max(1, MOST_PIXELS - len(kept)), replace=False)
    bounds = np.cumsum([0, *[len(stroke) for stroke in strokes]])
    found = [np.arange(bounds[k], bounds[k + 1]) for k in range(len(strokes))]
    return spectra[np.concatenate([kept, np.sort(drawn)])], found


def _signal_notes(data: _Data) -> list[Note]:
    notes = []
    if data.weakest < WEAK_SIGNAL:
        weak = f"The weakest signal is only {data.weakest:.0f}× the noise variance: errors of 2–5° are likely;"
        notes.append(Note(NoteKind.DOUBT, f"{weak} smooth, bin, or ask for fewer endmembers."))
    if NO_VARIABILITY < data.excess.linear <= VARIABILITY:
        over = 100 * (data.excess.linear - 1)
        varies = f"Spectral variability is present ({over:.1f} % over the noise): expect errors of 1–4°."
        notes.append(Note(NoteKind.DOUBT, varies))
    return notes


def _by_geometry(data: _Data, generator: np.random.Generator) -> Search:
    """Steps 2 to 5 of the rule."""
    if data.excess.linear <= VARIABILITY:
        return (yield from _in_simplex(data, generator))
    found = yield from _on_sphere(data, generator)
    if data.excess.linear > MOST_VARIABILITY or isinstance(found.recipe, SupportedPicks):
        return found
    # Variability no larger than the noise may be gains and tilts, for which the simplex is the better model: whichever leaves less.
    other = yield from _in_simplex(data, generator)
    if isinstance(other.recipe, SupportedPicks):
        return other
    left = [float((off_cone(data.spectra, each.endmembers) ** 2).mean()) for each in (found, other)]
    return found if left[0] <= left[1] else replace(other, notes=(_IMPURE, *other.notes))


# Route 2: on the sphere


def _on_sphere(data: _Data, generator: np.random.Generator) -> Search:
    # 1. The chord and the cone, each from several starts.
    sphere = Sphere.of(data.spectra, data.count)
    yield NO_LOSS
    starts = data.starts(generator, random_picks=2)
    yield NO_LOSS
    fit = fit_by_a_part(sphere.scores, starts, sphere.weights, arch.ON_SPHERE, every=data.every, within=_AS_WELL)
    chords = yield from lifted(fit, partial(sphere.seen, inversion=data.inversion))
    # Losses of the two are not of one kind: the chord's corners stay in sight.
    fit = fit_by_a_part(sphere.scores, starts, sphere.weights, arch.ON_SPHERE, every=data.every, cone=True, sweeps=40)
    cones = yield from unseen(fit)
    best, recipe = chords[0], SphereArchetypes()
    abundances = yield from meanwhile(
        partial(fully_constrained, sphere.scores, best.archetypes), best.loss, pixels=len(data.spectra)
    )
    endmembers = sphere.purest(abundances)
    # 2. The cone where both disagree much.
    apart = _degrees_apart(cones[0].archetypes @ sphere.subspace.basis, endmembers)
    notes = [_IMPURE]
    if (apart > UNDETERMINED).any():
        undetermined = f"Endmember {_numbers(apart > UNDETERMINED)} is not determined by the data: paint every material, only where it is pure."
        notes.append(Note(NoteKind.DOUBT, undetermined))
    if apart.max() > 10:
        best, recipe = cones[0], SphereArchetypes(cone=True)
        abundances = yield from meanwhile(
            partial(fully_constrained, sphere.scores, best.archetypes), best.loss, pixels=len(data.spectra)
        )
        endmembers = sphere.purest(abundances)
    if _ambiguous(chords, sphere):
        several = (
            "Several starts fit equally well but differ by more than 3°: paint every material, only where it is pure."
        )
        notes.append(Note(NoteKind.DOUBT, several))
    numbers = {**_agreement(chords), CHORD_CONE: tuple(apart.tolist())}
    # 3. Rare materials, and brightness where it counts.
    yield best.loss
    if (rare := _rare_materials(data, endmembers)) is not None:
        return _of_rare_materials(rare, numbers)
    if not data.inversion.free_light:
        endmembers = sphere.with_brightness(endmembers, abundances)
    return Found(endmembers, recipe, 0.0, NO_EXCESS, tuple(notes), numbers)


def _ambiguous(chords: list[arch.Archetypes], sphere: Sphere) -> bool:
    """Whether the second best optimum fits as well and is more than 3° away."""
    if len(chords) < 2 or chords[1].loss >= _AS_WELL * chords[0].loss:
        return False
    second, first = (chord.archetypes @ sphere.subspace.basis for chord in (chords[1], chords[0]))
    return bool(_degrees_apart(second, first).max() > 3)


def _degrees_apart(found: FloatArray, reference: FloatArray) -> FloatArray:
    """(P,) angles between matched endmembers, in the reference's order."""
    return np.degrees(spectral_angle(found[match_endmembers(found, reference)], reference))


def _agreement(optima: list[arch.Archetypes]) -> dict[str, float | tuple[float, ...]]:
    agreeing = sum(optimum.loss < arch.SAME_LOSS * optima[0].loss for optimum in optima)
    return {"starts": len(optima), "starts_agreeing": agreeing}


def _rare_materials(data: _Data, endmembers: FloatArray) -> FloatArray | None:
    """The spectra of supported picks where ``endmembers`` lack one; None where nothing is lacking, or could be told.

    Exactly linear scenes have no use for it (pixels away from every endmember are mixtures), strongly varying ones hide it.
    """
    if not AFFINE < data.excess.linear <= MOST_VARIABILITY:
        return None
    picks = missed_materials(data.spectra, endmembers, data.noise)
    return None if picks is None else picks.means(data.spectra)


def _of_rare_materials(endmembers: FloatArray, numbers: dict[str, float | tuple[float, ...]]) -> Found:
    given_up = "Least squares gave up a rare material that rises over the noise, so its fit was not used."
    return Found(endmembers, SupportedPicks(), 0.0, NO_EXCESS, (Note(NoteKind.DOUBT, given_up),), numbers)


def _numbers(which: np.ndarray) -> str:
    return ", ".join(str(k + 1) for k in np.flatnonzero(which))


# Routes 3 and 4: in simplex coordinates


def _in_simplex(data: _Data, generator: np.random.Generator) -> Search:
    # 1. Archetypes: averages of pixels at the corners.
    affine = not data.inversion.free_light and data.excess.affine <= AFFINE
    space: Plane = "affine" if affine else "perspective"
    plane = in_plane(space, data.spectra, data.count, data.noise)
    yield NO_LOSS
    starts = data.starts(generator)
    yield NO_LOSS
    fit = fit_by_a_part(plane.scores, starts, plane.weights, arch.IN_PLANE, every=data.every, sweeps=60)
    optima = yield from lifted(fit, plane.to_spectra)
    found = Found(plane.to_spectra(optima[0].archetypes), PlaneArchetypes(space=space), 0.0, NO_EXCESS)
    yield optima[0].loss
    # 2. Do pixels lie outside their hull, beyond what noise explains?
    measure = partial(_outside, data, found.endmembers, affine)
    outside, allowed = yield from meanwhile(measure, optima[0].loss, pixels=len(data.spectra))
    numbers = {"outside": outside, "outside_allowed": allowed, **_agreement(optima)}
    found = replace(found, numbers=numbers)
    yield optima[0].loss
    if (rare := _rare_materials(data, found.endmembers)) is not None:
        return _of_rare_materials(rare, numbers)
    # 3. Then there are no pure pixels, and the simplex is larger than the data; or light scattered twice.
    if outside > allowed or (yield from _blurred(data, plane, optima[0].archetypes)):
        yield optima[0].loss
        if affine and _looks_bilinear(data, found.endmembers, outside):
            bilinear = "Mixing looks bilinear (multiple scattering): endmembers stay on pure pixels, abundances are approximate."
            found = replace(found, notes=(Note(NoteKind.DOUBT, bilinear),), numbers={**numbers, "bilinear": 1.0})
        else:
            found = yield from _extrapolated(data, plane, optima[0].archetypes, found)
    yield optima[0].loss
    if not data.inversion.free_light and not affine:
        found = replace(found, endmembers=arch.brightness_for_sums(data.spectra, found.endmembers, found.pure))
    return found


def _outside(data: _Data, endmembers: FloatArray, affine: bool) -> tuple[float, float]:
    """Squared distance (noise units) of pixels to the hull within the subspace, and what a twin of the fit and model error allow."""
    spectra, noise, count = data.spectra, data.noise, data.count
    bands = spectra.shape[1]
    invert = fully_constrained if affine else non_negative
    chi, freedom = (data.excess.affine, bands - count + 1) if affine else (data.excess.linear, bands - count)
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


def _blurred(data: _Data, plane: Coordinates, corners: FloatArray) -> Generator[float, None, bool]:
    """Whether noise hides from the distance to the hull, but not from the facets' tails, that corners (P, P−1) have no pure pixels."""
    if data.excess.linear > NO_VARIABILITY:
        return False
    scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
    return (yield from meanwhile(partial(too_far_in, corners, scores, noise), NO_LOSS, pixels=len(scores)))


def _looks_bilinear(data: _Data, endmembers: FloatArray, outside: float) -> bool:
    """Whether products of endmembers explain most of what lies outside the hull."""
    freedom = data.spectra.shape[1] - data.count + 1
    left = bilinear_residual(data.spectra, endmembers) / data.noise**2 - data.excess.affine**2 * freedom
    return bool(left < 0.4 * outside)


def _extrapolated(data: _Data, plane: Coordinates, corners: FloatArray, found: Found) -> Search:
    """Minimum volume at the weight of its likelihood, its facets then moved and turned to where the pixels end (``facets``)."""
    scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
    centre = corners.mean(axis=0)
    largest = scores[largest_volume(scores, simplex_volume(scores, data.count))]
    starts = [centre + (corners - centre) * growth for growth in (1.0, 1.15, 1.4)] + [largest]
    smallest = yield from lifted(minimum_volume(scores, noise, starts, VOLUME_WEIGHT), plane.to_spectra)
    yield NO_LOSS
    if too_low(smallest, noise):
        return replace(found, notes=(*found.notes, Note(NoteKind.DOUBT, COLLAPSED)))
    vertices = yield from settled(scores, noise, smallest)
    return _beyond_the_data(plane, vertices, found)


def _beyond_the_data(plane: Coordinates, vertices: FloatArray, found: Found) -> Found:
    """Endmembers at vertices (P, P−1) that no pixels back, and how far they can be trusted."""
    facets = Facets.of(vertices, plane.scores[plane.kept], plane.noise[plane.kept])
    endmembers = plane.to_spectra(vertices)
    uncertain = uncertain_degrees(endmembers, facets)
    impure = (
        "No pure pixels: endmembers are extrapolated beyond the data, to where the faces of the pixels' simplex meet."
    )
    notes = [Note(NoteKind.NO_PURE_PIXELS, impure, "Paint three or more regions, or a stroke, to confirm.")]
    if uncertain.max() > _UNCERTAIN:
        which = _numbers(uncertain > _UNCERTAIN)
        told = f"Endmember {which}: the extrapolation is uncertain by about {uncertain.max():.0f}°."
        notes.append(Note(NoteKind.DOUBT, told))
    measured = {"facet_tails": tuple(facets.tails().tolist()), "extrapolation_degrees": tuple(uncertain.tolist())}
    recipe = FacetEdges(space="affine" if plane.affine else "perspective", weight=VOLUME_WEIGHT)
    return replace(
        found, endmembers=endmembers, recipe=recipe, notes=(*found.notes, *notes), numbers={**found.numbers, **measured}
    )
