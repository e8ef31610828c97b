"""Train a masked autoencoder on the bands of one or several cubes, for `unmix --pretrained MODEL`; no labels are read, nothing is unmixed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.cli.resuming import checkpoint_of, journal_with, said_how_to_go_on, say
from napari_unmix.masked.architecture import Architecture
from napari_unmix.reading import reading_of, written_as
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.cube import Cube, FloatArray
    from napari_unmix.journal.checkpoint import Checkpoint, Task
    from napari_unmix.journal.keeper import Keeper
    from napari_unmix.masked.autoencoder import MaskedAutoencoder
    from napari_unmix.masked.grid import Grid
    from napari_unmix.masked.stored import About
    from napari_unmix.model.network import Step
    from napari_unmix.progress import Fit

_COMMAND = "pretrain"
# Option -> what it says; the presets are those of the method mae.
_NETWORK = {
    "network": "mlp: a sum over the visible groups, then layers, for these bands only; transformer: attention, for other bands too",
    "patch": "neighbouring bands that are hidden together",
    "width": "numbers of a code, a multiple of four",
    "depth": "layers of the encoder",
    "hidden": "share of the groups that the encoder does not see",
}
_TRAINING = {"epochs": "passes over the pixels", "batch": "pixels per step", "learning_rate": "peak step size of Adam"}


class Settings(BaseModel):
    """How the network is trained."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(default=40, ge=1, le=2000)
    batch: int = Field(default=256, ge=16, le=65536)
    learning_rate: float = Field(default=3e-3, gt=0, le=0.1)
    seed: int = Field(default=0, ge=0, le=2**31 - 1)


class Order(BaseModel):
    """What the command was asked for, so that it need not be said again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    cubes: tuple[Path, ...]
    reading: dict[str, str] = {}
    tolerance: float = Field(gt=0, le=1000)
    architecture: Architecture
    settings: Settings
    overwrite: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument("cubes", metavar="CUBE", nargs="*", help="cubes whose pixels are learned from")
    parser.add_argument("--out", metavar="MODEL", help="the file of the network, such as vnir.safetensors")
    parser.add_argument("--overwrite", action="store_true", help="replace the network's file that --out names")
    parser.add_argument("--resume", metavar="MODEL", help="go on with an interrupted training; needs nothing else")
    parser.add_argument(
        "--tolerance",
        metavar="STEPS",
        type=float,
        default=None,
        help="how far the bands of another cube may be from those of the first, in its steps, to be interpolated (default 2)",
    )
    architecture, settings = Architecture(), Settings()
    for name, text in _NETWORK.items():
        parser.add_argument(f"--{name}", metavar="VALUE", help=f"{text} (default {getattr(architecture, name)})")
    for name, text in _TRAINING.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, metavar="N", dest=name, help=f"{text} (default {getattr(settings, name):g})")
    parser.add_argument("--seed", metavar="N", help="same seed, same cubes, same network (default 0)")
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else")
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command. All that can be refused is refused before training."""
    if arguments.resume is not None:
        return _resume(arguments)
    if not arguments.cubes or arguments.out is None:
        raise UnmixError("Pretraining needs cubes and a place: give CUBE … --out MODEL, or --resume MODEL.")
    order = _order(arguments)
    target = Path(arguments.out).expanduser().absolute()
    _check_target(target, order.overwrite)
    if checkpoint_of(target).exists():
        say(f"the interrupted training of {shown(target.name)} is given up, this one starts anew.")
        checkpoint_of(target).unlink()
    return _train(target, order, None, as_json=arguments.json)


def _order(arguments: argparse.Namespace) -> Order:
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    network = {name: given[name] for name in _NETWORK if name in given}
    training = {name: given[name] for name in (*_TRAINING, "seed") if name in given}
    reading = reading_from(arguments)
    return Order(
        cubes=tuple(Path(path).expanduser().absolute() for path in arguments.cubes),
        reading=written_as(reading),
        tolerance=given.get("tolerance", 2.0),
        architecture=Architecture.model_validate(network),
        settings=Settings.model_validate(training),
        overwrite=arguments.overwrite,
    )


def _check_target(target: Path, overwrite: bool) -> None:
    """Raise UnmixError where the file may not be written: it is there and no network's, or nobody said to replace it."""
    from napari_unmix.files.paths import check_name

    if not target.parent.is_dir():
        raise UnmixError(f"The folder {shown(target.parent, 200)} is not there: make it, or choose another --out.")
    check_name(target, target.parent)
    if os.path.lexists(target):
        _allow(overwrite)(target)


def _allow(overwrite: bool) -> Callable[[Path], None]:
    def allow(place: Path) -> None:
        from napari_unmix.masked.stored import check_network

        if not overwrite:
            raise UnmixError(
                f"{shown(place, 200)} is there already: choose another file with --out, or replace it with --overwrite."
            )
        try:
            check_network(place)
        except UnmixError as error:
            raise UnmixError(
                f"{shown(place, 200)} is no network that pretrain wrote, and is not replaced: choose another --out."
            ) from error

    return allow


