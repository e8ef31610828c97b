"""The folder of a run: written whole or not at all, and read back.

========================  ===============================================================================
run.json                  spec, seed, versions, the cube's hash, timings, metrics, names, notes, history, and how the answer was found
abundances.npy            (H, W, P) float32, NaN in invalid pixels
abundance_std.npy         (H, W, P) float32, where the method has a spread; run.json says so where not
illumination.npy          (H, W) float32, where the per-pixel scale was free
side_information.npy      (H, W) int32, the auxiliary variable u that was used, 0 = unknown
endmembers.csv            one row per band (``nan`` in excluded ones), first its place: ``wavelength_nm``, ``wavenumber_cm-1``, ``band`` …
endmembers.sli, .hdr      the same as an ENVI spectral library
report.json               the identifiability report
report.html               the same as a page, where ``napari-unmix report`` wrote it
model.safetensors         the fitted parameters
========================  ===============================================================================
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import platform
import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from napari_unmix import __version__
from napari_unmix.answer import Contribution, Findings, Note, NoteKind, Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray, Georeference, IntArray, Reading, SpectralAxis, axis_of
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.reading import reading_of, written_as
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

FORMAT = "napari-unmix run 2"
_HASHED_AT_ONCE = 1 << 24  # bytes
_OURS = {
    "run.json", "abundances.npy", "abundance_std.npy", "illumination.npy", "side_information.npy", "endmembers.csv",
    "endmembers.sli", "endmembers.hdr", "report.json", "model.safetensors", "abundances.png", "endmembers.png", "report.html",
}  # fmt: skip


class DestinationTaken(UnmixError):
    """A run cannot be written to ``target``, which ``why`` says; ``holds_run``: it is an earlier run, which may be replaced.

    Whoever has a name for the remedy, an option or a dialog, makes a sentence of its own of these.
    """

    def __init__(self, target: Path, why: str, *, holds_run: bool = False) -> None:
        super().__init__(f"{target} {why}: choose another folder.")
        self.target, self.why, self.holds_run = target, why, holds_run


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
    report : the identifiability report
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
    report: Report
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
        """The fitted parameters, name -> array; read when asked for."""
        from safetensors.numpy import load_file

        return dict(load_file(self.folder / "model.safetensors"))

    def unmixing(self, cube: Cube) -> Unmixing:
        """The result as it was, on its cube: its judge finds all that it read then. Raises UnmixError where its findings are damaged."""
        from napari_unmix.methods.contract import implementation

        implementation(self.spec)  # the recipes of a method are known once its code is
        model = self.model()
        scores, basis = model.pop("contribution.scores", None), model.pop("contribution.basis", None)
        try:
            findings = Findings.model_validate(self.meta["findings"])
        except (ValidationError, KeyError) as error:
            raise UnmixError(
                f"{self.folder} is a damaged run (how it was found can't be read): run it again."
            ) from error
        result = Unmixing(
            endmembers=self.endmembers,
            abundances=self.abundances,
            abundance_std=self.abundance_std,
            illumination=self.illumination,
            reconstruction_error=np.full(cube.shape[:2], np.nan, np.float32),
            names=self.names,
            spec=self.spec,
            notes=self.notes,
            history=tuple((str(stage), int(step), _number(loss)) for stage, step, loss in self.meta["history"]),
            findings=findings,
            regions=self.regions,
            model=model,
            seconds=float(self.meta["timings"]["unmix_seconds"]),
            contribution=None if scores is None or basis is None else Contribution(scores, basis),
        )
        return replace(result, reconstruction_error=_error_image(cube, result))


def _number(stored: float | None) -> float:
    """A number of run.json, in which what is not finite is null."""
    return math.nan if stored is None else float(stored)


def _error_image(cube: Cube, result: Unmixing) -> FloatArray:
    """(H, W) root mean square of what the result leaves, NaN where it has no answer; some rows at a time."""
    error = np.full(cube.shape[:2], np.nan, np.float32)
    answered = np.isfinite(result.abundances).all(axis=2) & cube.valid_pixels
    rows = max(1, _HASHED_AT_ONCE // max(cube.spectra[0].nbytes, 1))
    for start in range(0, cube.shape[0], rows):
        where = np.zeros_like(answered)
        where[start : start + rows] = answered[start : start + rows]
        error[where] = np.sqrt(np.mean(result.residual(cube, where) ** 2, axis=1))
    return error


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
    was there before.

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
    unfinished = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}.part")
    unfinished.mkdir()
    try:
        _write_files(unfinished, cube, result, report, annotation)
        if decorate is not None:
            decorate(unfinished)
        _put_in_place(unfinished, target, overwrite)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target


def check_destination(folder: str | Path, *, overwrite: bool = False) -> Path:
    """The absolute path of a run to be written; DestinationTaken where it is taken or out of reach. Leaves nothing behind."""
    target = Path(folder).expanduser().resolve()
    _check_free(target, overwrite)
    parent = next(path for path in target.parents if path.exists())
    probe = parent / f".{uuid.uuid4().hex[:8]}.part"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError as error:
        reason = "it is a file" if not parent.is_dir() else (error.strerror or str(error)).lower()
        raise DestinationTaken(target, f"cannot be written in {parent} ({reason})") from error
    return target


def free_folder(parent: Path, stem: str) -> Path:
    """``parent/stem-n`` with the first n from 1 that is not taken."""
    number = 1
    while (parent / f"{stem}-{number}").exists():
        number += 1
    return parent / f"{stem}-{number}"


def _check_free(target: Path, overwrite: bool) -> None:
    if not target.exists():
        return
    if not target.is_dir():
        raise DestinationTaken(target, "is a file")
    contents = sorted(path.name for path in target.iterdir())
    foreign = [name for name in contents if name not in _OURS]
    if contents and (foreign or "run.json" not in contents):
        named = (foreign or contents)[0]
        raise DestinationTaken(target, f"holds {named}, so it is not only a run")
    if contents and not overwrite:
        raise DestinationTaken(target, "already holds a run", holds_run=True)


def _put_in_place(unfinished: Path, target: Path, overwrite: bool) -> None:
    """Rename; the old run stays, under another name, until the new one is there."""
    _check_free(target, overwrite)  # again: another process may have been faster
    if not target.exists():
        unfinished.rename(target)
        return
    old = target.with_name(f".{target.name}-{uuid.uuid4().hex[:8]}.old")
    target.rename(old)
    try:
        unfinished.rename(target)
    except BaseException:
        old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write_files(folder: Path, cube: Cube, result: Unmixing, report: Report, annotation: Annotation | None) -> None:
    from safetensors.numpy import save

    from napari_unmix.library import SpectralLibrary, write_library

    np.save(folder / "abundances.npy", result.abundances.astype(np.float32), allow_pickle=False)
    for name, image in (("abundance_std", result.abundance_std), ("illumination", result.illumination)):
        if image is not None:
            np.save(folder / f"{name}.npy", image.astype(np.float32), allow_pickle=False)
    if result.regions is not None:
        np.save(folder / "side_information.npy", result.regions.astype(np.int32), allow_pickle=False)
    _write_endmembers(folder / "endmembers.csv", cube, result)
    library = SpectralLibrary(
        result.endmembers, cube.wavelengths, result.names, cube.fwhm, cube.name, measured_axis=cube.measured_axis
    )
    write_library(library, folder / "endmembers.sli")
    model = save({name: np.ascontiguousarray(values) for name, values in _saved_model(result).items()})
    (folder / "model.safetensors").write_bytes(model)
    write_json(folder / "report.json", report.as_json())
    write_json(folder / "run.json", _provenance(cube, result, annotation))


def _saved_model(result: Unmixing) -> dict[str, FloatArray]:
    if result.contribution is None:
        return result.model
    contribution = {"contribution.scores": result.contribution.scores, "contribution.basis": result.contribution.basis}
    return {**result.model, **contribution}


def _write_endmembers(path: Path, cube: Cube, result: Unmixing) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([cube.spectral_axis.column, *result.names])
        for place, values in zip(cube.axis, result.endmembers.T, strict=True):
            # The shortest text that reads back as the number it was.
            writer.writerow([repr(float(value)).removesuffix(".0") for value in (place, *values)])


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


def annotation_hash(annotation: Annotation) -> str:
    """Which painting a run used: SHA-256 of the labels (little-endian int32)."""
    return hashlib.sha256(np.ascontiguousarray(annotation.labels, dtype="<i4").tobytes()).hexdigest()


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


def cube_hash(cube: Cube) -> str:
    """Which data a run belongs to: SHA-256 of the spectra (little-endian float32) and of the wavelengths, or the places measured (float64)."""
    digest = hashlib.sha256()
    rows = max(1, _HASHED_AT_ONCE // max(cube.spectra[0].nbytes, 1))
    for start in range(0, cube.shape[0], rows):
        digest.update(np.ascontiguousarray(cube.spectra[start : start + rows], dtype="<f4").tobytes())
    if cube.spectral_axis.unit:
        digest.update(np.ascontiguousarray(cube.axis, dtype="<f8").tobytes())
    return digest.hexdigest()


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Write strict JSON, indented for people."""
    path.write_text(json_text(values, indent=1) + "\n", encoding="utf-8")


