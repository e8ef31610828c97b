"""Compare runs of a cube with a reference: spectral angle, abundance error, correlation, of matched endmembers."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.boundary import existing, explained
from napari_unmix.sentences import UnmixError, listed, printable, shown

if TYPE_CHECKING:
    from napari_unmix.output.run import Run

_COVERING = 0.5  # share of the good bands
_FEWEST_BANDS = 3
_ARCHIVE = b"PK\x03\x04"
_DOUBLE = 8
_LARGEST = 1e100  # whose square is a number still


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("cube", metavar="CUBE", help="the cube that the runs unmixed")
    parser.add_argument(
        "runs",
        metavar="RUN",
        nargs="+",
        help="folders that `napari-unmix unmix` wrote; if they joined several cubes, the other cubes first, in their order",
    )
    parser.add_argument(
        "--reference",
        metavar="FILE",
        required=True,
        help=".npz with E (P, B), A (H, W, P) of the run's size, or one of them; or a spectral library: .sli, .csv or a database",
    )
    parser.add_argument(
        "--reference-suffix", metavar="TEXT", default="", help="take E and A with this suffix, as _alternative"
    )
    add_reading_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.cli.unmix_command import load
    from napari_unmix.output.run import json_text, read_run

    further, folders = _sorted_out(arguments.runs)
    runs = [read_run(folder) for folder in folders]
    cube, _ = load([arguments.cube, *further], [], {}, runs[0].reading_or(reading_from(arguments)))
    for one in runs:
        _check_shape(one, cube)
    reference = read_reference(arguments.reference, arguments.reference_suffix, cube)
    rows = [compare(one, cube, reference) for one in runs]
    if arguments.json:
        named = {"cube": cube.name, "reference": arguments.reference, "reference_suffix": arguments.reference_suffix}
        print(json_text({**named, "runs": rows}, ascii_only=True))
    else:
        print("\n".join(_table(rows)))
    return 0


def _sorted_out(words: list[str]) -> tuple[list[str], list[str]]:
    """Further cubes, and runs: what stands before the first run is a cube. Without any run, none is."""
    from napari_unmix.output.run import holds_run

    first = next((k for k, word in enumerate(words) if holds_run(Path(word).expanduser())), 0)
    return words[:first], words[first:]


@dataclass(frozen=True, eq=False)
class Reference:
    """Endmembers (P, B) and abundances (H, W, P) to compare with, or None where there are none; a library's names and notes."""

    endmembers: FloatArray | None
    abundances: FloatArray | None
    count: int
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def read_reference(path: str, suffix: str, cube: Cube) -> Reference:
    """Read what there is of E and A, or the spectra of a library on the cube's bands, checked against the cube."""
    file = Path(path)
    with explained(file):
        file = existing(file, "reference")
        if file.is_dir() or (file.suffix.lower() != ".npz" and first_bytes(file, len(_ARCHIVE)) != _ARCHIVE):
            return _library_reference(file, cube)
        stored = _read_arrays(file, {"E" + suffix, "A" + suffix})
    endmembers, abundances = stored.get("E" + suffix), stored.get("A" + suffix)
    height, width, bands = cube.shape
    if endmembers is not None and (endmembers.ndim != 2 or endmembers.shape[1] != bands):
        raise UnmixError(
            f"E{suffix} of {file.name} is {_size(endmembers.shape)} but the cube has {bands} bands: give E as (P, {bands})."
        )
    if abundances is not None and (abundances.ndim != 3 or abundances.shape[:2] != (height, width)):
        raise UnmixError(
            f"A{suffix} of {file.name} is {_size(abundances.shape)} but the cube is {height}×{width}:"
            f" give A as ({height}, {width}, P)."
        )
    counts = {
        len(endmembers) if endmembers is not None else 0,
        abundances.shape[2] if abundances is not None else 0,
    } - {0}
    if len(counts) != 1:
        raise UnmixError(
            f"E{suffix} and A{suffix} of {file.name} have {sorted(counts)} endmembers: give as many in both."
        )
    return Reference(endmembers, abundances, counts.pop())


def _library_reference(path: Path, cube: Cube) -> Reference:
    """The library's spectra that cover half of the cube's good bands or more; of these, the bands that all have are compared."""
    from napari_unmix.library import library_on

    library = library_on(path, cube.wavelengths, cube.shape[2], cube.spectral_axis)
    covering = np.isfinite(library.spectra[:, cube.good_bands]).mean(axis=1) >= _COVERING
    notes = library.repairs
    if not covering.all():
        notes = (
            *notes,
            f"{(~covering).sum()} spectra of {library.name} cover less than half of the cube's bands: left out",
        )
    kept = library.chosen(covering) if covering.any() else library
    common = int((np.isfinite(kept.spectra).all(axis=0) & cube.good_bands).sum())
    if not covering.any() or common < _FEWEST_BANDS:
        raise UnmixError(
            f"The spectra of {library.name} have {common} of the cube's {cube.good_bands.sum()} good bands in common,"
            f" {_FEWEST_BANDS} are needed: give a library of the cube's range."
        )
    return Reference(kept.spectra, None, len(kept.names), kept.names, notes)


