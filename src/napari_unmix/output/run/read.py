"""Reading a run's folder: every file is regular, of the size that it should have, and checked once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from napari_unmix.answer import Note
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.files.opened import read_regular
from napari_unmix.files.paths import given_path
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run.arrays import check_abundances, check_image, check_regions, read_array
from napari_unmix.output.run.damage import damage
from napari_unmix.output.run.folder import Run
from napari_unmix.output.run.place import recover
from napari_unmix.output.run.schema import LONGEST, RunJson, checked, told
from napari_unmix.output.run.table import read_table
from napari_unmix.sentences import UnmixError, shown
from napari_unmix.spec import MethodSpec

_LONGEST_REPORT = 1 << 24  # bytes


def read_run(folder: str | Path) -> Run:
    """Read a run's folder; what a killed command left of it is finished first. Raises UnmixError where it is none, or damaged."""
    folder = given_path(folder)
    with damage(folder):
        recover(folder)
        if not os.path.lexists(folder / "run.json"):
            raise UnmixError(
                f"{shown(folder, 120)} is no run, it has no run.json: give a folder that napari-unmix wrote."
            )
        return _read_files(folder)


def _read_files(folder: Path) -> Run:
    said, meta = _read_json(folder)
    height, width, bands = said.cube.shape
    names = tuple(said.names)
    axis, endmembers = read_table(folder / "endmembers.csv", bands, len(names))
    abundances: FloatArray = read_array(folder / "abundances.npy", (height, width, len(names)), np.float32)
    check_abundances(abundances)
    spread = _optional(folder / "abundance_std.npy", abundances.shape, np.float32)
    light = _optional(folder / "illumination.npy", (height, width), np.float32)
    regions: IntArray | None = _optional(folder / "side_information.npy", (height, width), np.int32)
    answered = ~np.isnan(abundances[:, :, 0])
    if spread is not None:
        check_image(spread, answered, "abundance_std.npy", lowest=0)
    if light is not None:
        check_image(light, answered, "illumination.npy")
    if regions is not None:
        check_regions(regions)
    return Run(
        folder=folder,
        spec=_spec(said),
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=spread,
        illumination=light,
        regions=regions,
        names=names,
        axis=axis,
        notes=tuple(Note(note.kind, note.sentence, note.advice) for note in said.notes),
        report=_report(folder / "report.json"),
        meta=meta,
    )


def _read_json(folder: Path) -> tuple[RunJson, dict[str, Any]]:
    content = read_regular(folder / "run.json", LONGEST, follow=False)
    try:
        return checked(content)
    except UnmixError as error:
        raise UnmixError(f"{shown(folder / 'run.json', 120)} {error}") from error


def _optional(path: Path, shape: tuple[int, ...], kind: type[np.generic]) -> Any:
    return read_array(path, shape, kind) if os.path.lexists(path) else None


def _spec(said: RunJson) -> MethodSpec:
    try:
        spec = spec_class(said.method).model_validate(said.spec)
    except ValidationError as error:
        raise ValueError(f"its spec is of another version, {told(error, 'run.json')}") from error
    if spec.method != said.method:
        raise ValueError(f"run.json names two methods, {said.method} and {spec.method}")
    return spec


def _report(path: Path) -> Report:
    values = json.loads(read_regular(path, _LONGEST_REPORT, follow=False))
    if not isinstance(values, dict):
        raise ValueError("report.json holds no report")
    try:
        return Report.from_json(values)
    except ValidationError as error:
        raise ValueError(f"its report is of another version, {told(error, 'report.json')}") from error