def _resume(arguments: argparse.Namespace) -> int:
    """Go on with an interrupted training; the cubes are read again, and have to be what they were."""
    from napari_unmix.journal.checkpoint import read_checkpoint
    from napari_unmix.journal.circumstances import check_same

    if arguments.cubes or arguments.out is not None:
        raise UnmixError("--resume needs nothing else: leave the cubes and --out out, or start anew without --resume.")
    target = Path(arguments.resume).expanduser().absolute()
    path = checkpoint_of(target)
    if not path.exists():
        if target.is_file():
            print(f"{arguments.resume} is complete: there is nothing to go on with.")
            return 0
        raise UnmixError(
            f"There is no interrupted training of {shown(target, 200)}, its checkpoint would be {shown(path.name)}: "
            "start one with napari-unmix pretrain CUBE --out MODEL."
        )
    checkpoint = read_checkpoint(path)
    try:
        order = Order.model_validate_json(str(checkpoint.owner))
    except ValidationError as error:
        raise UnmixError(f"{shown(path.name)} says not what was asked for: start the training anew.") from error
    check_same(checkpoint.circumstances)
    _check_target(target, order.overwrite)
    return _train(target, order, checkpoint, as_json=arguments.json)


def _train(target: Path, order: Order, checkpoint: Checkpoint | None, *, as_json: bool) -> int:
    """Read the cubes, train, from the checkpoint where there is one, and write the network."""
    from napari_unmix.cli.progress import run_shown
    from napari_unmix.masked.grid import common_grid
    from napari_unmix.masked.stored import write_network

    # 1. The cubes on one grid of bands.
    cubes = _cubes(order)
    grid, weights = common_grid(cubes, order.tolerance)
    task = _task(cubes, order)
    if checkpoint is not None and checkpoint.task != task:
        raise UnmixError(
            f"The cubes changed since the training of {shown(target.name)} was interrupted: bring them back, or start anew."
        )
    # 2. Training, with a checkpoint beside the file.
    keeper = _keeper(target, task, order)
    with said_how_to_go_on(keeper, target, _COMMAND):
        journal = journal_with(keeper, None if checkpoint is None else checkpoint.kept)
        network, about = run_shown(journal.steps(pretrained(cubes, grid, weights, order)))
        write_network(target, network, about, _allow(order.overwrite))
    # 3. What came of it.
    if as_json:
        from napari_unmix.output.run import json_text

        print(json_text({"out": target, **about.model_dump(mode="json"), "bands": len(grid.places)}, ascii_only=True))
    else:
        print("\n".join(_summary(target, cubes, grid, about)))
    return 0


def _cubes(order: Order) -> list[Cube]:
    from napari_unmix.io import read_as
    from napari_unmix.preconditions import check_values

    cubes = [read_as(path, reading_of(order.reading)) for path in order.cubes]
    for cube in cubes:
        if not cube.valid_pixels.any() or not cube.good_bands.any():
            raise UnmixError(f"{shown(cube.name)} has no valid pixel in a good band: leave it out, or check the file.")
        check_values(cube.pixels())
    return cubes


def _task(cubes: Sequence[Cube], order: Order) -> Task:
    """What the training is of, from which a checkpoint is told to fit."""
    from napari_unmix.journal.checkpoint import Task, cube_digest

    said = order.model_copy(update={"overwrite": False, "cubes": ()}).model_dump_json()
    return Task(" ".join(cube_digest(cube) for cube in cubes), "", said)


def _keeper(target: Path, task: Task, order: Order) -> Keeper:
    from napari_unmix.journal.keeper import Keeper

    def failed(error: OSError) -> None:
        say(f"no checkpoint can be written ({(error.strerror or str(error)).lower()}): the training goes on without.")

    return Keeper(lambda: checkpoint_of(target), lambda: task, order.model_dump_json, failed=failed)


def pretrained(
    cubes: Sequence[Cube], grid: Grid, weights: Sequence[FloatArray], order: Order
) -> Fit[tuple[MaskedAutoencoder, About]]:
    """Train a network on the cubes, whose good bands the ``weights`` (B', B_good) bring to the ``grid``."""
    from napari_unmix.masked.pretext import fill_in, pixels_of, untrained
    from napari_unmix.masked.stored import About
    from napari_unmix.methods.mae.spec import MaeSpec
    from napari_unmix.model.network import Step, device_of
    from napari_unmix.model.threads import steps_on_one_thread
    from napari_unmix.progress import Progress

    settings = order.settings

    @steps_on_one_thread
    def steps() -> Fit[tuple[MaskedAutoencoder, About]]:
        yield Progress("reading the pixels", 0, 1, 0.0)
        parts = [pixels_of(cube, to_grid, settings.seed) for cube, to_grid in zip(cubes, weights, strict=True)]
        network, last = (
            untrained(order.architecture, grid, parts, settings.seed, device_of(MaeSpec.model_validate({}))),
            Step(0, 0, 0.0),
        )
        with closing(fill_in(network, parts, **settings.model_dump())) as training:
            for last in training:
                yield Progress("filling in hidden bands", last.step, last.steps, last.step / last.steps, last.loss)
        _check_learned(last)
        about = About(
            architecture=order.architecture,
            kind=grid.kind,
            cubes=tuple(shown(cube.name, 200) for cube in cubes),
            pixels=sum(map(len, parts)),
            loss=last.loss,
            **settings.model_dump(),
        )
        return network, about

    return steps()


def _check_learned(last: Step) -> None:
    if last.dropped and last.dropped == last.steps:
        raise UnmixError(
            f"None of {last.steps} training batches had a finite loss, so nothing was learned: look for extreme values in the cubes."
        )


def _summary(target: Path, cubes: Sequence[Cube], grid: Grid, about: About) -> list[str]:
    names = ", ".join(shown(cube.name) for cube in cubes)
    how: Any = about.architecture
    return [
        f"{how.network} of width {how.width} on {about.pixels} pixels of {names}, {len(grid.places)} bands in groups of {how.patch}",
        f"Hidden bands are filled in with {100 * about.loss:.1f} % of the variance about the mean spectrum left (last batch).",
        "What this identifies of abundances: nothing; it is a beginning for a method.",
        f"Written to {target}",
    ]