def _read_arrays(path: Path, names: set[str]) -> dict[str, FloatArray]:
    """The arrays of these names. Sizes are checked before a number is read: a small archive may claim any size."""
    from napari_unmix.files.archive import opened_archive
    from napari_unmix.io.arrays.npy import read_array_header, read_numbers
    from napari_unmix.io.arrays.numpy_files import members_of
    from napari_unmix.io.budget import check_budget

    found: dict[str, FloatArray] = {}
    with opened_archive(path) as archive:
        members = members_of(archive)
        for name in sorted(names & members.keys()):
            label = f"{name} of {path.name}"
            with archive.open(members[name]) as stream:
                header = read_array_header(stream)
                if header.dtype.kind not in "uif" or not header.size:
                    raise UnmixError(
                        f"{label} holds no real numbers ({_size(header.shape)} of {shown(header.dtype)}):"
                        " save E and A as numbers with numpy.savez."
                    )
                check_budget(header.size, header.dtype.itemsize + _DOUBLE, label)
                found[name] = np.asarray(read_numbers(stream, header), dtype=np.float64)
            if name.startswith("E") and not (np.abs(found[name]) < _LARGEST).all():
                raise UnmixError(
                    f"{label} holds numbers that no angle can be told of (not finite, or from {_LARGEST:g}): mend them."
                )
    if not found:
        missing = " and no ".join(sorted(names, reverse=True))
        raise UnmixError(
            f"{path.name} has no {missing}, it holds {listed(sorted(members)) or 'nothing'}:"
            " choose with --reference-suffix, or add them."
        )
    return found


def compare(run: Run, cube: Cube, reference: Reference) -> dict[str, Any]:
    """The figures of one run of the cube, None where the reference has nothing to compare with."""
    from napari_unmix.output.run import cube_hash
    from napari_unmix.rows.metrics import angle_table, mean_correlation, rmse

    order = _match(run, reference)
    matched = np.flatnonzero(order >= 0)  # in the reference; order[matched] in the run
    figures: dict[str, Any] = {
        "run": run.folder,
        "method": run.spec.method,
        "endmembers": len(run.names),
        "matched_names": [run.names[order[k]] if order[k] >= 0 else None for k in range(reference.count)],
        "reference_names": reference.names or None,
        "mean_spectral_angle_degrees": None,
        "spectral_angles_degrees": None,
        "abundance_rmse": None,
        "mcc": None,
        "notes": _notes(run, reference, same_cube=run.meta["cube"].get("sha256") == cube_hash(cube)),
    }
    if reference.endmembers is not None:
        angles = np.degrees(np.diag(angle_table(run.endmembers[order[matched]], reference.endmembers[matched])))
        figures |= {"mean_spectral_angle_degrees": float(angles.mean()), "spectral_angles_degrees": angles}
    if reference.abundances is not None:
        estimated = run.abundances[:, :, order[matched]].reshape(-1, len(matched))
        truth = reference.abundances[:, :, matched].reshape(-1, len(matched))
        figures |= {"abundance_rmse": rmse(estimated, truth), "mcc": mean_correlation(estimated, truth)}
    return figures


def _check_shape(run: Run, cube: Cube) -> None:
    found = (*run.abundances.shape[:2], run.endmembers.shape[1])
    if found != cube.shape:
        joined = run.meta["cube"].get("acquisitions") or 1
        remedy = "the cube that it unmixed" if joined == 1 else f"the {joined} cubes that it unmixed, in their order"
        raise UnmixError(
            f"{run.folder} is a run of a cube of {_size(found)} but {cube.name} is {_size(cube.shape)}: give {remedy}."
        )


def _match(run: Run, reference: Reference) -> Any:
    """The run's endmember of each of the reference's, −1 where there is none: by the angle, or by the maps alone."""
    from napari_unmix.rows.alignment import match_endmembers

    if reference.endmembers is not None:
        return match_endmembers(run.endmembers, reference.endmembers)
    assert reference.abundances is not None
    estimated = run.abundances.reshape(-1, len(run.names))
    truth = reference.abundances.reshape(-1, reference.count)
    # Without spectra the maps themselves are matched: the angle of centred maps is that of their correlation.
    return match_endmembers((estimated - np.nanmean(estimated, axis=0)).T, (truth - np.nanmean(truth, axis=0)).T)


def _notes(run: Run, reference: Reference, same_cube: bool) -> list[str]:
    notes = [f"{note}." for note in reference.notes]
    if len(run.names) != reference.count:
        fewer = min(len(run.names), reference.count)
        notes.append(
            f"{run.folder.name} has {len(run.names)} endmembers, the reference {reference.count}:"
            f" the figures are of the {fewer} matched."
        )
    if not same_cube:
        notes.append(f"{run.folder.name} was made from other data than this cube: its hash differs.")
    return notes


def _size(shape: tuple[int, ...]) -> str:
    from napari_unmix.io.budget import readable_shape

    return readable_shape(shape)


def _table(rows: list[dict[str, Any]]) -> list[str]:
    names = [shown(row["run"].name) for row in rows]
    width = max(3, *map(len, names))
    lines = [f"{'run':<{width}}  {'method':<10}  {'P':>2}  {'angle (°)':>9}  {'abundance RMSE':>14}  {'MCC':>6}"]
    for name, row in zip(names, rows, strict=True):
        angle, error, mcc = row["mean_spectral_angle_degrees"], row["abundance_rmse"], row["mcc"]
        lines.append(
            f"{name:<{width}}  {row['method']:<10}  {row['endmembers']:>2}  {_number(angle, 2):>9}"
            f"  {_number(error, 4):>14}  {_number(mcc, 3):>6}"
        )
    lines += [line for row in rows for line in _named(row)]
    return lines + [f"Note: {note}" for note in dict.fromkeys(printable(note for row in rows for note in row["notes"]))]


def _named(row: dict[str, Any]) -> list[str]:
    """Which of a library's spectra the run's endmembers were compared with."""
    if row["reference_names"] is None:
        return []
    matched = [(mine, its) for mine, its in zip(row["matched_names"], row["reference_names"], strict=True) if mine]
    pairs = zip(matched, row["spectral_angles_degrees"], strict=True)
    run = shown(row["run"].name)
    return [f"{run}: {shown(mine)} beside {its}, {angle:.2f}°" for (mine, its), angle in pairs]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"
