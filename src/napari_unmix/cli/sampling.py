"""Several cubes as a sample that is fitted in their place: the options, and reading it with what is painted."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.cli.parsing import add_scheduler_options, workers_from
from napari_unmix.cube import Annotation, Cube, Meaning, Reading
from napari_unmix.sentences import UnmixError, listed

if TYPE_CHECKING:
    from napari_unmix.io.annotation import AnnotationReading
    from napari_unmix.large.scenes import Draw

_MOST = 100_000_000  # pixels; the memory of the machine refuses earlier
_AGAIN = "give the same command again"


def add_sample_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "--sample",
        metavar="PIXELS",
        help="of several cubes fit on at most so many pixels in all, one of each square of them, such as 40000: none is held; `napari-unmix apply` "
        "makes the maps of all their pixels",
    )
    add_scheduler_options(parser, "draw the sample")


def sample_from(arguments: argparse.Namespace) -> int | None:
    """How many pixels are sampled; None where all are taken. Raises UnmixError before anything is read."""
    workers_from(arguments)
    if arguments.sample is None:
        if arguments.scheduler is not None:
            raise UnmixError("--scheduler says who draws a sample of several cubes: give --sample PIXELS with it.")
        return None
    cubes, paintings = len(arguments.cubes), len(arguments.annotation)
    if not arguments.sample.isdecimal() or len(arguments.sample) > 12 or not 1 <= int(arguments.sample) <= _MOST:
        raise UnmixError(f"--sample is {arguments.sample}: give a whole number of pixels up to {_MOST:,}.")
    if cubes < 2:
        raise UnmixError(
            "--sample is of several cubes: name two or more. One that does not fit into memory is sampled without it."
        )
    if paintings not in (0, cubes):
        raise UnmixError(
            f"{paintings} annotation{'s are' if paintings > 1 else ' is'} given for a sample of {cubes} cubes: give one of each, in their order."
        )
    return int(arguments.sample)


def load_sample(
    cubes: Sequence[Path],
    paintings: Sequence[Path],
    meanings: dict[int, Meaning],
    readings: tuple[Reading, AnnotationReading],
    sample: tuple[int, int],
    draw: Draw | None = None,
) -> tuple[Cube, Annotation | None]:
    """A sample of so many pixels, by this seed, with what is painted there; progress on stderr. Drawn here unless ``draw`` does it elsewhere."""
    from napari_unmix.cli.loading import annotated, common_names
    from napari_unmix.cli.progress import run_shown
    from napari_unmix.large.scenes import Painted, orders_of, sampled_scenes

    reading, painted_reading = readings
    painted = [Painted(file, painted_reading, meanings) for file in paintings]
    found = run_shown(sampled_scenes(orders_of(cubes, reading, *sample, painted), draw))
    if found.labels is None:
        return found.cube, None
    files = [file.name for file in paintings]
    names = common_names(files, found.names)
    return found.cube, annotated(found.labels, meanings, names, listed(files), found.remarks, found.painted)


@contextlib.contextmanager
def drawing(arguments: argparse.Namespace) -> Iterator[Draw | None]:
    """Who draws: dask's workers where they are asked for."""
    if arguments.scheduler is None:
        yield None
        return
    from functools import partial

    from napari_unmix.applying.scheduling import workers_of
    from napari_unmix.large.scenes import SceneOrder, drawn_part

    def called(order: SceneOrder) -> str:
        return order.cube.name

    with workers_of(arguments.scheduler, workers_from(arguments), _AGAIN) as workers:
        yield partial(workers.each, drawn_part, called=called)
