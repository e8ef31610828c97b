"""Unmix a cube, or several acquisitions together, check what may be claimed of the result, and write the run's folder."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from napari_unmix.cli.known import add_known_options, check_known_options, known_options, with_known
from napari_unmix.cli.loading import check_counts, load, parse_meanings
from napari_unmix.cli.parsing import (
    add_annotation_options,
    add_reading_options,
    add_spec_options,
    annotation_reading_from,
    make_spec,
    reading_from,
    with_absolute_files,
)
from napari_unmix.cli.resuming import (
    Order,
    Training,
    checkpoint_of,
    interrupted,
    is_run,
    journal_of,
    keeper_of,
    order_of_run,
    refuse_others,
    said_how_to_go_on,
    started_anew,
)
from napari_unmix.cli.sampling import add_sample_options, drawing, sample_from
from napari_unmix.cube import Annotation, Cube, Meaning, Reading
from napari_unmix.reading import written_as
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.answer import Unmixing
    from napari_unmix.given import Given
    from napari_unmix.identifiability.painting import Place
    from napari_unmix.identifiability.report import Report
    from napari_unmix.journal.keeper import Keeper
    from napari_unmix.journal.loops import Journal
    from napari_unmix.library.known import Known
    from napari_unmix.progress import Fit
    from napari_unmix.spec import MethodSpec

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "cubes",
        metavar="CUBE",
        nargs="*",
        help="a file or folder: ENVI, TIFF, HDF5, NetCDF, MATLAB, NumPy, Zarr and others; several of the same bands are joined into one; "
        "or the folder of a run, which is repeated as it was, to the same bits",
    )
    add_annotation_options(
        parser,
        "what was painted: a label image of the cube's size, 0 is unpainted, or polygons; of several cubes one of each, in their order",
    )
    parser.add_argument(
        "--material",
        metavar="LABEL[=NAME]",
        action="append",
        default=[],
        help="a label that is a stroke of mostly one material (repeatable), called NAME, or as its file calls it; all others are regions",
    )
    parser.add_argument(
        "--ignore",
        metavar="LABEL",
        action="append",
        default=[],
        help="a label whose pixels take no part (repeatable)",
    )
    parser.add_argument(
        "--cube",
        metavar="CUBE",
        nargs="+",
        default=[],
        help="where the cube of a run that is repeated is now, or its cubes in their order (default: where they were, or beside the run)",
    )
    parser.add_argument("--out", metavar="DIR", help="the run's folder (default: a new <cube>-<method>-<n> here)")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that --out names")
    parser.add_argument(
        "--resume",
        metavar="RUN",
        help="go on with the interrupted training of this run, to the same bits; needs nothing else",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    add_sample_options(parser)
    add_known_options(parser)
    add_reading_options(parser)
    add_spec_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. All that can be refused is refused before the fit."""
    from napari_unmix.output.run import check_destination

    if arguments.resume is not None:
        return _resume(arguments)
    if not arguments.cubes:
        raise UnmixError("No CUBE is given: name a file, or an interrupted training with --resume RUN.")
    if is_run(arguments.cubes):
        return _repeat(arguments)
    if arguments.cube:
        raise UnmixError(
            "--cube says where the cube of a run is now: give the folder of a run to repeat, or leave it out."
        )
    spec = make_spec(arguments)
    reading = reading_from(arguments)
    meanings = parse_meanings(arguments.material, arguments.ignore)
    if meanings and not arguments.annotation:
        first = f"--material {arguments.material[0]}" if arguments.material else f"--ignore {arguments.ignore[0]}"
        raise UnmixError(f"{first} names a painted label: give the painting with --annotation FILE.")
    check_overwrite(arguments)
    check_known_options(arguments)
    check_counts(len(arguments.cubes), len(arguments.annotation), spec.side_information)
    sample = sample_from(arguments)
    if arguments.out is not None:
        with naming_options():
            check_destination(arguments.out, overwrite=arguments.overwrite)
    asked = _order(arguments, spec, reading, meanings, sample)
    if sample is None:
        painted = annotation_reading_from(arguments)
        cube, annotation = load(arguments.cubes, arguments.annotation, meanings, reading, painted)
    else:
        with drawing(arguments) as draw:
            cube, annotation = asked.load(draw)
    with naming_options():
        target = check_destination(arguments.out or _new_folder(cube, spec), overwrite=arguments.overwrite)
    order, known = with_known(arguments, asked, cube)
    keeper = keeper_of(target, order, cube, annotation, known)
    started_anew(keeper, target)
    return _train(Training(target, order), cube, annotation, keeper, known, as_json=arguments.json)


