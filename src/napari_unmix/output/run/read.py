"""Reading a run's folder: every file is regular, of the size that it should have, and checked once."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from napari_unmix.cube import Annotation, BoolArray, FloatArray, IntArray, Meaning
from napari_unmix.files.opened import read_regular
from napari_unmix.files.paths import given_path
from napari_unmix.findings import Note
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run.arrays import check_abundances, check_flags, check_image, check_regions, read_array
from napari_unmix.output.run.card import card_of
from napari_unmix.output.run.damage import damage
from napari_unmix.output.run.folder import Run, lacks_of
from napari_unmix.output.run.identity import annotation_hash
from napari_unmix.output.run.origin import Origin, origin_of
from napari_unmix.output.run.place import recover
from napari_unmix.output.run.schema import FORMAT, LONGEST, RunJson, checked, told
from napari_unmix.output.run.table import read_table
from napari_unmix.sentences import UnmixError, shown
from napari_unmix.spec import MethodSpec

LONGEST_REPORT = 1 << 24  # bytes


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
    said, meta = read_json(folder)
    height, width, bands = said.cube.shape
    names = tuple(said.names)
    axis, endmembers = read_table(folder / "endmembers.csv", bands, len(names))
    abundances: FloatArray = read_array(folder / "abundances.npy", (height, width, len(names)), np.float32)
    spec = _spec(said)
    check_abundances(abundances, spec.maps)
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
    origin = _origin(folder, said, _good_bands(endmembers))
    return Run(
        folder=folder,
        spec=spec,
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=spread,
        illumination=light,
        regions=regions,
        names=names,
        axis=axis,
        notes=tuple(Note(note.kind, note.sentence, note.advice) for note in said.notes),
        report=_report(folder / "report.json") if _checked(folder, said) else None,
        origin=origin,
        annotation=_annotation(folder, said),
        card=card_of(said),
        lacks=lacks_of(said),
        meta=meta,
    )


def read_origin(folder: str | Path) -> Origin:
    """Only which cube a run is of: none of its maps is read. Raises UnmixError as ``read_run``."""
    folder = given_path(folder)
    with damage(folder):
        recover(folder)
        said, _ = read_json(folder)
        bands, count = said.cube.shape[2], len(said.names)
        good = None
        if said.cube.excluded_bands is None:
            good = _good_bands(read_table(folder / "endmembers.csv", bands, count)[1])
        return _origin(folder, said, good)


def _good_bands(endmembers: FloatArray) -> BoolArray:
    """(B,) the bands that took part: the others are NaN in all endmembers (P, B)."""
    return np.asarray(~np.isnan(endmembers).all(axis=0))


def _origin(folder: Path, said: RunJson, good: BoolArray | None) -> Origin:
    height, width, _ = said.cube.shape
    valid: BoolArray | None = None
    if said.format == FORMAT:
        valid = read_array(folder / "valid_pixels.npy", (height, width), np.bool_)
        check_flags(valid)
    return origin_of(folder, said, valid, good)


def _annotation(folder: Path, said: RunJson) -> Annotation | None:
    """The painting, which has to be the one that run.json tells of. Raises ValueError."""
    if said.annotation is None or said.format != FORMAT:
        return None
    height, width, _ = said.cube.shape
    labels: IntArray = read_array(folder / "annotation.npy", (height, width), np.int32)
    meanings = {one.label: Meaning(one.kind, one.name) for one in said.annotation.labels}
    if labels.min() < 0:
        raise ValueError("annotation.npy has labels below 0")
    annotation = Annotation(labels, meanings, tuple(said.annotation.repairs))
    if annotation_hash(annotation) != said.annotation.sha256:
        raise ValueError("annotation.npy is not the painting that run.json tells of")
    return annotation


def _checked(folder: Path, said: RunJson) -> bool:
    """Whether there has to be a report."""
    return "report" not in said.missing or os.path.lexists(folder / "report.json")


def read_json(folder: Path) -> tuple[RunJson, dict[str, Any]]:
    """What run.json says, typed and as it stands there. Raises UnmixError, ValueError where it is damaged, OSError."""
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
    values = json.loads(read_regular(path, LONGEST_REPORT, follow=False))
    if not isinstance(values, dict):
        raise ValueError("report.json holds no report")
    try:
        return Report.from_json(values)
    except ValidationError as error:
        raise ValueError(f"its report is of another version, {told(error, 'report.json')}") from error
