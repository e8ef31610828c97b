"""Writing a run's folder."""

from __future__ import annotations

import json
import math
import os
import platform
import stat
from collections.abc import Callable
from dataclasses import asdict, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix import __version__
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray, Reading
from napari_unmix.files.whole import placed_whole
from napari_unmix.findings import NoteKind
from napari_unmix.identifiability.report import Report
from napari_unmix.output.run.arrays import write_array
from napari_unmix.output.run.card import Card, ended_text
from napari_unmix.output.run.identity import annotation_hash, cube_hash
from napari_unmix.output.run.keeping import kept_axis, write_kept
from napari_unmix.output.run.parameters import write_parameters
from napari_unmix.output.run.place import check_destination, check_free
from napari_unmix.output.run.plain import write_json
from napari_unmix.output.run.read import read_json
from napari_unmix.output.run.recipe import write_script
from napari_unmix.output.run.schema import FORMAT
from napari_unmix.output.run.table import write_table
from napari_unmix.reading import written_as
from napari_unmix.sentences import UnmixError, shown

_UNCHECKED = "The run was not checked when it was written: napari-unmix report RUN --cube CUBE checks it."

# Pixels whose abundances are copied at once.
_AT_ONCE = 2_000_000


def write_run(
    folder: str | Path,
    cube: Cube,
    result: Unmixing,
    report: Report | None,
    *,
    annotation: Annotation | None = None,
    card: Card | None = None,
    overwrite: bool = False,
    decorate: Callable[[Path], object] | None = None,
) -> Path:
    """Write a run's folder and return its path.

    The files are written beside it first, and the folder appears when all are there: an interrupted write leaves what
    was there before, and so does one that is killed, as soon as the next command looks.

    Parameters
    ----------
    folder : where; its parents are made
    report : what may be claimed; None where that was not found out yet
    annotation : what the user painted: it is written as well, so that the run can be repeated from its folder alone
    card : what the user says of the run; without one it ended just now
    overwrite : replace an earlier run; a folder that holds anything else is never replaced
    decorate : called with the unfinished folder, to add pictures before it appears

    Raises
    ------
    DestinationTaken : the folder is taken, or out of reach; OSError : it cannot be written
    """
    target = check_destination(folder, overwrite=overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    with placed_whole(target.parent, lambda place: check_free(place, overwrite)) as room:
        unfinished = room / target.name
        unfinished.mkdir()
        _write_files(unfinished, cube, result, report, annotation, card or Card())
        if decorate is not None:
            decorate(unfinished)
        (unfinished / "run.json").stat()  # whoever was let into the folder left it whole
    return target


def _write_files(
    folder: Path, cube: Cube, result: Unmixing, report: Report | None, annotation: Annotation | None, card: Card
) -> None:
    write_array(folder / "abundances.npy", result.abundances.astype(np.float32, copy=False))
    for name, image in (("abundance_std", result.abundance_std), ("illumination", result.illumination)):
        if image is not None:
            write_array(folder / f"{name}.npy", image.astype(np.float32, copy=False))
    if result.regions is not None:
        write_array(folder / "side_information.npy", result.regions.astype(np.int32, copy=False))
    if annotation is not None:
        write_array(folder / "annotation.npy", annotation.labels)
    write_array(folder / "valid_pixels.npy", cube.valid_pixels)
    if cube.thinned:
        write_kept(folder, cube)
    _write_endmembers(folder, cube, result)
    write_parameters(folder / "model.safetensors", result)
    if report is not None:
        write_json(folder / "report.json", report.as_json())
    meta = _provenance(cube, result, annotation, card, checked=report is not None)
    write_json(folder / "run.json", meta)
    if not any(note.kind is NoteKind.EDITED for note in result.notes):  # what a person did is not repeated
        title = str(card.title or meta["method"])
        write_script(folder, cube, result.spec, annotation, title, given=result.given is not None)


def rewrite_card(folder: Path, cube: Cube, result: Unmixing, report: Report | None, card: Card) -> None:
    """Write anew what a user changes of a run that is there: names, colours, title, pins; and its report, once there is one.

    The maps stay as they are. Raises UnmixError where there is no run of this version, OSError where it can't be written; all is then as it was.
    """
    said, meta = read_json(folder)
    if said.format != FORMAT or len(said.names) != len(result.names):
        raise UnmixError(f"{shown(folder, 120)} holds another run, or one of an older version: write it anew.")
    missing = {key: why for key, why in meta["missing"].items() if key != "report"}
    if report is None:
        missing["report"] = _UNCHECKED
    meta = {**meta, "names": list(result.names), "missing": missing, "card": card.described()}
    with placed_whole(folder, _replace_ours) as room:
        _write_endmembers(room, cube, result)
        if report is not None:
            write_json(room / "report.json", report.as_json())
        write_json(room / "run.json", meta)


def _replace_ours(place: Path) -> None:
    """Only regular files of a run are replaced."""
    if not stat.S_ISREG(os.lstat(place).st_mode):
        raise UnmixError(f"{shown(place, 120)} is no file of a run but a link or a folder: write the run elsewhere.")


def _write_endmembers(folder: Path, cube: Cube, result: Unmixing) -> None:
    from napari_unmix.library import SpectralLibrary
    from napari_unmix.library.files import fill_library

    write_table(folder / "endmembers.csv", cube, result)
    library = SpectralLibrary(
        result.endmembers, cube.wavelengths, result.names, cube.fwhm, cube.name, measured_axis=cube.measured_axis
    )
    fill_library(library, folder / "endmembers.sli")


def _provenance(
    cube: Cube, result: Unmixing, annotation: Annotation | None, card: Card, *, checked: bool
) -> dict[str, Any]:
    missing = {} if checked else {"report": _UNCHECKED}
    if result.abundance_std is None:
        missing["abundance_std"] = f"{type(result.spec).title} gives no spread of the abundances."
    if result.illumination is None:
        missing["illumination"] = "The per-pixel scale was not free: abundances fit the spectra as given."
    return {
        "format": FORMAT,
        "method": result.spec.method,
        "spec": result.spec.model_dump(mode="json"),
        "seed": result.spec.seed,
        "names": list(result.names),
        "versions": _versions(),
        "card": card.described(),
        "cube": _describe_cube(cube),
        "annotation": None if annotation is None else _describe_annotation(annotation),
        "timings": {"unmix_seconds": result.seconds, "ended": ended_text(card)},
        "metrics": {
            "reconstruction_rmse": result.reconstruction_rmse,
            "mean_abundances": mean_abundances(result.abundances),
        },
        "abundances": result.inversion.meaning,
        "notes": [asdict(note) for note in result.notes],
        "findings": json.loads(result.findings.model_dump_json()),
        "missing": missing,
        "history": [list(step) for step in result.history],
    }


def mean_abundances(abundances: FloatArray) -> list[float]:
    """The mean share of each endmember over the valid pixels of (H, W, P) abundances."""
    rows = abundances.reshape(-1, abundances.shape[-1])
    if len(rows) > _AT_ONCE:  # a copy of as many finds no room beside them
        total, count = np.zeros(rows.shape[1]), 0
        for start in range(0, len(rows), _AT_ONCE):
            part = rows[start : start + _AT_ONCE]
            part = part[np.isfinite(part).all(axis=1)]
            total, count = total + part.sum(axis=0, dtype=np.float64), count + len(part)
        return [float(share) for share in total / count] if count else [math.nan] * rows.shape[1]
    rows = rows[np.isfinite(rows).all(axis=1)]
    return [float(share) for share in rows.mean(axis=0, dtype=np.float64)] if len(rows) else [math.nan] * rows.shape[1]


def _versions() -> dict[str, str | None]:
    """What computed the run. From the packages' metadata: importing torch only to ask for its version takes seconds."""
    found: dict[str, str | None] = {"napari-unmix": __version__, "python": platform.python_version()}
    for package in ("numpy", "scipy", "torch"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found


def _describe_cube(cube: Cube) -> dict[str, Any]:
    kept = {"kept": kept_axis(cube).model_dump()} if cube.thinned else {}
    return {
        "name": cube.name,
        "source": None if cube.source is None else str(cube.source.absolute()),
        "parts": [{"source": str(part.source.absolute()), "reading": _written(part.reading)} for part in cube.parts],
        "shape": list(cube.shape),
        "sha256": cube_hash(cube),
        "reading": _written(cube.reading),
        "repairs": list(cube.repairs),
        "scale": cube.scale,
        "good_bands": int(cube.good_bands.sum()),
        "excluded_bands": [int(band) + 1 for band in np.flatnonzero(~cube.good_bands)],
        "valid_pixels": int(cube.valid_pixels.sum()),
        "acquisitions": 1 if cube.acquisitions is None else int(cube.acquisitions.max()),
        "georeference": None if cube.georeference is None else asdict(cube.georeference),
        **kept,
    }


def _written(reading: Reading) -> dict[str, str]:
    """As its options are written, with files from the root on, so that it is the same wherever it is read."""
    dark, white = (path and path.absolute() for path in (reading.dark, reading.white))
    return written_as(replace(reading, dark=dark, white=white))


def _describe_annotation(annotation: Annotation) -> dict[str, Any]:
    return {
        "sha256": annotation_hash(annotation),
        "repairs": list(annotation.repairs),
        "labels": [
            {"label": label, "kind": kind, "name": annotation.meaning(label).name}
            for kind in ("region", "material", "ignore")
            for label in annotation.of_kind(kind)
        ],
    }