def _resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted training; the files are read again, and have to be what they were."""
    from napari_unmix.output.run import check_destination

    refuse_others(arguments)
    before = interrupted(arguments.resume)
    if before is None:
        print(f"{arguments.resume} is complete: there is nothing to go on with.")
        return 0
    with naming_options():
        check_destination(before.target, overwrite=before.order.overwrite)
    cube, annotation = before.order.load()
    known = before.order.known(cube)
    before.check(cube, annotation, known)
    keeper = keeper_of(before.target, before.order, cube, annotation, known)
    return _train(before, cube, annotation, keeper, known, as_json=arguments.json)


def _repeat(arguments: argparse.Namespace) -> int:
    """Do what a run did once more, from its folder: the cube has to hold the same values."""
    from napari_unmix.output.run import check_destination

    refuse_others(
        arguments, "cubes", "cube", "out", "overwrite", by=f"{shown(arguments.cubes[0])} is repeated as it was"
    )
    check_overwrite(arguments)
    if arguments.out is not None:
        with naming_options():
            check_destination(arguments.out, overwrite=arguments.overwrite)
    order = order_of_run(
        arguments.cubes[0], arguments.cube, named=arguments.out is not None, overwrite=arguments.overwrite
    )
    cube, annotation = order.load()
    with naming_options():
        target = check_destination(arguments.out or _new_folder(cube, order.made_spec()), overwrite=arguments.overwrite)
    known = order.known(cube)
    keeper = keeper_of(target, order, cube, annotation, known)
    started_anew(keeper, target)
    return _train(Training(target, order), cube, annotation, keeper, known, as_json=arguments.json)


def _train(
    asked: Training, cube: Cube, annotation: Annotation | None, keeper: Keeper, known: Known | None, *, as_json: bool
) -> int:
    """Train, from the checkpoint where there is one, judge, write, and say what came of it."""
    from napari_unmix.identifiability.painting import places_said
    from napari_unmix.large.judging import where_to_paint

    with said_how_to_go_on(keeper, asked.target):
        given = None if known is None else known.given
        result, report = fit(cube, asked.order.made_spec(), annotation, journal_of(keeper, asked), given)
        with naming_options():
            folder = _write(asked, cube, result, report, annotation)
    repairs = (*_repairs(cube, annotation), *(() if known is None else known.repairs))
    places = where_to_paint(cube, result, report, annotation)
    if as_json:
        print(_as_json(result, report, folder, repairs, places))
    else:
        print("\n".join([*summary(cube, result, report, repairs), *places_said(places), f"Written to {folder}"]))
    return 0


def _order(
    arguments: argparse.Namespace, spec: MethodSpec, reading: Reading, meanings: dict[int, Meaning], sample: int | None
) -> Order:
    painted = annotation_reading_from(arguments)
    return Order(
        cubes=tuple(Path(path).absolute() for path in arguments.cubes),
        annotation=tuple(Path(path).absolute() for path in arguments.annotation),
        annotation_key=painted.key,
        unpainted=painted.unpainted,
        meanings=meanings,
        reading=written_as(with_absolute_files(reading)),
        sample=sample,
        method=spec.method,
        spec=spec.model_dump(mode="json"),
        named=arguments.out is not None,
        overwrite=arguments.overwrite,
        **known_options(arguments),
    )


@contextmanager
def naming_options() -> Iterator[None]:
    """Where a run cannot be written, say which options help."""
    from napari_unmix.output.run import DestinationTaken

    try:
        yield
    except DestinationTaken as error:
        replacing = ", or replace it with --overwrite" if error.holds_run else ""
        raise UnmixError(f"{error.target} {error.why}: choose another folder with --out{replacing}.") from error


def check_overwrite(arguments: argparse.Namespace) -> None:
    """Without --out a new folder is made, so there is nothing to replace."""
    if arguments.overwrite and arguments.out is None:
        raise UnmixError("--overwrite replaces the run that --out names: give --out DIR, or leave --overwrite out.")


def fit(
    cube: Cube,
    spec: MethodSpec,
    annotation: Annotation | None,
    journal: Journal | None = None,
    given: Given | None = None,
) -> tuple[Unmixing, Report]:
    """The result and its report, with progress on stderr; the long loops of both keep their places in the ``journal``."""
    from napari_unmix.cli.progress import run_shown
    from napari_unmix.large import assess, unmix

    def kept(steps: Fit[T]) -> Fit[T]:
        return steps if journal is None else journal.steps(steps)

    result = run_shown(kept(unmix(cube, spec, annotation, given)))
    return result, run_shown(kept(assess(cube, result)))


def summary(cube: Cube, result: Unmixing, report: Report, repairs: Sequence[str] = ()) -> list[str]:
    """Lines for people; ``repairs`` are what was assumed when files were read."""
    from napari_unmix.output.grades import explained, grades_of, signed
    from napari_unmix.output.run import mean_abundances

    grades = grades_of(report, len(result.names))
    height, width, bands = cube.shape
    count, width_of_names = len(result.names), max(map(len, result.names))
    lines = [
        f"{cube.name}: {height}×{width}×{bands}, {type(result.spec).title}, {count} endmember{'' if count == 1 else 's'}, {result.seconds:.1f} s",
        f"Reconstruction error {result.reconstruction_rmse:.3g} (root mean square)",
        f"Mean abundances ({result.inversion.meaning}):" if result.illumination is not None else "Mean abundances:",
        *(
            f"  {name:<{width_of_names}}  {100 * share:5.1f} %  {'' if grade is None else f'{signed(grade)}: {explained(grade)}'}".rstrip()
            for name, share, grade in zip(result.names, mean_abundances(result.abundances), grades, strict=True)
        ),
        f"Verdict: {report.verdict}.",
        f"  {report.summary}",
    ]
    lines += [f"  {check.sentence} {check.remedy}".rstrip() for check in report.checks if check.remedy]
    return lines + [f"Note: {note}" for note in (*repairs, *result.notes)]


def _repairs(cube: Cube, annotation: Annotation | None) -> tuple[str, ...]:
    """What was assumed when the files were read."""
    return (*cube.repairs, *(() if annotation is None else annotation.repairs))


def _as_json(result: Unmixing, report: Report, folder: Path, repairs: Sequence[str], places: Sequence[Place]) -> str:
    from napari_unmix.identifiability.decided import said_by
    from napari_unmix.output.run import json_text, mean_abundances

    values: dict[str, Any] = {
        "out": folder,
        "method": result.spec.method,
        "seed": result.spec.seed,
        "seconds": result.seconds,
        "reconstruction_rmse": result.reconstruction_rmse,
        "endmembers": len(result.names),
        "names": result.names,
        "mean_abundances": mean_abundances(result.abundances),
        "verdict": report.verdict,
        "summary": report.summary,
        "grades": [{k: v for k, v in grade.items() if k != "spread"} for grade in report.as_json()["grades"]],
        "decided": said_by(result.notes),
        "notes": [str(note) for note in result.notes],
        "repairs": repairs,
        "where_to_paint": [place.as_json() for place in places],
    }
    return json_text(values, ascii_only=True)


def _new_folder(cube: Cube, spec: MethodSpec) -> Path:
    """A folder here that is neither there nor waited for by an interrupted training."""
    name = re.sub(r"[^\w.-]+", "_", cube.name).strip("._") or "cube"
    numbered = (Path.cwd() / f"{name}-{spec.method}-{number}" for number in count(1))
    return next(folder for folder in numbered if not os.path.lexists(folder) and not checkpoint_of(folder).exists())


def _write(asked: Training, cube: Cube, result: Unmixing, report: Report, annotation: Annotation | None) -> Path:
    from napari_unmix.output.run import write_run

    folder, overwrite = asked.target, asked.order.overwrite
    if asked.order.named:
        return write_run(folder, cube, result, report, annotation=annotation, overwrite=overwrite)
    while True:
        try:
            return write_run(folder, cube, result, report, annotation=annotation)
        except UnmixError:
            if not folder.exists():  # else another run took this number meanwhile: take the next
                raise
        folder = _new_folder(cube, result.spec)
