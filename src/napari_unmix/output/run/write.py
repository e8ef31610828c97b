"""Writing a run's folder."""

from __future__ import annotations

import json
import math
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix import __version__
from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.files.whole import placed_whole
from napari_unmix.identifiability.report import Report
from napari_unmix.output.run.arrays import write_array
from napari_unmix.output.run.identity import annotation_hash, cube_hash
from napari_unmix.output.run.parameters import write_parameters
from napari_unmix.output.run.place import check_destination, check_free
from napari_unmix.output.run.plain import write_json
from napari_unmix.output.run.schema import FORMAT
from napari_unmix.output.run.table import write_table
from napari_unmix.reading import written_as


def write_run(
    folder: str | Path,
    cube: Cube,
    result: Unmixing,
    report: Report,
    *,
    annotation: Annotation | None = None,
    overwrite: bool = False,
    decorate: Callable[[Path], object] | None = None,
) -> Path:
    """Write a run's folder and return its path.

    The files are written beside it first, and the folder appears when all are there: an interrupted write leaves what
    was there before, and so does one that is killed, as soon as the next command looks.

    Parameters
    ----------
    folder : where; its parents are made
    annotation : what the user painted, for the provenance
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
        _write_files(unfinished, cube, result, report, annotation)
        if decorate is not None:
            decorate(unfinished)
        (unfinished / "run.json").stat()  # whoever was let into the folder left it whole
    return target


def _write_files(folder: Path, cube: Cube, result: Unmixing, report: Report, annotation: Annotation | None) -> None:
    from napari_unmix.library import SpectralLibrary
    from napari_unmix.library.files import fill_library

    write_array(folder / "abundances.npy", result.abundances.astype(np.float32))
    for name, image in (("abundance_std", result.abundance_std), ("illumination", result.illumination)):
        if image is not None:
            write_array(folder / f"{name}.npy", image.astype(np.float32))
    if result.regions is not None:
        write_array(folder / "side_information.npy", result.regions.astype(np.int32))
    write_table(folder / "endmembers.csv", cube, result)
    library = SpectralLibrary(
        result.endmembers, cube.wavelengths, result.names, cube.fwhm, cube.name, measured_axis=cube.measured_axis
    )
    fill_library(library, folder / "endmembers.sli")
    write_parameters(folder / "model.safetensors", result)
    write_json(folder / "report.json", report.as_json())
    write_json(folder / "run.json", _provenance(cube, result, annotation))


def _provenance(cube: Cube, result: Unmixing, annotation: Annotation | None) -> dict[str, Any]:
    missing = {}
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
        "cube": _describe_cube(cube),
        "annotation": None if annotation is None else _describe_annotation(annotation),
        "timings": {"unmix_seconds": result.seconds},
        "metrics": {
            "reconstruction_rmse": result.reconstruction_rmse,
            "mean_abundances": mean_abundances(result.abundances),
        },
        "notes": [asdict(note) for note in result.notes],
        "findings": json.loads(result.findings.model_dump_json()),
        "missing": missing,
        "history": [list(step) for step in result.history],
    }


def mean_abundances(abundances: FloatArray) -> list[float]:
    """The mean share of each endmember over the valid pixels of (H, W, P) abundances."""
    rows = abundances.reshape(-1, abundances.shape[-1])
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
    return {
        "name": cube.name,
        "source": None if cube.source is None else str(cube.source),
        "shape": list(cube.shape),
        "sha256": cube_hash(cube),
        "reading": written_as(cube.reading),
        "repairs": list(cube.repairs),
        "scale": cube.scale,
        "good_bands": int(cube.good_bands.sum()),
        "valid_pixels": int(cube.valid_pixels.sum()),
        "acquisitions": 1 if cube.acquisitions is None else int(cube.acquisitions.max()),
        "georeference": None if cube.georeference is None else asdict(cube.georeference),
    }


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
