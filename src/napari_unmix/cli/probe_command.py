"""Train a simple classifier on painted classes from raw spectra, and from each run's abundances and codes; test it in other places, by blocks."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unmix.cli.loading import check_whole, load, parse_meanings
from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.cube import Annotation, BoolArray, Cube, IntArray
    from napari_unmix.output.run import Run
    from napari_unmix.probing.blocks import Folds
    from napari_unmix.probing.evaluate import Features, Probed
    from napari_unmix.probing.painted import Painted

_FORMS = {".png": "png", ".svg": "svg"}
# Stands here too, so that --help loads nothing; a test keeps it equal to probing.blocks.FOLDS.
FOLDS = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("cube", metavar="CUBE", help="the cube that was painted, and that the runs unmixed")
    parser.add_argument(
        "labels", metavar="LABELS", help="the painted classes: a label image of its size, 0 is unpainted, or polygons"
    )
    parser.add_argument("--runs", metavar="RUN", nargs="+", default=[], help="folders that `napari-unmix unmix` wrote")
    parser.add_argument(
        "--name", metavar="LABEL=NAME", action="append", default=[], help="what a class is called (repeatable)"
    )
    parser.add_argument(
        "--ignore", metavar="LABEL", action="append", default=[], help="a label that is no class (repeatable)"
    )
    parser.add_argument(
        "--folds", metavar="N", default=str(FOLDS), help="parts by place, each tested once (default %(default)s)"
    )
    parser.add_argument(
        "--seed", metavar="N", default="0", help="of the pixels of large classes that are read (default 0)"
    )
    parser.add_argument("--figure", metavar="FILE", help="where to draw it: .png or .svg")
    parser.add_argument("--overwrite", action="store_true", help="replace the file that --figure names")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. What can be refused is refused before anything is trained."""
    from napari_unmix.output.class_picture import probe_picture
    from napari_unmix.output.run import json_text, read_run
    from napari_unmix.probing.evaluate import probe

    count, seed = _number("--folds", arguments.folds, 2, 20), _number("--seed", arguments.seed, 0, 2**31 - 1)
    figure = _figure(arguments.figure, overwrite=arguments.overwrite)
    # 1. What is painted, and in which places it is learned and tested.
    runs = [read_run(folder) for folder in arguments.runs]
    reading = reading_from(arguments)
    cube, annotation = load([arguments.cube], [arguments.labels], {}, runs[0].reading_or(reading) if runs else reading)
    assert annotation is not None
    for one in runs:
        _check_run(one, cube)
    painted = classes_of(cube, annotation, arguments.name, arguments.ignore)
    classes, names, folds = painted.classes, painted.names, painted.folds(count)
    # 2. A classifier on each kind of features.
    features, notes = features_of(cube, painted.mask, runs)
    rows = [probe(one, classes, len(names), folds, seed) for one in features]
    # 3. What came of it.
    if figure is not None:
        from napari_unmix.files.whole import write_whole

        write_whole(figure, probe_picture(rows, names, _FORMS[figure.suffix.lower()]), lambda _: None)
    if arguments.json:
        print(json_text(_described(cube, rows, names, classes, folds, notes, figure), ascii_only=True))
    else:
        print("\n".join(_table(rows, names, classes, folds, notes, figure)))
    return 0


