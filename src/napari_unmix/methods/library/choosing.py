"""Which entries of a library the scene's pixels need, and how surely.

1. All entries together explain the pixels, by the constraint that was asked for: even least squares leaves most of them at zero.
2. Those stay that have more than ``share`` of enough pixels: three, or one of a thousand.
3. Entries are given up, the least needed first, as long as too few pixels need them: a pixel needs an entry where, with the others fitted
   anew, what is left of it rises by 25 noise variances (five standard deviations of one direction). Noise is what the whole library leaves, where
   that is more.

4. What fits best in the place of the least needed ones is taken in, and rule 3 applied to the others: it stays where fewer entries do with it, or as
   many better. One entry that several others mix to is found so, where rule 3 gave it up.

The third rule compares each entry with all the others together, so that two that do the same cannot both go, and one of them does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.findings import Note, NoteKind
from napari_unmix.given import Given
from napari_unmix.library.candidates import on_bands
from napari_unmix.library.known import MOST_KNOWN, check_units
from napari_unmix.library.stock import built_in
from napari_unmix.methods.contract import Chosen
from napari_unmix.methods.library.spec import LibrarySpec
from napari_unmix.preconditions import FEWEST_ENDMEMBERS
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.metrics import angle_table
from napari_unmix.rows.simplex import composition, fully_constrained, non_negative
from napari_unmix.rows.sparse import sparse_amounts
from napari_unmix.rows.subspace import noise_level
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

# In noise variances: of a thousand entries and a hundred thousand pixels, noise alone makes a handful of such rises, in no three pixels of one entry.
_NEEDED = 25.0
# The pixels that have to need an entry: so many, or one of so many.
_FEWEST, _ONE_OF = 3, 1000
# Entries nearer than this (degrees) are told beside a chosen one: shade, grain and calibration turn a spectrum by as much.
NEAR = 2.0
# Pixels times entries that are solved together; of larger scenes evenly spread pixels choose.
_MOST, _AT_ONCE = 3_000_000, 250_000
_TOLD = 3  # near entries, in a sentence
# Exchanges at most, entries that are tried for each place, and by what share of the squares one has to be better.
_EXCHANGES, _TRIED, _BETTER = 12, 3, 1e-4
# Pixels that say which entries are tried: so many times entries, and these bounds.
_LOOKED_AT, _FEWEST_LOOKED_AT, _MOST_LOOKED_AT = 300_000, 100, 1000

Solve = Callable[[FloatArray, FloatArray], FloatArray]


def chosen(cube: Cube, spec: MethodSpec, given: Given | None, most: int) -> Fit[Chosen]:
    """The entries among the ``given`` ones, or without any of the built-in selection, that the valid pixels of a cube need.

    As many as the spec asks for, or at least two and at most as many as the pixels can tell apart. Raises UnmixError where there are too few.
    """
    assert isinstance(spec, LibrarySpec)
    given, said = _candidates(cube, given, spec)
    count = None if spec.endmembers == "auto" else spec.endmembers
    if len(given) < (count or FEWEST_ENDMEMBERS):
        raise UnmixError(
            f"The library has {len(given)} usable entries, but {count or FEWEST_ENDMEMBERS} endmembers are needed: give a larger one."
        )
    way = inversion(free_light=spec.illumination, own_brightness=spec.own_brightness, maps=spec.maps)
    entries = way.written(given.spectra[:, cube.good_bands])
    spectra = cube.pixels()
    step = max(1, -(-len(spectra) * len(entries) // _MOST))
    scene = _Scene(spectra[::step], entries, solver(spec), noise_level(spectra, 0))
    kept = yield from _kept(scene, spec.share, count, min(MOST_KNOWN, most))
    order = kept.ordered()
    notes = [Note(NoteKind.GIVEN, sentence) for sentence in said]
    notes += _told(kept, order, given.names, step)
    which = [int(kept.rows[k]) for k in order]
    if near := near_entries(given, entries, which):
        alike = f"Entries within {NEAR:g}° of a chosen one: {'; '.join(near)}."
        notes.append(Note(NoteKind.DOUBT, alike, "The pixels hardly tell these apart: either may be the one."))
    numbers: dict[str, float | tuple[float, ...]] = {
        "library_entries": float(len(given)),
        "pixels_that_need_each": tuple(float(kept.needing[k]) for k in order),
        "residual_without_each_over_noise": tuple(float(kept.without[k]) for k in order),
    }
    return Chosen(replace(given.chosen(which), held=np.ones(len(which), bool)), tuple(notes), numbers)


def solver(spec: LibrarySpec) -> Solve:
    """(n, B) spectra, (P, B) entries -> (n, P) fractions or amounts, as the spec has them."""
    if spec.abundances == "sunsal":
        return partial(sparse_amounts, sparsity=spec.sparsity)
    return non_negative if spec.illumination or spec.abundances == "nnls" else fully_constrained


def _candidates(cube: Cube, given: Given | None, spec: LibrarySpec) -> tuple[Given, tuple[str, ...]]:
    """What is chosen from, and what was assumed of it. Raises UnmixError: other bands, other units."""
    if given is not None:
        given.check_against(cube)
        return given, ()
    known = on_bands(built_in(), cube)
    if not spec.illumination:
        check_units(known.given, cube)
    return known.given, tuple(f"{said[:1].upper()}{said[1:]}." for said in known.repairs)


@dataclass(frozen=True, eq=False)
class _Scene:
    """Pixels (N, B), entries (Q, B), how pixels are solved, and the noise level."""

    spectra: FloatArray
    entries: FloatArray
    solve: Solve
    noise: float

    @property
    def enough(self) -> int:
        """How many pixels have to have, and to need, an entry."""
        return max(_FEWEST, -(-len(self.spectra) // _ONE_OF))

    def left(self, rows: Sequence[int], pixels: IntArray | slice = slice(None)) -> tuple[FloatArray, FloatArray]:
        """Amounts (n, P) that pixels have of the entries ``rows``, and the squares that these leave of each (n,)."""
        spectra, entries = self.spectra[pixels], self.entries[list(rows)]
        amounts = self.solve(spectra, entries)
        return amounts, np.asarray(((spectra - amounts @ entries) ** 2).sum(axis=1))


@dataclass(frozen=True, eq=False)
class _Kept:
    """Entries that are kept (P,), the mean share of each, the pixels that need it, and what is left of these without it over the noise.

    ``rise`` (P,) is by how much all squares together rise without it, ``left`` what they are.
    """

    rows: IntArray
    share: FloatArray
    needing: IntArray
    without: FloatArray
    rise: FloatArray
    left: float

    def better_than(self, other: _Kept) -> bool:
        """Whether fewer entries explain the pixels, or as many do it better."""
        fewer = len(self.rows) - len(other.rows)
        return fewer < 0 or (fewer == 0 and self.left < (1 - _BETTER) * other.left)

    def ordered(self) -> list[int]:
        """By mean share."""
        return [int(k) for k in np.argsort(-self.share, kind="stable")]


def _kept(scene: _Scene, share: float, count: int | None, most: int) -> Fit[_Kept]:
    stage = "choosing entries of the library"
    # 1. All entries together.
    parts, size = list[FloatArray](), max(1, _AT_ONCE // len(scene.entries))
    for first in range(0, len(scene.spectra), size):
        waiting = Progress(stage, first, len(scene.spectra), 0.3 * first / len(scene.spectra))
        part = scene.spectra[first : first + size]
        parts.append((yield from meanwhile(partial(scene.solve, part, scene.entries), waiting)))
    amounts = np.concatenate(parts)
    scene = replace(scene, noise=max(scene.noise, _misfit(scene, amounts)))
    # 2. Those that have enough of enough pixels; the largest of the others where these are too few.
    shares = composition(amounts)
    often = (shares > share).sum(axis=0) >= scene.enough
    least = count or FEWEST_ENDMEMBERS
    ranked = np.lexsort((-shares.mean(axis=0), ~often))
    rows = np.sort(ranked[: max(int(often.sum()), least)])
    # 3. The least needed go.
    waiting = Progress(stage, 1, 2, 0.3)
    kept = yield from meanwhile(lambda: _given_up(scene, rows, count, most), waiting)
    # 4. Others in their place.
    return (yield from meanwhile(lambda: _exchanged(scene, kept, count, most), replace(waiting, fraction=0.4)))


def _misfit(scene: _Scene, amounts: FloatArray) -> float:
    """What all entries leave, root mean square, by the degrees of freedom that they leave."""
    left = float(((scene.spectra - amounts @ scene.entries) ** 2).sum())
    freedom = amounts.size // amounts.shape[1] * scene.entries.shape[1] - int((amounts > 0).sum())
    return float(np.sqrt(left / max(freedom, 1)))


def _given_up(scene: _Scene, rows: IntArray, count: int | None, most: int, stays: int = -1) -> _Kept:
    """What is left when the unneeded are gone; ``count`` says how many there are to be, whether needed or not. The row ``stays`` is not given up."""
    least = count or FEWEST_ENDMEMBERS
    highest = count or most
    batch = len(rows)
    while True:
        kept = _measured(scene, rows)
        free = np.flatnonzero(kept.needing < scene.enough)
        over = max(len(rows) - highest, 0)
        order = np.argsort(kept.rise, kind="stable")
        going = [k for k in order if (k in free or over > 0) and rows[k] != stays][: min(batch, len(rows) - least)]
        if not going:
            return kept
        before = scene.left(rows.tolist())[1]
        while len(going) > 1:
            left = scene.left(np.delete(rows, going).tolist())[1]
            if (left - before > _NEEDED * scene.noise**2).sum() < scene.enough:
                break
            going = going[: len(going) // 2]  # together they are needed
        batch = 2 * len(going)
        rows = np.delete(rows, going)


def _measured(scene: _Scene, rows: IntArray) -> _Kept:
    """How much each of the entries ``rows`` is needed: all pixels that have some of it are fitted anew without."""
    amounts, left = scene.left(rows.tolist())
    needing, without, rise = (np.zeros(len(rows)) for _ in range(3))
    for k in range(len(rows)):
        pixels = np.flatnonzero(amounts[:, k] > 0)
        if not pixels.size or len(rows) == 1:
            continue
        again = scene.left(np.delete(rows, k).tolist(), pixels)[1]
        rises = again - left[pixels]
        need = rises > _NEEDED * scene.noise**2
        needing[k], rise[k] = int(need.sum()), float(rises.sum())
        some = again[need] if need.any() else again
        without[k] = float(np.sqrt(some.mean() / scene.spectra.shape[1])) / scene.noise
    shares = composition(amounts).mean(axis=0)
    return _Kept(rows, shares, needing.astype(int), without, rise, float(left.sum()))


def _exchanged(scene: _Scene, kept: _Kept, count: int | None, most: int) -> _Kept:
    """With entries that were given up too soon: what they were taken for then fits without them."""
    for _ in range(_EXCHANGES):
        for row in _promising(scene, kept):
            tried = _given_up(scene, np.sort(np.append(kept.rows, row)), count, most, row)
            if tried.better_than(kept):
                kept = tried
                break
        else:
            return kept
    return kept


def _promising(scene: _Scene, kept: _Kept) -> list[int]:
    """Entries that fit some of the pixels best in the place of the least needed one, and in that of the less needed half."""
    sample = max(_FEWEST_LOOKED_AT, min(_MOST_LOOKED_AT, _LOOKED_AT // len(scene.entries)))
    some = replace(scene, spectra=scene.spectra[:: max(1, -(-len(scene.spectra) // sample))])
    order = np.argsort(kept.rise, kind="stable")
    found: dict[int, None] = {}
    for dropped in (1, -(-len(order) // 2)):
        core = np.delete(kept.rows, order[:dropped]).tolist()
        others = np.setdiff1d(np.arange(len(scene.entries)), kept.rows)
        left = [float(some.left([*core, int(row)])[1].sum()) for row in others]
        found |= dict.fromkeys(others[np.argsort(left, kind="stable")[:_TRIED]].tolist())
    return list(found)


def _told(kept: _Kept, order: list[int], names: tuple[str, ...], step: int) -> list[Note]:
    """Which entries are kept and how sure each is."""
    rows = [int(kept.rows[k]) for k in order]
    some = f" (of one in {step} pixels)" if step > 1 else ""
    said = f"{len(rows)} of {len(names)} entries of the library are kept{some}: " + "; ".join(
        f"{names[row]}, {kept.needing[k]} pixels need it"
        + (f", without it {kept.without[k]:.1f} times the noise is left of these" if kept.needing[k] else "")
        for k, row in zip(order, rows, strict=True)
    )
    notes = [Note(NoteKind.GIVEN, f"{said}.")]
    unneeded = [names[row] for k, row in zip(order, rows, strict=True) if kept.needing[k] < _FEWEST]
    if unneeded:
        listed = unneeded[0] if len(unneeded) == 1 else f"{', '.join(unneeded[:-1])} and {unneeded[-1]}"
        many = len(unneeded) > 1
        doubt = f"No three pixels need {listed}: the other entries explain {'them' if many else 'it'} as well."
        notes.append(Note(NoteKind.DOUBT, doubt, "Ask for fewer endmembers, or for auto."))
    return notes


def near_entries(given: Given, entries: FloatArray, rows: Sequence[int]) -> tuple[str, ...]:
    """For each chosen row with entries within ``NEAR`` degrees: "goethite_2 or goethite_5: 0.6° apart"."""
    angles = np.degrees(angle_table(entries[list(rows)], entries))
    said = []
    for place, row in enumerate(rows):
        angles[place, row] = np.inf
        near = [k for k in np.argsort(angles[place], kind="stable")[:_TOLD].tolist() if angles[place, k] <= NEAR]
        if near:
            either = " or ".join(given.names[k] for k in (row, *near))
            apart = " and ".join(f"{angles[place, k]:.1f}°" for k in near)
            said.append(f"{either}: {apart} apart")
    return tuple(said)
