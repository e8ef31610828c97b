"""Going on with a training that was interrupted: what ``unmix`` was asked for, and the checkpoint beside the run's place."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, ValidationError

from napari_unmix.cli.parsing import READING, SPEC, Parser, option_name
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.files.whole import WRITTEN
from napari_unmix.reading import reading_of
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.io.annotation import AnnotationReading
    from napari_unmix.journal.checkpoint import Checkpoint
    from napari_unmix.journal.keeper import Keeper
    from napari_unmix.journal.loops import Journal, Kept
    from napari_unmix.large.scenes import Draw
    from napari_unmix.library.known import Known
    from napari_unmix.spec import MethodSpec

SECONDS_VARIABLE = "NAPARI_UNMIX_CHECKPOINT_SECONDS"  # between two checkpoints


class Order(BaseModel):
    """What a command was asked for, so that it need not be said again: paths are absolute, the reading is as its options are written.

    ``run`` is the folder of a run that is repeated: all but the places of its ``cubes`` stands there. ``spectra`` is the library of known
    spectra, ``spectrum`` the names that were wanted of it, ``spectra_scale`` what they are times, None where nobody said; ``library`` the one that
    is chosen from. ``sample`` is how many pixels of several cubes are fitted in place of all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")

    cubes: tuple[Path, ...]
    annotation: tuple[Path, ...] = ()
    annotation_key: str | None = None
    unpainted: float | None = None
    meanings: dict[int, Meaning] = {}
    reading: dict[str, str] = {}
    method: str
    spec: dict[str, Any]
    named: bool
    overwrite: bool = False
    run: Path | None = None
    spectra: Path | None = None
    spectrum: tuple[str, ...] = ()
    spectra_scale: float | None = None
    library: Path | None = None
    sample: int | None = None

    def made_spec(self) -> MethodSpec:
        """The spec."""
        from napari_unmix.methods.registry import stored_spec

        return stored_spec(self.method, self.spec)

    def painted_reading(self) -> AnnotationReading:
        """How the painted files are read."""
        from napari_unmix.io.annotation import AnnotationReading

        return AnnotationReading(self.annotation_key, self.unpainted)

    def load(self, draw: Draw | None = None) -> tuple[Cube, Annotation | None]:
        """The cube and its painting; who draws a sample changes no bit of it."""
        if self.run is not None:
            from napari_unmix.output.run import read_run

            return read_run(self.run).repeated(self.cubes)
        if self.sample is not None:
            from napari_unmix.cli.sampling import load_sample

            readings, of = (reading_of(self.reading), self.painted_reading()), (self.sample, self.made_spec().seed)
            return load_sample(self.cubes, self.annotation, self.meanings, readings, of, draw)
        from napari_unmix.cli.loading import load

        paths, paintings = [[str(path) for path in of] for of in (self.cubes, self.annotation)]
        return load(paths, paintings, self.meanings, reading_of(self.reading), self.painted_reading())

    def known(self, cube: Cube) -> Known | None:
        """The endmembers that are held: of a library on the cube's bands, or those that were given to a run that is repeated."""
        from napari_unmix.library.known import Known, known_spectra

        if self.run is not None:
            from napari_unmix.output.run import read_run

            before = read_run(self.run).given
            return None if before is None else Known(before)
        scale = 1.0 if self.spectra_scale is None else self.spectra_scale
        if self.library is not None:
            from napari_unmix.library.candidates import candidates_in

            return candidates_in(self.library, cube, scale)
        if self.spectra is None:
            return None
        return known_spectra(
            self.spectra, cube, self.spectrum, scale, where="name those wanted, each with --spectrum NAME"
        )


@dataclass(frozen=True, eq=False)
class Training:
    """A training: where its run is to be, what was asked for, and how far it came, None where it begins."""

    target: Path
    order: Order
    checkpoint: Checkpoint | None = None

    def check(self, cube: Cube, annotation: Annotation | None, known: Known | None = None) -> None:
        """Raise UnmixError where the files are not what they were, or other programs would give other last digits."""
        from napari_unmix.journal.checkpoint import task_of
        from napari_unmix.journal.circumstances import check_same

        assert self.checkpoint is not None
        check_same(self.checkpoint.circumstances)
        given = None if known is None else known.given
        before, now = self.checkpoint.task, task_of(cube, self.order.made_spec(), annotation, given)
        library = tuple(path for path in (self.order.spectra, self.order.library) if path is not None)
        names = {"cube": self.order.cubes, "annotation": self.order.annotation, "given": library}
        for what, paths in names.items():
            if getattr(before, what) != getattr(now, what):
                files = " and ".join(shown(path.name) for path in paths) or "the painting"
                raise UnmixError(
                    f"{files} changed since the training of {shown(self.target.name)} was interrupted: bring it back, or start anew."
                )
        if before != now:
            raise UnmixError(f"The checkpoint of {shown(self.target.name)} is of other settings: start anew.")


def checkpoint_of(target: Path) -> Path:
    """Where the checkpoint of a run is that will be at ``target``."""
    return target.with_name(f".{target.name}.checkpoint")


