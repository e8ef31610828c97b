"""Cubes and paintings that a command line names, as one cube with its annotation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_unmix.cube import Annotation, Cube, IntArray, Meaning, Reading
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.io.annotation import AnnotationReading
    from napari_unmix.output.run import Run


def parse_meanings(materials: Sequence[str], ignored: Sequence[str] = ()) -> dict[int, Meaning]:
    """``["3=rock", "4"]``, ``["5"]`` -> label -> its meaning."""
    meanings: dict[int, Meaning] = {}
    for text in materials:
        label, _, name = text.partition("=")
        number = _label("--material", label, text, ", or NUMBER=NAME")
        if number in meanings:
            raise UnmixError(f"--material {number} is given twice: give each label once.")
        meanings[number] = Meaning("material", name.strip())
    for text in ignored:
        number = _label("--ignore", text, text)
        if meanings.get(number, Meaning("ignore")).kind != "ignore":
            raise UnmixError(f"Label {number} is given as --material and as --ignore: leave one of them out.")
        meanings[number] = Meaning("ignore")
    return meanings


def _label(option: str, number: str, given: str, alternative: str = "") -> int:
    digits = number.strip()
    if not digits.isdecimal() or len(digits) > 10 or not 0 < int(digits) < 2**31:
        raise UnmixError(f"{option} {given} names no label: give a whole number from 1{alternative}.")
    return int(digits)


def check_whole(run: Run) -> None:
    """Refuse a run on a sample of several cubes, where maps are held against a cube: its own are of none of them."""
    if run.origin.kept is not None:
        raise UnmixError(
            f"{shown(run.folder.name)} was fitted on a sample of its cubes, so its maps are those of none of them: make a cube's maps "
            "with napari-unmix apply, or name its endmembers with napari-unmix match."
        )


def check_counts(cubes: int, paintings: int, auxiliary: str) -> None:
    """Refuse before anything is read."""
    from napari_unmix.auxiliary.names import ACQUISITION

    if ACQUISITION in auxiliary.split("+") and cubes == 1:
        raise UnmixError(
            "--auxiliary acquisition needs several acquisitions, one cube is given: name two or more, or choose another --auxiliary."
        )
    if paintings > 1 and paintings != cubes:
        raise UnmixError(
            f"{paintings} annotations are given for {cubes} cube{'s' if cubes > 1 else ''}: give one of each cube, or one of them all."
        )


def load(
    cubes: Sequence[str],
    paintings: Sequence[str],
    meanings: dict[int, Meaning],
    reading: Reading,
    painted: AnnotationReading | None = None,
) -> tuple[Cube, Annotation | None]:
    """Read a cube, or join several, with what is painted: one file of each cube in their order, or one of the joined cube's size."""
    from napari_unmix.io import read_annotation, read_as
    from napari_unmix.io.budget import readable_size
    from napari_unmix.joining import join_cubes, join_labels

    parts = [read_as(path, reading) for path in cubes]
    if len(parts) > 1 and any(part.lazy is not None for part in parts):
        raise UnmixError(
            f"Joining {len(parts)} cubes needs {readable_size(sum(part.spectra.nbytes for part in parts))} of memory, which this machine can't give: "
            "fit a sample of all of them with --sample PIXELS, and apply the run to each."
        )
    cube = parts[0] if len(parts) == 1 else join_cubes(parts)
    if not paintings:
        return cube, None
    of = [cube] if len(paintings) == 1 else parts
    found = [
        read_annotation(path, one.shape, one.georeference, painted) for path, one in zip(paintings, of, strict=True)
    ]
    labels = found[0].labels if len(found) == 1 else join_labels([one.labels for one in found])
    files = [Path(path).name for path in paintings]
    names = common_names(files, [one.names for one in found])
    return cube, annotated(
        labels, meanings, names, " and ".join(files), [text for one in found for text in one.remarks]
    )


def common_names(files: Sequence[str], names: Sequence[Mapping[int, str]]) -> dict[int, str]:
    """Label -> name over several files, in which a label has to be the same thing."""
    common: dict[int, str] = {}
    for file, of_file in zip(files, names, strict=True):
        for label, name in of_file.items():
            if common.setdefault(label, name) != name:
                raise UnmixError(
                    f"Label {label} is {name} in {file} but {common[label]} in another file: give the same thing the same label in all of them."
                )
    return common


def annotated(
    labels: IntArray,
    meanings: dict[int, Meaning],
    names: Mapping[int, str],
    files: str,
    remarks: Sequence[str] = (),
    there: Sequence[int] | None = None,
) -> Annotation:
    """The painting of a cube; every label that was given a meaning has to be in it, and is called as its file calls it unless it was named.

    ``there`` are the labels that the files have, where ``labels`` are a part of them.
    """
    painted = [int(label) for label in np.unique(labels) if label > 0] if there is None else list(there)
    for label, meaning in meanings.items():
        if label not in painted:
            instead = (
                f"it has {', '.join(map(str, painted[:12]))}{' …' if len(painted) > 12 else ''}"
                if painted
                else "nothing is painted"
            )
            option = "" if meaning.kind == "region" else f"--{meaning.kind} {label}: "
            raise UnmixError(f"{option}{files} has no label {label} ({instead}): name one that is painted.")
    found = {label: Meaning("region", names[label]) for label in painted if label in names}
    for label, meaning in meanings.items():
        found[label] = Meaning(meaning.kind, meaning.name or names.get(label, ""))
    return Annotation(labels, found, tuple(remarks))