def _number(option: str, text: str, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise UnmixError(f"{option} is {shown(text)}: give a whole number from {least} to {most}.")
    return int(text)


def _figure(path: str | None, *, overwrite: bool) -> Path | None:
    if path is None:
        if overwrite:
            raise UnmixError("--overwrite replaces the file that --figure names: give --figure FILE, or leave it out.")
        return None
    place = Path(path).expanduser().absolute()
    if place.suffix.lower() not in _FORMS:
        raise UnmixError(f"--figure {shown(path)} is neither .png nor .svg: give one of them.")
    if not place.parent.is_dir():
        raise UnmixError(f"The folder {shown(place.parent, 200)} is not there: make it, or choose another --figure.")
    if place.is_dir() or (place.exists() and not overwrite):
        raise UnmixError(
            f"{shown(place, 200)} is there already: choose another --figure, or replace it with --overwrite."
        )
    return place


def _check_run(run: Run, cube: Cube) -> None:
    from napari_unmix.io.budget import readable_shape

    found = (*run.abundances.shape[:2], run.endmembers.shape[1])
    if found != cube.shape:
        check_whole(run)
        raise UnmixError(
            f"{shown(run.folder.name)} is a run of a cube of {readable_shape(found)} but {shown(cube.name)} is "
            f"{readable_shape(cube.shape)}: give the cube that it unmixed."
        )


def classes_of(cube: Cube, annotation: Annotation, names: Sequence[str], ignored: Sequence[str]) -> Painted:
    """The painted classes by the names that the command gives them, without those that it leaves out. Raises UnmixError."""
    import numpy as np

    from napari_unmix.probing.painted import painted_classes

    meanings = parse_meanings(names, ignored)
    painted = [int(label) for label in np.unique(annotation.labels[cube.valid_pixels]) if label > 0]
    unknown = next((label for label in meanings if label not in painted), None)
    if unknown is not None:
        raise UnmixError(
            f"The labels have no {unknown} on a valid pixel: name one of {', '.join(map(str, painted[:12])) or 'none'}."
        )
    said = {label: replace(one, name=one.name or annotation.meaning(label).name) for label, one in meanings.items()}
    return painted_classes(cube, replace(annotation, meanings={**annotation.meanings, **said}))


def features_of(cube: Cube, mask: BoolArray, runs: Sequence[Run]) -> tuple[list[Features], list[str]]:
    """Raw spectra, and each run's abundances and codes, of the pixels in ``mask`` (H, W); and what there is to say of them."""
    from napari_unmix.output.run import cube_hash
    from napari_unmix.probing.painted import Answer, abundances_of, codes_of, no_codes, raw_spectra

    found, notes = [raw_spectra(cube, mask)], []
    for run in runs:
        name = shown(run.folder.name)
        if run.meta["cube"].get("sha256") != cube_hash(cube):
            notes.append(f"{name} was made from other data than this cube: its hash differs.")
        answer = Answer(name, run.spec, run.endmembers, run.names, run.abundances, run.model())
        abundances = abundances_of(answer, mask)
        if abundances is None:
            raise UnmixError(
                f"{name} has no answer in some of the painted pixels: paint where it has, or unmix with these pixels."
            )
        found.append(abundances)
        codes = codes_of(answer, run.axis, cube, mask)
        if codes is None:
            notes.append(no_codes(answer))
        else:
            found.append(codes)
    return found, notes


def _described(
    cube: Cube,
    rows: Sequence[Probed],
    names: Sequence[str],
    classes: IntArray,
    folds: Folds,
    notes: Sequence[str],
    figure: Path | None,
) -> dict[str, Any]:
    return {
        "cube": cube.name,
        "classes": names,
        "pixels": [int((classes == one).sum()) for one in range(len(names))],
        "block_side": folds.side,
        "folds": len(folds),
        "left_out_by_margin": folds.left_out,
        "chance": 1 / len(names),
        "features": [_row(row) for row in rows],
        "notes": notes,
        "figure": figure,
    }


def _row(row: Probed) -> dict[str, Any]:
    speaks = row.kind.endswith("abundances")
    return {
        "kind": row.kind,
        "count": len(row.names),
        "balanced_accuracy": row.accuracy,
        "interval": [row.low, row.high],
        "of_folds": row.accuracies,
        "recalls": row.recalls,
        "ridge": row.ridge,
        "names": row.names if speaks else None,
        "log_odds_per_spread": row.weights if speaks else None,
        "folds_of_the_same_sign": row.agreeing if speaks else None,
    }


def _table(
    rows: Sequence[Probed],
    names: Sequence[str],
    classes: IntArray,
    folds: Folds,
    notes: Sequence[str],
    figure: Path | None,
) -> list[str]:
    counts = ", ".join(f"{shown(name)} {int((classes == one).sum())}" for one, name in enumerate(names))
    width = max(8, *(len(row.kind) for row in rows))
    lines = [
        f"{len(names)} classes ({counts} pixels), {len(folds)} folds of blocks of {folds.side} × {folds.side} pixels, "
        f"{100 * folds.left_out:.0f} % left out beside those tested; chance {1 / len(names):.2f}",
        f"{'features':<{width}}  {'numbers':>7}  {'balanced accuracy':>17}  {'interval':>11}  ridge",
    ]
    for row in rows:
        reach = f"{row.low:.2f}–{row.high:.2f}"
        lines.append(f"{row.kind:<{width}}  {len(row.names):>7}  {row.accuracy:>17.3f}  {reach:>11}  {row.ridge:g}")
    for row in rows:
        if row.kind.endswith("abundances"):
            lines += ["", *_spoken(row, names)]
    lines += [f"Note: {note}" for note in notes]
    return lines + ([] if figure is None else [f"Figure: {figure}"])


def _spoken(row: Probed, names: Sequence[str]) -> list[str]:
    """Which materials speak for each class, and which against it; in brackets where not all folds agree on that."""
    wide, folds = [max(8, len(shown(name))) for name in names], len(row.accuracies)
    first = max(8, *(len(name) for name in row.names))
    lines = [
        f"{row.kind}: log-odds of a class for one spread more of a material; (in brackets: not all folds have the sign)"
    ]
    lines.append(
        f"{'material':<{first}}  " + "  ".join(f"{shown(name):>{w}}" for name, w in zip(names, wide, strict=True))
    )
    for material, name in enumerate(row.names):
        said = [
            f"{weight:+.2f}" if agreed == folds else f"({weight:+.2f})"
            for weight, agreed in zip(row.weights[material], row.agreeing[material], strict=True)
        ]
        lines.append(f"{name:<{first}}  " + "  ".join(f"{one:>{w}}" for one, w in zip(said, wide, strict=True)))
    return lines
