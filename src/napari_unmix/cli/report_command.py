"""Show the identifiability report of a run, and write it as a page with pictures; with the cube, make it anew."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.cli.page_file import PageFile
from napari_unmix.cli.parsing import add_annotation_options, add_reading_options, annotation_reading_from, reading_from
from napari_unmix.cube import Meaning
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.answer import Unmixing
    from napari_unmix.cube import Annotation, Cube, Reading
    from napari_unmix.identifiability.painting import Place
    from napari_unmix.identifiability.report import Report
    from napari_unmix.io.annotation import AnnotationReading
    from napari_unmix.output.page.contents import Page
    from napari_unmix.output.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", metavar="RUN", help="a folder that `napari-unmix unmix` wrote")
    parser.add_argument(
        "--cube",
        metavar="CUBE",
        nargs="+",
        default=[],
        help="the cube of the run, or the cubes in their order: check it again, and show it on the page",
    )
    add_annotation_options(
        parser, "what was painted, to make sure that it is the run's; given as for unmix, with --cube"
    )
    add_reading_options(parser)
    parser.add_argument("--html", metavar="FILE", help="where to write the page (default: report.html in the run)")
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the file that --html names, whatever it is; a page of ours always is",
    )
    parser.add_argument("--json", action="store_true", help="print the report as one JSON object and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command. What can be refused is refused before the run is read."""
    from napari_unmix.identifiability.decided import said_by
    from napari_unmix.large.judging import where_to_paint
    from napari_unmix.output.page.contents import page_of
    from napari_unmix.output.page.render import page_html
    from napari_unmix.output.page.text import report_text
    from napari_unmix.output.run import json_text, read_run

    if arguments.annotation and not arguments.cube:
        raise UnmixError("--annotation is read beside the cube that it was painted on: give that with --cube.")
    file = PageFile.of(arguments.html, overwrite=arguments.overwrite)
    stored = read_run(arguments.run)
    if not arguments.cube:
        if stored.report is None:
            raise UnmixError(
                f"{shown(stored.folder)} was written before it was checked: check it now with --cube CUBE."
            )
        report, page, notes = stored.report, page_of_run(stored), stored.notes
        places: tuple[Place, ...] | None = None  # they are found on the cube
    else:
        painted = annotation_reading_from(arguments)
        cube, result, report, annotation = again(
            stored, arguments.cube, arguments.annotation, reading_from(arguments), painted
        )
        page, notes, places = page_of(cube, result), result.notes, where_to_paint(cube, result, report, annotation)
    target, unwritten = file.write(stored.folder, page_html(page, report))
    if arguments.json:
        values = {**report.as_json(), "decided": said_by(notes), "run": stored.folder, "html": target}
        if places is not None:
            values["where_to_paint"] = [place.as_json() for place in places]
        print(json_text(values, ascii_only=True))
    else:
        lines = [f"{shown(page.name)} · {type(page.spec).title}", "", report_text(report, page.names, said_by(notes))]
        lines += ["", *_where(places, report)]
        print("\n".join([*lines, *([] if target is None else ["", f"Page: {target}"])]))
    if unwritten:
        print(f"napari-unmix: {unwritten}", file=sys.stderr)
    return 0


def _where(places: Sequence[Place] | None, report: Report) -> list[str]:
    """The places, or how to have them where a remedy speaks of them."""
    from napari_unmix.identifiability.advice import SEE
    from napari_unmix.identifiability.painting import places_said

    if places is not None:
        return places_said(places)
    remedies = (*(check.remedy for check in report.checks), *(grade.remedy for grade in report.grades))
    return (
        ["Where to paint is found on the cube: give it with --cube."] if any(SEE in said for said in remedies) else []
    )


def page_of_run(stored: Run) -> Page:
    """What a run's folder holds for the page: all but the cube's picture."""
    from napari_unmix.output.page.contents import Page

    return Page(
        str(stored.meta["cube"]["name"]),
        stored.spec,
        stored.names,
        stored.endmembers,
        stored.axis.values,
        stored.axis.title,
        stored.abundances,
        stored.abundance_std,
        stored.illumination,
        notes=tuple(map(str, stored.notes)),
    )


def again(
    stored: Run,
    cubes: Sequence[str],
    paintings: Sequence[str],
    reading: Reading,
    painted: AnnotationReading | None = None,
) -> tuple[Cube, Unmixing, Report, Annotation | None]:
    """Assess a stored run on its cube: all else that the judge reads is in the folder. A painting that is given has to be the run's.

    The cube is read as the run read it, unless ``reading`` says something.
    """
    from napari_unmix.cli.loading import load
    from napari_unmix.cli.progress import run_shown
    from napari_unmix.large import assess

    if stored.origin.kept is not None:
        stored.origin.cube([Path(cube) for cube in cubes])  # refuses them: the folder holds what was fitted on
    said = stored.meta.get("annotation") or {"labels": []}
    meanings = {int(one["label"]): Meaning(one["kind"], one["name"]) for one in said["labels"]}
    cube, annotation = load(cubes, paintings, meanings, stored.reading_or(reading), painted)
    _check_cube(stored, cube)
    _check_annotation(stored, annotation)
    result = stored.unmixing(cube)
    return cube, result, run_shown(assess(cube, result)), annotation


def _check_cube(stored: Run, cube: Cube) -> None:
    from napari_unmix.output.run import cube_hash

    if cube_hash(cube) != stored.meta["cube"]["sha256"]:
        rows, columns, bands = stored.meta["cube"]["shape"]
        height, width, depth = cube.shape
        how = (
            "its values, or where its bands lie, differ"
            if [height, width, depth] == [rows, columns, bands]
            else f"that is {rows}×{columns}×{bands}"
        )
        raise UnmixError(
            f"{cube.name} ({height}×{width}×{depth}) is not the cube of this run, {stored.meta['cube']['name']} ({how}): "
            "give the file, or all files, that were unmixed."
        )


def _check_annotation(stored: Run, annotation: Annotation | None) -> None:
    """Only the painting that the run used: another one would be taken for what the answer rests on."""
    from napari_unmix.output.run import annotation_hash

    said = stored.meta.get("annotation")
    if annotation is None:
        return
    if said is None:
        raise UnmixError("This run used no painting: leave out --annotation.")
    if annotation_hash(annotation) != said["sha256"]:
        raise UnmixError(
            "The annotation is not the one of this run (its labels differ): give the file that was unmixed with."
        )