def interrupted(folder: str) -> Training | None:
    """The training that was to write this run; None where the run is complete. Raises UnmixError where there is neither."""
    from napari_unmix.journal.checkpoint import read_checkpoint

    target = Path(folder).expanduser().resolve()
    complete, path = (target / "run.json").is_file(), checkpoint_of(target)
    if not path.exists():
        if complete:
            return None
        raise UnmixError(
            f"There is no interrupted training of {shown(target, 200)}, its checkpoint would be {shown(path.name)}: "
            "start one with napari-unmix unmix CUBE --out RUN."
        )
    checkpoint = read_checkpoint(path)
    try:
        order = Order.model_validate_json(str(checkpoint.owner))
    except ValidationError as error:
        raise UnmixError(f"{shown(path.name)} says not what was asked for: start the training anew.") from error
    if complete and not order.overwrite:  # killed after the run was written
        path.unlink()
        return None
    return Training(target, order, checkpoint)


def is_run(cubes: Sequence[str]) -> bool:
    """Whether what is given in the place of a cube is the folder of a run."""
    return len(cubes) == 1 and (Path(cubes[0]).expanduser() / "run.json").is_file()


def order_of_run(folder: str, cubes: Sequence[str], *, named: bool, overwrite: bool) -> Order:
    """To do what a run did once more. Raises UnmixError where its folder can't be read."""
    from napari_unmix.output.run import read_run

    stored = read_run(folder)
    return Order(
        cubes=tuple(Path(path).expanduser().absolute() for path in cubes),
        method=stored.spec.method,
        spec=stored.spec.model_dump(mode="json"),
        named=named,
        overwrite=overwrite,
        run=stored.folder.absolute(),
    )


def refuse_others(arguments: argparse.Namespace, *taken: str, by: str = "") -> None:
    """Raise UnmixError where anything is said beside ``--resume``, or a run to repeat: it was said when the training began.

    ``taken`` are the arguments that may be said all the same.
    """
    from napari_unmix.cli.unmix_command import add_arguments

    parser = Parser()
    add_arguments(parser)
    usual = vars(parser.parse_args([]))
    for name, value in vars(arguments).items():
        if name in ("resume", "json", "debug", *taken) or (name in usual and value == usual[name]):
            continue
        given = str(value[0]) if name == "cubes" else option_name(name.removeprefix(SPEC).removeprefix(READING))
        if by:
            raise UnmixError(f"{by}: leave {shown(given)} out, or give the cube in place of the run.")
        raise UnmixError(
            f"--resume goes on with what {shown(arguments.resume)} was begun with: leave {shown(given)} out, or start anew without --resume."
        )


def keeper_of(
    target: Path, order: Order, cube: Cube, annotation: Annotation | None, known: Known | None = None
) -> Keeper:
    """Who keeps the checkpoints of a training for the run at ``target``; says on stderr what it can't."""
    from napari_unmix.journal.checkpoint import task_of
    from napari_unmix.journal.keeper import Keeper

    def failed(error: OSError) -> None:
        say(f"no checkpoint can be written ({(error.strerror or str(error)).lower()}): the training goes on without.")

    def first() -> None:
        if not sys.stderr.isatty():  # there is a bar
            say(f"a checkpoint is kept; where this is interrupted, {way_on(target)}.")

    given = None if known is None else known.given
    return Keeper(
        lambda: checkpoint_of(target),
        lambda: task_of(cube, order.made_spec(), annotation, given),
        order.model_dump_json,
        failed=failed,
        first=first,
    )


def started_anew(keeper: Keeper, target: Path) -> None:
    """A new training takes the place of an interrupted one."""
    if keeper.path.exists():
        say(f"the interrupted training of {shown(target.name)} is given up, this one starts anew.")
    with contextlib.suppress(OSError):
        keeper.remove()


def journal_of(keeper: Keeper, asked: Training) -> Journal:
    """The journal of a training that begins, or goes on."""
    return journal_with(keeper, None if asked.checkpoint is None else asked.checkpoint.kept)


def journal_with(keeper: Keeper, kept: Mapping[str, Kept] | None) -> Journal:
    """The journal from what was ``kept`` on, written as often as the user's environment says."""
    from napari_unmix.journal.loops import EVERY

    text = os.environ.get(SECONDS_VARIABLE, "")
    try:
        every = float(text) if text else EVERY
    except ValueError as error:
        raise UnmixError(f"{SECONDS_VARIABLE} is {shown(text)}: give a number of seconds, such as 60.") from error
    return keeper.journal(kept, every=every)


@contextlib.contextmanager
def said_how_to_go_on(keeper: Keeper, target: Path, command: str = "unmix") -> Iterator[None]:
    """Where the training ends early and a checkpoint is there, say how to go on; where it ends well, take the checkpoint away."""
    try:
        yield
    except KeyboardInterrupt as end:
        if target in WRITTEN:
            keeper.remove()
            raise
        if not keeper.path.exists():
            raise
        raise KeyboardInterrupt(f"{way_on(target, command)}.") from end
    except BaseException:
        if keeper.path.exists():
            say(f"a checkpoint is kept: {way_on(target, command)}.")
        raise
    keeper.remove()


def way_on(target: Path, command: str = "unmix") -> str:
    """How to go on with the training for the run at ``target``, as the end of a sentence."""
    import shlex

    return f"go on with napari-unmix {command} --resume {shlex.quote(_near(target))}"


def _near(target: Path) -> str:
    with contextlib.suppress(ValueError, OSError):
        return str(target.relative_to(Path.cwd()))
    return str(target)


def say(sentence: str) -> None:
    """Tell on stderr what is no error and no result."""
    print(f"napari-unmix: {sentence}", file=sys.stderr, flush=True)
