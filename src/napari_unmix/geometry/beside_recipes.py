"""How endmembers were found beside given ones, as values that can find them again."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, ClassVar, Literal

import numpy as np

from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.findings import Redraw
from napari_unmix.geometry.archetypes import IN_PLANE, ON_SPHERE, fit_archetypes
from napari_unmix.geometry.coordinates import Sphere
from napari_unmix.geometry.facets import settled
from napari_unmix.geometry.picks import vertex_spectra
from napari_unmix.geometry.recipes import Corners, Plane, in_plane
from napari_unmix.geometry.volume import VOLUME_WEIGHT, at_two_weights, hinge_volume, minimum_volume
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import Excess

_SWEEPS = 30  # from the result's own corners an optimum is near


class _Beside(Corners):
    """``held`` are the numbers of the endmembers that stay as they were given; ``by`` is what found the others, in the coordinates ``space``.

    "minimum volume" is that of runs of earlier versions: the average of two weights.
    """

    by: Literal["nothing", "picks", "archetypes", "minimum volume", "hinge", "edges"]
    space: Literal["affine", "perspective", "sphere"]
    held: tuple[int, ...] = ()
    penalty: float = 30.0
    weight: float = VOLUME_WEIGHT

    @property
    def route(self) -> str:
        return "picks" if self.by == "picks" else self.space

    def says(self, excess: Excess) -> str:
        if self.by == "nothing":
            return "Endmembers: all as they were given; nothing was searched."
        where = {
            "affine": "the data's simplex",
            "perspective": "the data's cone",
            "sphere": "the purest spectra on the sphere",
        }
        begun = f"{len(self.held)} held as given, the others" if self.held else "begun from the given ones,"
        how = "pixels at the corners of the data" if self.by == "picks" else f"corners of {where[self.space]}"
        return f"Endmembers: {begun} {where[self.space] if self.space == 'sphere' and self.by != 'picks' else how}."

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        held = np.isin(np.arange(len(start)), self.held)
        if self.by == "nothing":
            yield
            return start.copy()
        found = yield from self._found(redraw, start, held)
        return np.asarray(np.where(held[:, None], start, found))

    def _found(self, redraw: Redraw, start: FloatArray, held: BoolArray) -> Generator[Any, None, FloatArray]:
        spectra, count = redraw.spectra, len(start)
        if self.by == "picks":
            yield
            picked = vertex_spectra(spectra, count, redraw.inversion, redraw.generator, start[held])
            return placed(picked, start, held)
        if self.space == "sphere":
            return (yield from self._on_sphere(redraw, start, held))
        plane = in_plane(self._plane, spectra, count, redraw.noise)
        corners = plane.vertices(start)
        if self.by == "archetypes":
            fit = yield from fit_archetypes(plane.scores, corners, plane.weights, IN_PLANE, held=held, sweeps=_SWEEPS)
            return plane.to_spectra(fit.archetypes)
        scores, noise = plane.scores[plane.kept], plane.noise[plane.kept]
        if self.by == "hinge":
            yield
            return plane.to_spectra(hinge_volume(scores, count, self.penalty, begun=corners, held=held))
        if self.by == "edges":
            smallest = yield from minimum_volume(scores, noise, [corners], self.weight, held=held)
            return plane.to_spectra((yield from settled(scores, noise, smallest, held)))
        full, half = yield from at_two_weights(scores, noise, [corners], held)
        return plane.to_spectra(0.5 * (full + half))

    def _on_sphere(self, redraw: Redraw, start: FloatArray, held: BoolArray) -> Generator[Any, None, FloatArray]:
        sphere = Sphere.of(redraw.spectra, len(start))
        fit = yield from fit_archetypes(
            sphere.scores, sphere.place(start), sphere.weights, ON_SPHERE, held=held, sweeps=_SWEEPS
        )
        abundances = fully_constrained(sphere.scores, fit.archetypes)
        purest = sphere.purest(abundances)
        return purest if redraw.inversion.free_light else sphere.with_brightness(purest, abundances)

    @property
    def _plane(self) -> Plane:
        return "affine" if self.space == "affine" else "perspective"


class Beside(_Beside):
    """Found beside given endmembers, among the data."""

    extrapolated: ClassVar[bool | None] = False

    kind: Literal["beside given"] = "beside given"


class ExtrapolatedBeside(_Beside):
    """Found beside given endmembers, beyond the data."""

    extrapolated: ClassVar[bool | None] = True

    kind: Literal["extrapolated beside given"] = "extrapolated beside given"


def placed(found: FloatArray, reference: FloatArray, held: BoolArray) -> FloatArray:
    """(P, B) of P − H endmembers that were ``found`` beside the ``held`` (P,) ones, in the order of the reference (Q, B), Q ≤ P.

    Each of the reference's that is not held takes the one most like it; what is left follows.
    """
    count = len(found) + int(held.sum())
    answer = np.empty((count, found.shape[1]))
    rows = np.flatnonzero(~held)
    wanted = rows[rows < len(reference)]
    order = match_endmembers(found, reference[wanted]) if len(wanted) else np.zeros(0, int)
    answer[np.flatnonzero(held)] = reference[np.flatnonzero(held)]
    answer[wanted] = found[order]
    answer[rows[len(wanted) :]] = np.delete(found, order, axis=0)
    return answer
