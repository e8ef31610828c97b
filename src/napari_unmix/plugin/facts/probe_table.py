"""A probe as tables: whether it can be made, whether it still stands, its rows in words and as text for other programs. Pure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence

import numpy as np

from napari_unmix.cube import Annotation
from napari_unmix.plugin.facts.probing import Probe, same_classes
from napari_unmix.plugin.facts.session import Session, current_run, runs_of
from napari_unmix.probing.evaluate import ABUNDANCES, Probed

SPOKEN = 3  # materials named for a class, and against it
LOOKED_AT = 250_000  # pixels of a painting, at first
FAINTEST = 0.05  # log-odds that are written as more than 0.0
NOTHING = "–"


def obstacle(session: Session) -> str:
    """Why the painted classes can't be probed, "" where they can."""
    if current_run(session) is None:
        return "Train first: a probe asks which maps tell painted classes apart."
    classes = 0 if session.annotation is None else _classes(session.annotation)
    if classes > 1:
        return ""
    said = "nothing is painted" if not classes else "only one class is painted"
    return f"A probe tells two painted classes or more apart, and {said}: paint another one, in several places."


def _classes(annotation: Annotation) -> int:
    """How many classes are painted, 2 for more; of a large image mostly told by some of its pixels, for a stroke asks it again."""
    step = max(1, math.isqrt(annotation.labels.size // LOOKED_AT))
    for part in (annotation.labels[::step, ::step], annotation.labels):
        labels = [int(label) for label in np.unique(part) if label > 0]
        classes = sum(annotation.meaning(label).kind != "ignore" for label in labels)
        if classes > 1 or step == 1:
            break
    return min(classes, 2)


def out_of_date(session: Session) -> str:
    """What changed since the probe of the current cube was made, "" where nothing did."""
    probe = session.probed
    if probe is None:
        return ""
    if not same_classes(probe.annotation, session.annotation):
        return "painted since"
    if probe.runs != tuple(run.number for run in runs_of(session, session.cube)):
        return "runs were added or forgotten since"
    return ""


def heading(probe: Probe) -> str:
    """What was told apart, and where it was tested."""
    counts = ", ".join(f"{name} {pixels}" for name, pixels in zip(probe.names, probe.pixels, strict=True))
    return (
        f"{len(probe.names)} classes ({counts} pixels), {probe.folds} folds by place, of blocks of {probe.side} × {probe.side} pixels. "
        f"Guessing gets {percent(probe.chance)}."
    )


def accuracies(probe: Probe) -> tuple[tuple[str, str, str, str], ...]:
    """Of each kind of features: what they are, how many numbers, balanced accuracy, its range over the folds."""
    return tuple(
        (
            row.kind,
            str(len(row.names)),
            percent(row.accuracy),
            f"{100 * min(row.accuracies):.0f}–{percent(max(row.accuracies))}",
        )
        for row in probe.rows
    )


def spoken(probe: Probe) -> tuple[tuple[str, str, str, str, str], ...]:
    """Of each run and class: the run, the class, the share of its pixels that is found, the materials that speak for it and against it."""
    return tuple(
        (
            row.kind.removesuffix(f", {ABUNDANCES}"),
            name,
            percent(row.recalls[one]),
            _in_words(row.speaking(one)),
            _in_words(row.speaking(one, against=True)),
        )
        for row in of_materials(probe)
        for one, name in enumerate(probe.names)
    )


def of_materials(probe: Probe) -> tuple[Probed, ...]:
    """The rows whose features are materials."""
    return tuple(row for row in probe.rows if row.kind.endswith(f", {ABUNDANCES}"))


def best(probe: Probe) -> str:
    """In a line what did best of all, and of the abundances."""
    found = [max(rows, key=lambda row: row.accuracy) for rows in (probe.rows, of_materials(probe)) if rows]
    return "; ".join(f"{row.kind} {percent(row.accuracy)}" for row in dict.fromkeys(found))


def percent(share: float) -> str:
    """A share of pixels."""
    return f"{100 * share:.0f} %"


def _in_words(materials: Sequence[tuple[str, float, bool]]) -> str:
    """Tree +2.1, (soil +0.3): in brackets where not all folds agree on the sign."""
    loud = [one for one in materials if abs(one[1]) >= FAINTEST][:SPOKEN]
    said = [(f"{name} {f'{weight:+.1f}'.replace('-', '−')}", agreed) for name, weight, agreed in loud]
    return ", ".join(words if agreed else f"({words})" for words, agreed in said) or NOTHING


def as_csv(probe: Probe) -> str:
    """Both tables as comma-separated values, numbers in full, an empty line between them."""
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    folds = [f"Fold {fold + 1}" for fold in range(probe.folds)]
    found = [f"Found of {name}" for name in probe.names]
    writer.writerow(["Features", "Numbers", "Balanced accuracy", "Interval low", "Interval high", *folds, *found])
    for row in probe.rows:
        numbers = (row.accuracy, row.low, row.high, *row.accuracies, *row.recalls)
        writer.writerow([row.kind, len(row.names), *(f"{number:.10g}" for number in numbers)])
    writer.writerow([])
    writer.writerow(["Features", "Class", "Material", "Log-odds per spread", "Folds of the same sign", "Folds"])
    for row in of_materials(probe):
        for one, name in enumerate(probe.names):
            for k, material in enumerate(row.names):
                values = (f"{row.weights[k, one]:.10g}", int(row.agreeing[k, one]), probe.folds)
                writer.writerow([row.kind, name, material, *values])
    return written.getvalue()
