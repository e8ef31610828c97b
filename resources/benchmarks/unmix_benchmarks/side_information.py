"""What side information beyond paint buys: the same iVAE with and without u, its endmembers free, held at those without u, and held at the truth.

With endmembers held, what u changes is its own share; what it changes beyond that is what it does to the endmembers. No law of variability is
fitted, but for the row *pairs as views*, which has one and no u.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.given import Given
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import rmse, spectral_angle
from napari_unmix.sentences import UnmixError
from unmix_benchmarks.common.kept import KEEP_HELP, before, part, write
from unmix_benchmarks.common.printed import commit
from unmix_benchmarks.common.scores import parser, write_rows
from unmix_benchmarks.common.side_rows import FOUND, FREE, HELD, NONE, PAINTED, PAIRS, SHUFFLED, TRUE, Key, Row
from unmix_benchmarks.common.side_scenes import SCENES, Subject, shuffled, subject
from unmix_benchmarks.common.side_tables import page

TITLE = "what each source of side information buys, beside its geometry"
NAME = "side-information"
# Seed 1 to choose on, these were looked at once; real scenes have none.
SEEDS = (41, 42, 43)
# Of a standard normal law, for intervals of 90 %.
_INTERVAL = 1.645


def main(arguments: list[str]) -> int:
    """Run it."""
    chosen = _options().parse_args(arguments)
    rows = {row.key: row for row in before(NAME, Row, chosen.keep, chosen.out)}
    for scene in chosen.scenes:
        for seed in chosen.seeds if SCENES[scene].simulated else (0,):
            for row in _of_scene(scene, seed, chosen.data, rows):
                rows[row.key] = row
                print(row, file=sys.stderr, flush=True)
                if chosen.out is not None:
                    write(list(rows.values()), part(NAME, chosen.out))
    write_rows(NAME, list(rows.values()), page(list(rows.values())), chosen.out, [row.commit for row in rows.values()])
    if chosen.out is not None:
        part(NAME, chosen.out).unlink(missing_ok=True)
    return 0


def _options() -> argparse.ArgumentParser:
    options = parser(NAME, __doc__ or "")
    options.add_argument("--scenes", nargs="+", default=list(SCENES), choices=list(SCENES), help="which (default: all)")
    options.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS), help="seeds of the simulated scenes")
    options.add_argument("--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA)")
    options.add_argument("--keep", nargs="*", type=Path, metavar="FOLDER", help=KEEP_HELP)
    return options


def _of_scene(scene: str, seed: int, data: str | None, there: dict[Key, Row]) -> Iterator[Row]:
    """The rows of one scene that are not there; none, and a line to whoever waits, where its file is not."""
    wanted = list(keys_of(scene, seed))
    if all(key in there for key in wanted):
        return
    try:
        made = subject(scene, seed, data)
    except UnmixError as missing:
        print(f"napari-unmix: {scene} is left out. {missing}", file=sys.stderr)
        return
    # Without u first: what it finds is what the others are held at.
    alone = _run(made, NONE, None)
    held = {HELD: alone.endmembers, TRUE: made.endmembers}
    for key in wanted:
        if key.endmembers != FOUND:
            yield _row(key, made, _run(made, key.source, held[key.endmembers]), "")
        else:
            found = alone if key.source == NONE else _run(made, key.source, None)
            yield _row(key, made, found, _grades(made, found))


def keys_of(scene: str, seed: int) -> Iterator[Key]:
    """What is run: with endmembers of its own only what may move them, which is no u at all, and u that a person declares.

    Made sources leave the search alone, and EM moves endmembers only where the evidence rises beyond their uncertainty: see the test.
    """
    for source in SCENES[scene].sources:
        if source in FREE:
            yield Key(scene, seed, source, FOUND)
        yield Key(scene, seed, source, HELD)
        yield Key(scene, seed, source, TRUE)


def _run(made: Subject, source: str, held: FloatArray | None) -> Unmixing:
    painted = made.annotation if source in (PAINTED, SHUFFLED) else None
    if painted is not None and source == SHUFFLED:
        painted = shuffled(painted)
    asked = {
        "endmembers": len(made.endmembers),
        "illumination": made.illumination,
        "auxiliary": {PAINTED: "auto", SHUFFLED: "auto", PAIRS: NONE}.get(source, source),
        "variability": "pairs" if source == PAIRS else "none",
    }
    given = None
    if held is not None:
        given = Given.known(held, tuple(f"material {k + 1}" for k in range(len(held))))
    return drain(unmix(made.cube, spec_class("ivae").model_validate(asked), painted, given))


def _row(key: Key, made: Subject, result: Unmixing, grades: str) -> Row:
    order = match_endmembers(result.endmembers, made.endmembers)
    estimated, truth = result.abundances[..., order], made.abundances
    std = result.abundance_std
    covered = None
    if std is not None:
        covered = float((np.abs(estimated - truth) <= _INTERVAL * std[..., order])[made.cube.valid_pixels].mean())
    degrees = _angles(result.endmembers, made.endmembers)
    return Row(
        *key,
        angle=float(degrees.mean()),
        rmse=rmse(estimated, truth),
        coverage=covered,
        grades=grades,
        seconds=result.seconds,
        commit=commit(),
    )


def _grades(made: Subject, result: Unmixing) -> str:
    """How many of each word: "2 steady, 1 shaky"."""
    found = [grade.word for grade in drain(assess(made.cube, result)).grades]
    return ", ".join(f"{found.count(word)} {word}" for word in dict.fromkeys(sorted(found)))


def _angles(endmembers: FloatArray, reference: FloatArray) -> FloatArray:
    """(P,) degrees of the matched ones, in the bands that both have."""
    good = np.isfinite(endmembers).all(axis=0) & np.isfinite(reference).all(axis=0)
    order = match_endmembers(endmembers[:, good], reference[:, good])
    return np.asarray(np.degrees(spectral_angle(endmembers[order][:, good], reference[:, good])))
