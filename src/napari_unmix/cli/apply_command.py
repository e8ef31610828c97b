"""Apply a run to other cubes of its sensor: the run's posterior in every pixel, its endmembers as they are. Nothing is trained.

What is interrupted goes on with the same command, to the same bytes.
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.cli.parsing import (
    add_reading_options,
    add_scheduler_options,
    reading_from,
    with_absolute_files,
    workers_from,
)
from napari_unmix.sentences import LONGEST_SENTENCE, UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.applying import Done
    from napari_unmix.applying.order import Order
    from napari_unmix.applying.scheduling import Workers
    from napari_unmix.applying.steps import Schedule
    from napari_unmix.output.run import Run


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("run", metavar="RUN", help="a folder that `napari-unmix unmix` wrote")
    parser.add_argument(
        "cubes",
        metavar="CUBE",
        nargs="+",
        help="cubes of the same sensor, or whose bands lie nearer than half the run's spacing to its own",
    )
    parser.add_argument(
        "--out",
        metavar="OUT",
        required=True,
        help="the maps: .zarr (one group: abundances, abundance_std, error, illumination), .tif, .hdr .dat .bip .bil .bsq (ENVI), .nc, .npz, .mat; "
        "of several cubes each has its name before the suffix",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace maps that are there already")
    add_scheduler_options(parser, "make the tiles")
    add_reading_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")


def run(arguments: argparse.Namespace) -> int:
    """Run the command. What can be refused is refused before a cube is read."""
    from napari_unmix.applying.order import Order, reading_for
    from napari_unmix.applying.outputs import check_target, taken, targets_of
    from napari_unmix.output.export import AlreadyThere
    from napari_unmix.output.run import json_text, read_run

    count = workers_from(arguments)
    cubes = [Path(cube).expanduser().absolute() for cube in arguments.cubes]
    for cube in cubes:
        if not cube.exists():  # before the maps of those before it are made
            raise UnmixError(f"There is no file {shown(cube, 200)}: check the path.")
    targets = targets_of(Path(arguments.out), cubes)
    try:
        for target in targets:
            check_target(target, overwrite=arguments.overwrite)
        stored = read_run(arguments.run)
        reading = reading_for(stored, with_absolute_files(reading_from(arguments)))
        orders = [Order(stored.folder.absolute(), cube, reading) for cube in cubes]
        with _workers(arguments.scheduler, count) as workers:
            made = [
                _applied(stored, order, target, workers, overwrite=arguments.overwrite)
                for order, target in zip(orders, targets, strict=True)
            ]
    except AlreadyThere as error:
        raise taken(error, "--overwrite") from error
    if arguments.json:
        values = [
            {"cube": cube, "files": done.files, "pixels": done.pixels, "notes": done.sentences}
            for cube, done in zip(cubes, made, strict=True)
        ]
        print(json_text({"run": stored.folder, "maps": values}, ascii_only=True))
    else:
        print("\n".join(line for cube, done in zip(cubes, made, strict=True) for line in _lines(cube, done)))
    return 0


def _applied(stored: Run, order: Order, target: Path, workers: Workers | None, *, overwrite: bool) -> Done:
    """The maps of one cube, with progress on stderr."""
    from napari_unmix.applying import apply_steps
    from napari_unmix.applying.outputs import Told
    from napari_unmix.cli.progress import run_shown

    prepared = order.prepared()
    said = (prepared.applied.said, *prepared.scene.doubts(prepared.applied), *prepared.scene.cube.repairs)
    told = Told(stored.folder.name, stored.axis, said)
    schedule = None if workers is None else _schedule(workers, order)
    with _said_how_to_go_on(target):
        return run_shown(apply_steps(prepared, told, target, overwrite=overwrite, schedule=schedule))


def _schedule(workers: Workers, order: Order) -> Schedule:
    from napari_unmix.applying.scheduling import tiles_by

    return tiles_by(workers, order)


@contextlib.contextmanager
def _workers(scheduler: str | None, count: int | None) -> Iterator[Workers | None]:
    """Those of all cubes: processes take seconds to begin."""
    if scheduler is None:
        yield None
        return
    from napari_unmix.applying.scheduling import TILES_STAY, workers_of

    with workers_of(scheduler, count, TILES_STAY) as workers:
        yield workers


@contextlib.contextmanager
def _said_how_to_go_on(target: Path) -> Iterator[None]:
    """Where it is interrupted with tiles that are done, say so."""
    from napari_unmix.applying.steps import is_begun

    try:
        yield
    except KeyboardInterrupt as end:
        if not is_begun(target):
            raise
        raise KeyboardInterrupt("the same command goes on with what is done.") from end


def _lines(cube: Path, done: Done) -> list[str]:
    resumed = f", {done.resumed} tiles of which were there" if done.resumed else ""
    return [
        f"{shown(cube.name)}: {done.pixels:,} pixels{resumed}",
        *(f"Note: {sentence}" for sentence in done.sentences),
        *(f"Written: {shown(file, LONGEST_SENTENCE)}" for file in done.files),
    ]
