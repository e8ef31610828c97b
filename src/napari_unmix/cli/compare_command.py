"""Compare runs of a cube with a reference: spectral angle, abundance error, correlation, of matched endmembers."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unmix.cli.loading import check_whole
from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.cube import Cube
from napari_unmix.sentences import UnmixError, printable, shown

if TYPE_CHECKING:
    from napari_unmix.library.reference import Reference
    from napari_unmix.output.run import Run


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
    parser.add_argument(
        "--spectrum",
        metavar="NAME",
        action="append",
        default=[],
        help="one that is compared with of a library, by its name (repeatable; default: all)",
    )
    add_reading_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command."""
    from napari_unmix.cli.loading import load
    from napari_unmix.library.reference import read_reference
    from napari_unmix.output.run import json_text, read_run

    further, folders = _sorted_out(arguments.runs)
    runs = [read_run(folder) for folder in folders]
    cube, _ = load([arguments.cube, *further], [], {}, runs[0].reading_or(reading_from(arguments)))
    for one in runs:
        _check_shape(one, cube)
    remedy = "choose with --reference-suffix, or add them"
    reference = read_reference(arguments.reference, arguments.reference_suffix, cube, remedy, arguments.spectrum)
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


def compare(run: Run, cube: Cube, reference: Reference) -> dict[str, Any]:
    """The figures of one run of the cube, None where the reference has nothing to compare with."""
    from napari_unmix.library.reference import held_against
    from napari_unmix.output.run import cube_hash

    grades = [] if run.report is None else [grade.word for grade in run.report.grades]
    near = held_against(reference, run.endmembers, run.abundances)
    return {
        "run": run.folder,
        "method": run.spec.method,
        "endmembers": len(run.names),
        "matched_names": [run.names[k] if k >= 0 else None for k in near.order],
        "reference_names": reference.names or None,
        "grades": grades or None,
        "mean_spectral_angle_degrees": None if near.angles is None else float(near.angles.mean()),
        "spectral_angles_degrees": near.angles,
        "abundance_rmse": near.abundance_error,
        "mcc": near.correlation,
        "notes": _notes(run, reference, same_cube=run.meta["cube"].get("sha256") == cube_hash(cube)),
    }


def _check_shape(run: Run, cube: Cube) -> None:
    found = (*run.abundances.shape[:2], run.endmembers.shape[1])
    if found != cube.shape:
        check_whole(run)
        joined = run.meta["cube"].get("acquisitions") or 1
        remedy = "the cube that it unmixed" if joined == 1 else f"the {joined} cubes that it unmixed, in their order"
        raise UnmixError(
            f"{run.folder} is a run of a cube of {_size(found)} but {cube.name} is {_size(cube.shape)}: give {remedy}."
        )


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
    graded = any(row["grades"] for row in rows)
    lines = [
        f"{'run':<{width}}  {'method':<10}  {'P':>2}  {'angle (°)':>9}  {'abundance RMSE':>14}  {'MCC':>6}{'  steady' if graded else ''}"
    ]
    for name, row in zip(names, rows, strict=True):
        angle, error, mcc = row["mean_spectral_angle_degrees"], row["abundance_rmse"], row["mcc"]
        lines.append(
            f"{name:<{width}}  {row['method']:<10}  {row['endmembers']:>2}  {_number(angle, 2):>9}"
            f"  {_number(error, 4):>14}  {_number(mcc, 3):>6}{f'  {_steady(row):>6}' if graded else ''}"
        )
    lines += [line for row in rows for line in _named(row)]
    return lines + [f"Note: {note}" for note in dict.fromkeys(printable(note for row in rows for note in row["notes"]))]


def _steady(row: dict[str, Any]) -> str:
    """How many endmembers are steady."""
    words = row["grades"]
    return "–" if words is None else f"{words.count('steady')}/{len(words)}"


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
