"""Every method of the registry on the same scenes: simulated ones, and those of the folder of real scenes.

Presets for all: a scene sets the number of endmembers and the inversion that its reference means, and where it has them, what is painted and a
library; a method reads of these what it can. Every run is a process of its own on one thread, so that seconds are its processor's and memory is its
own. Methods that draw nothing run once. What fails is a row that says why.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from napari_unmix.methods.registry import method_specs
from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common.apart import Apart, Failure
from unmix_benchmarks.common.kept import KEEP_HELP, before, part, write
from unmix_benchmarks.common.method_entries import Entry, entries
from unmix_benchmarks.common.method_figures import figures
from unmix_benchmarks.common.method_rows import Answers, Key, Row, Run, between, failed, measured, still_to_run
from unmix_benchmarks.common.method_scenes import Place, Subject, places
from unmix_benchmarks.common.method_tables import page, scene_tables
from unmix_benchmarks.common.printed import commit, printed_by
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "every method of the registry on the same scenes: errors, seeds, time and memory"
NAME = "methods"
SCENES = f"{NAME}-scenes"
# What methods import when they run: the server has it before.
_LAZY = (
    "scipy.optimize",
    "scipy.ndimage",
    "scipy.special",
    "scipy.sparse.linalg",
    "scipy.spatial",
    "skimage.segmentation",
)

Measure = Callable[[Subject, Entry, int], Run | Failure]


def main(arguments: list[str]) -> int:
    """Run it."""
    chosen = _options().parse_args(arguments)
    asked, scenes = entries(chosen.methods), places(chosen.rows)
    rows = {row.key: row for row in before(NAME, Row, chosen.keep, chosen.out)}
    answers = Answers(None if chosen.out is None else chosen.out / f"{NAME}.answers")
    with nullcontext() if chosen.here else Apart(_imported()) as apart:
        measure = _here if apart is None else _apart(apart)
        for row in run_all(asked, scenes, chosen, rows, answers, measure):
            print(row.line(), file=sys.stderr, flush=True)
            if chosen.out is not None:
                write(list(rows.values()), part(NAME, chosen.out))
    ordered = _ordered(list(rows.values()))
    if not ordered:
        raise UnmixError("Nothing was run: no scene of these names has a method of these names.")
    write_rows(NAME, ordered, page(ordered, entries(), places()), chosen.out, [row.commit for row in ordered])
    _write_beside(ordered, chosen, answers)
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser(NAME, __doc__ or "")
    options.set_defaults(methods=None)
    options.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="seeds of the methods that draw")
    options.add_argument(
        "--rows", nargs="+", default=[""], metavar="WORD", help="only scenes with one of these words in their name"
    )
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")
    options.add_argument("--keep", nargs="*", type=Path, metavar="FOLDER", help=KEEP_HELP)
    options.add_argument("--figures", type=Path, metavar="FOLDER", help="draw methods-*.svg into this folder")
    options.add_argument("--here", action="store_true", help="run all in this process: memory is not measured then")
    return options


def run_all(
    asked: Sequence[Entry],
    scenes: Sequence[Place],
    chosen: argparse.Namespace,
    rows: dict[Key, Row],
    answers: Answers,
    measure: Measure,
) -> Iterator[Row]:
    """The rows that are not there, first one seed of all, so that a run that is stopped has something of everything; ``rows`` is filled."""
    made: dict[str, Subject] = {}
    named = {entry.name: entry for entry in asked}
    by_name = {place.name: place for place in scenes}
    wanted = [
        Key(place.name, entry.name, seed)
        for seed in chosen.seeds
        for place in scenes
        for entry in asked
        if seed in entry.seeds(chosen.seeds)
    ]
    left_out: set[str] = set()
    for key in still_to_run(wanted, rows, answers):
        if key.scene in left_out:
            continue
        if key.scene not in made:
            subject = _made(by_name[key.scene], chosen.data)
            if subject is None:
                left_out.add(key.scene)
                continue
            made[key.scene] = subject
        entry = named[key.method]
        if entry.knows_more and made[key.scene].library is None:
            continue
        yield _run(key, made[key.scene], entry, rows, answers, measure)
    _compare_seeds(rows, answers)


def _made(place: Place, data: str | None) -> Subject | None:
    """The scene; None, and a line to whoever waits, where its file is not there."""
    try:
        return place.make(data)
    except (UnmixError, OSError) as missing:
        print(f"napari-unmix: {place.name} is left out. {missing}", file=sys.stderr)
        return None


def _run(key: Key, subject: Subject, entry: Entry, rows: dict[Key, Row], answers: Answers, measure: Measure) -> Row:
    run = measure(subject, entry, key.seed)
    if not isinstance(run, Failure):
        answers.put(key, run.abundances)
    row = failed(key, run) if isinstance(run, Failure) else run.row
    rows[key] = replace(row, commit=commit())
    return rows[key]


def _compare_seeds(rows: dict[Key, Row], answers: Answers) -> None:
    """Fill in what is known of the agreement of seeds when all have run."""
    cells: dict[tuple[str, str], list[Key]] = {}
    for key in rows:
        cells.setdefault((key.scene, key.method), []).append(key)
    for keys in cells.values():
        agreed = between(keys, answers)
        if agreed is not None:
            rows.update({key: replace(rows[key], between=agreed) for key in keys})


def _imported() -> list[str]:
    """Everything that a run imports."""
    fits = [spec.implementation.partition(":")[0] for spec in method_specs().values()]
    return [__name__, "napari_unmix.pipeline", *fits, *_LAZY]


def _apart(apart: Apart) -> Measure:
    return lambda subject, entry, seed: apart.call(measured, subject, entry, seed, True)


def _here(subject: Subject, entry: Entry, seed: int) -> Run | Failure:
    try:
        return measured(subject, entry, seed, memory=False)
    except UnmixError as error:
        return Failure(str(error))


def _ordered(rows: Sequence[Row]) -> list[Row]:
    """By scene, then as methods are listed, then by seed."""
    scenes, methods = ([one.name for one in every] for every in (places(), entries()))
    return sorted(rows, key=lambda row: (_place(row.scene, scenes), _place(row.method, methods), row.seed))


def _place(name: str, names: Sequence[str]) -> int:
    return names.index(name) if name in names else len(names)


def _write_beside(rows: Sequence[Row], chosen: argparse.Namespace, answers: Answers) -> None:
    """The tables by scene, and the figures; what only a stopped run needs is removed."""
    if chosen.out is not None:
        printed = printed_by([row.commit for row in rows])
        text = "\n".join([*scene_tables(rows, entries(), places()), "", printed, ""])
        (chosen.out / f"{SCENES}.md").write_text(text, encoding="utf-8")
        part(NAME, chosen.out).unlink(missing_ok=True)
        answers.forget()
    if chosen.figures is not None:
        chosen.figures.mkdir(parents=True, exist_ok=True)
        for name, drawn in figures(rows, entries(), places()).items():
            (chosen.figures / f"{NAME}-{name}.svg").write_text(drawn, encoding="utf-8")
