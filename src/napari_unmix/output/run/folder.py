"""A run as it was read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray, Georeference, IntArray, Reading, SpectralAxis
from napari_unmix.findings import GIVEN, Findings, Note, NoteKind, given_in
from napari_unmix.given import Given
from napari_unmix.identifiability.report import Report
from napari_unmix.output.run.card import Card
from napari_unmix.output.run.damage import damage
from napari_unmix.output.run.identity import AT_ONCE
from napari_unmix.output.run.origin import Origin
from napari_unmix.output.run.parameters import SAVED_BASIS, SAVED_SCORES, read_parameters
from napari_unmix.output.run.schema import FORMAT, RunJson, told
from napari_unmix.reading import reading_of, written_as
from napari_unmix.sentences import UnmixError, shown
from napari_unmix.spec import MethodSpec


@dataclass(frozen=True, eq=False)
class Run:
    """A run as read from its folder.

    Attributes
    ----------
    folder : where it was read from
    spec : the spec of the run, complete
    endmembers : (P, B) float64, NaN in excluded bands
    abundances : (H, W, P) float32, NaN in invalid pixels
    abundance_std : (H, W, P) float32, or None where the method has no spread
    illumination : (H, W) float32, or None where it was not free
    regions : (H, W) the auxiliary variable u, 0 = unknown, or None where the method read none
    names : one per endmember
    axis : where the bands lie, in what the cube was measured in
    notes : what the method found or could not use
    report : the identifiability report; None where the run was written before it was checked
    origin : which cube it is of, and how to have that again
    annotation : what the user painted; None where that was nothing, or an older version did not write it
    card : what its user says of it: title, date, colours, pins
    lacks : what an older version did not write, a sentence; "" where nothing is missing
    meta : all of run.json
    """

    folder: Path
    spec: MethodSpec
    endmembers: FloatArray
    abundances: FloatArray
    abundance_std: FloatArray | None
    illumination: FloatArray | None
    regions: IntArray | None
    names: tuple[str, ...]
    axis: SpectralAxis
    notes: tuple[Note, ...]
    report: Report | None
    origin: Origin
    annotation: Annotation | None
    card: Card
    lacks: str = ""
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def wavelengths(self) -> FloatArray | None:
        """(B,) nm, or None where the cube has none."""
        return self.axis.nanometres

    def reading_or(self, reading: Reading) -> Reading:
        """How the run's cube was read, unless ``reading`` says something itself."""
        return reading if written_as(reading) else reading_of(self.meta["cube"].get("reading", {}))

    @property
    def georeference(self) -> Georeference | None:
        """Where the run's cube lies on a map, or None."""
        known = self.meta["cube"].get("georeference")
        return None if known is None else Georeference(tuple(known["transform"]), known["crs"])

    def model(self) -> dict[str, FloatArray]:
        """The fitted parameters, name -> array; read when asked for. Raises UnmixError where they are damaged."""
        with damage(self.folder):
            return read_parameters(self.folder / "model.safetensors", self.abundances.shape[:2], self.axis.values.size)

    def unmixing(self, cube: Cube) -> Unmixing:
        """The result as it was, on its cube: its judge finds all that it read then. Raises UnmixError where its findings are damaged."""
        result = self.answer()
        return replace(result, reconstruction_error=_error_image(cube, result))

    def answer(self) -> Unmixing:
        """The result as far as it needs no cube: its error image is NaN. Raises UnmixError where its findings are damaged."""
        model = self.model()
        scores, basis = model.pop(SAVED_SCORES, None), model.pop(SAVED_BASIS, None)
        return Unmixing(
            endmembers=self.endmembers,
            abundances=self.abundances,
            abundance_std=self.abundance_std,
            illumination=self.illumination,
            reconstruction_error=np.full(self.abundances.shape[:2], np.nan, np.float32),
            names=self.names,
            spec=self.spec,
            notes=self.notes,
            history=tuple((stage, step, _number(loss)) for stage, step, loss in self.meta["history"]),
            findings=self._findings(),
            regions=self.regions,
            model=model,
            seconds=float(self.meta["timings"]["unmix_seconds"]),
            contribution=None if scores is None or basis is None else Contribution(scores, basis),
        )

    def repeated(self, places: Sequence[Path] = ()) -> tuple[Cube, Annotation | None]:
        """What to unmix with ``spec`` to have the run again, to the bit: its cube, from ``places`` or from where it was, and its painting.

        Raises UnmixError where the cube can't be had again, a person edited the answer, or an older version did not write the painting.
        """
        if self.edited:
            raise UnmixError(
                f"The run {shown(self.folder.name)} was edited by hand since it was trained, which no command repeats: train again."
            )
        if self.annotation is None and self.meta["annotation"] is not None:
            raise UnmixError(f"The run {shown(self.folder.name)} can't be repeated from its folder. {self.lacks}")
        return self.origin.cube(places), self.annotation

    @property
    def edited(self) -> bool:
        """Whether a person changed the answer since it was fitted, so that no fit gives it again."""
        return any(note.kind is NoteKind.EDITED for note in self.notes)

    @property
    def given(self) -> Given | None:
        """The endmembers that were given to the fit; None where there were none. Raises UnmixError where they are damaged."""
        found = self._findings().given
        return given_in(found, self.model().get(GIVEN)) if found else None

    def _findings(self) -> Findings:
        """How the answer came about. Raises UnmixError where it does not fit the endmembers and regions that are there."""
        from napari_unmix.methods.contract import implementation

        implementation(self.spec)  # the recipes of a method are known once its code is
        with damage(self.folder):
            try:
                findings = Findings.model_validate(self.meta["findings"])
            except ValidationError as error:
                raise ValueError(f"how it was found can't be read, {told(error, 'findings')}") from error
            count, highest = len(self.names), 0 if self.regions is None else int(self.regions.max(initial=0))
            alpha = np.array(findings.alpha or np.ones((0, count)), np.float64)
            fits = alpha.shape[1:] == (count,) and bool((np.isfinite(alpha) & (alpha > 0)).all())
            errors = findings.endmember_error
            noise = findings.noise
            if not (
                fits
                and 0 <= findings.declared_regions <= highest
                and (findings.alpha is None or len(alpha) == findings.declared_regions)
                and (errors is None or len(errors) == count)
                and (noise is None or (math.isfinite(noise) and noise >= 0))
            ):
                raise ValueError("how it was found does not fit its endmembers and regions")
            return findings


def lacks_of(said: RunJson) -> str:
    """What an older version did not write."""
    if said.format == FORMAT:
        return ""
    painting = "its painting, " if said.annotation is not None else ""
    writer = shown(said.versions.get("napari-unmix") or "an older version", 20)
    return f"It was written by napari-unmix {writer} without {painting}its mask of pixels, colours and pins: train again to keep them."


def _number(stored: float | None) -> float:
    """A number of run.json, in which what is not finite is null."""
    return math.nan if stored is None else float(stored)


def _error_image(cube: Cube, result: Unmixing) -> FloatArray:
    """(H, W) root mean square of what the result leaves, NaN where it has no answer; some rows at a time."""
    error = np.full(cube.shape[:2], np.nan, np.float32)
    answered = np.isfinite(result.abundances).all(axis=2) & cube.valid_pixels
    rows = max(1, AT_ONCE // max(cube.spectra[0].nbytes, 1))
    for start in range(0, cube.shape[0], rows):
        where = np.zeros_like(answered)
        where[start : start + rows] = answered[start : start + rows]
        error[where] = np.sqrt(np.mean(result.residual(cube, where) ** 2, axis=1))
    return error