def json_text(values: Any, *, indent: int | None = None, ascii_only: bool = False) -> str:
    """Strict JSON: not finite numbers become null, as JSON has no NaN. ASCII survives any terminal's encoding."""
    return json.dumps(_plain(values), indent=indent, allow_nan=False, ensure_ascii=ascii_only)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


def read_run(folder: str | Path) -> Run:
    """Read a run's folder. Raises UnmixError where it is none, or damaged."""
    folder = Path(folder).expanduser()
    if not (folder / "run.json").is_file():
        raise UnmixError(f"{folder} is no run, it has no run.json: give a folder that napari-unmix wrote.")
    try:
        return _read_files(folder)
    except UnmixError:
        raise
    except (OSError, ValueError, KeyError, TypeError, IndexError, EOFError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if isinstance(error, ValidationError):
            reason = "its spec or report is of another version"
        raise UnmixError(f"{folder} is a damaged run ({reason}): write it again.") from error


def _read_files(folder: Path) -> Run:
    meta = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    if not isinstance(meta, dict) or meta.get("format") != FORMAT:
        raise UnmixError(f"{folder / 'run.json'} was not written by this version (it needs {FORMAT!r}): run it again.")
    axis, names, endmembers = _read_endmembers(folder / "endmembers.csv")
    abundances = np.load(folder / "abundances.npy", allow_pickle=False)
    height, width, bands = meta["cube"]["shape"]
    if abundances.shape != (height, width, len(names)) or endmembers.shape[1] != bands:
        raise ValueError(
            f"{len(names)} endmembers of {endmembers.shape[1]} bands, but abundances of shape {abundances.shape}"
            f" and a cube of shape {(height, width, bands)}"
        )
    return Run(
        folder=folder,
        spec=spec_class(meta["method"]).model_validate(meta["spec"]),
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=_read_image(folder / "abundance_std.npy"),
        illumination=_read_image(folder / "illumination.npy"),
        regions=_read_image(folder / "side_information.npy"),
        names=names,
        axis=axis,
        notes=tuple(Note(NoteKind(note["kind"]), note["sentence"], note["advice"]) for note in meta["notes"]),
        report=Report.from_json(json.loads((folder / "report.json").read_text(encoding="utf-8"))),
        meta=meta,
    )


def _read_image(path: Path) -> Any:
    return np.asarray(np.load(path, allow_pickle=False)) if path.exists() else None


def _read_endmembers(path: Path) -> tuple[SpectralAxis, tuple[str, ...], FloatArray]:
    """Spectral axis, names, (P, B)."""
    with path.open(newline="", encoding="utf-8") as stream:
        header, *rows = csv.reader(stream)
    table = np.array([[float(cell) for cell in row] for row in rows])  # (B, 1 + P)
    return axis_of(header[0], table[:, 0]), tuple(header[1:]), table[:, 1:].T
