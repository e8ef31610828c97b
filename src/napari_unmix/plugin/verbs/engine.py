"""The generators that the window drives. Heavy imports are inside them: the dock starts without torch."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, BoolArray, Cube, Reading
from napari_unmix.given import Given
from napari_unmix.identifiability.report import Report
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.library.stock import Stock
from napari_unmix.output.run.glance import Glance
from napari_unmix.plugin.facts.applying import AppliedMaps, AppliedTo
from napari_unmix.plugin.facts.areas import Areas, Asked, measured
from napari_unmix.plugin.facts.candidates import Answered, LibraryChoice, Question
from napari_unmix.plugin.facts.edits import Edit
from napari_unmix.plugin.facts.judging import Judged, StrokesAsked
from napari_unmix.plugin.facts.kept import Known, Pins, Reopened, Stamp
from napari_unmix.plugin.facts.known_spectra import Candidates, HeldSpectrum, Offered
from napari_unmix.plugin.facts.probing import Probe
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.seen import Sight, seen
from napari_unmix.plugin.facts.session import Stage, Survey, Unfinished
from napari_unmix.plugin.facts.suggesting import Suggested
from napari_unmix.plugin.verbs import side_by_side
from napari_unmix.plugin.verbs.applying_work import applied_maps, apply_run
from napari_unmix.plugin.verbs.assessing import Assess
from napari_unmix.plugin.verbs.bookshelf import ask_libraries, keep_libraries, recall_libraries
from napari_unmix.plugin.verbs.judging import judge
from napari_unmix.plugin.verbs.known_work import all_entries, held_spectra, library_of
from napari_unmix.plugin.verbs.probing_work import probe_classes
from napari_unmix.plugin.verbs.spectra_work import noisy_bands_of, write_file
from napari_unmix.plugin.verbs.store import (
    card_for,
    forget_strokes,
    keep_run,
    keep_strokes,
    known_of,
    recent_runs,
    reopened,
    reread,
)
from napari_unmix.plugin.verbs.suggesting_work import suggest_places
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.reading import exactly
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from napari_unmix.geometry.dimensions import SecondOpinions
    from napari_unmix.live import Live
    from napari_unmix.methods.ivae.live import Begun, LiveMaps
    from napari_unmix.methods.ivae.spec import IvaeSpec
    from napari_unmix.synthetic import Scene

SURVEYED_PIXELS = 4000
COPIED_VALUES = 4_000_000  # of an array between two steps, so that a cancel is answered soon


def _unmix(cube: Cube, spec: MethodSpec, annotation: Annotation | None, given: Given | None = None) -> Fit[Unmixing]:
    yield Progress(Stage.STARTING, 0, 1, 0.0)
    from napari_unmix.large import unmix
    from napari_unmix.plugin.verbs.shelf import user_shelf

    return (yield from user_shelf().kept(cube, spec, annotation, unmix(cube, spec, annotation, given), given))


def _prepare_live(cube: Cube, spec: IvaeSpec, annotation: Annotation | None) -> Fit[Live]:
    yield Progress("reading the pixels", 0, 1, 0.0)
    from napari_unmix.live import prepare

    return (yield from prepare(cube, spec, annotation))


def _live_first(live: Live, annotation: Annotation | None, before: LiveMaps | None) -> Fit[Begun]:
    """The first maps, whose images are made here and not in the window's thread."""
    begun = yield from live.begin(annotation, before)
    assert begun.maps.preview is not None
    return begun


def _live_final(live: Live, begun: Begun) -> Fit[LiveMaps]:
    maps = yield from live.finish(begun)
    assert maps.preview is not None
    return maps


def _unfinished(cube: Cube) -> Fit[Unfinished | None]:
    from napari_unmix.plugin.verbs.shelf import user_shelf

    return user_shelf().unfinished(cube)


def _suggest(cube: Cube) -> Fit[int]:
    yield Progress("counting materials", 0, 1, 0.0)
    from napari_unmix.pipeline import suggested

    return suggested(cube)


def _opinions(cube: Cube) -> Fit[SecondOpinions]:
    from napari_unmix.geometry.dimensions import second_opinions

    counting = Progress("counting directions over noise", 0, 1, 0.0)
    return (yield from meanwhile(lambda: second_opinions(cube.overview.pixels()), counting))


def survey(cube: Cube) -> Survey:
    """The mean spectrum and the range of the values, from evenly spread valid pixels."""
    cube = cube.overview
    rows, columns = np.nonzero(cube.valid_pixels)
    step = max(1, len(rows) // SURVEYED_PIXELS)
    sample = cube.spectra[rows[::step], columns[::step]].astype(np.float64)
    sample[:, ~cube.good_bands] = np.nan
    if not np.isfinite(sample).any():
        return Survey(np.full(cube.shape[2], np.nan), 0.0, 1.0)
    mean = np.full(cube.shape[2], np.nan)
    mean[cube.good_bands] = sample[:, cube.good_bands].mean(axis=0)
    low, high = np.nanpercentile(sample, [0.1, 99.9])
    return Survey(mean, min(0.0, float(low)), float(high))


def _survey(cube: Cube) -> Fit[Survey]:
    yield Progress("looking at the spectra", 0, 1, 0.0)
    return survey(cube)


def _rebanded(cube: Cube, good_bands: BoolArray) -> Fit[Cube]:
    """The same cube with other bands excluded; the spectra are shared."""
    yield Progress("excluding bands", 0, 1, 0.0)
    return replace(cube, good_bands=good_bands, reading=replace(cube.reading, bands=exactly(good_bands)))


def _read(path: Path, reading: Reading) -> Fit[Cube]:
    yield Progress(f"reading {path.name}", 0, 1, 0.0)
    from napari_unmix.io import read_as

    return read_as(path, reading)


def _copy(data: Any, name: str) -> Fit[Cube]:
    """Copy (B, H, W) values of any array-like into a cube, pixel-major, a few rows at a time."""
    bands, height, width = data.shape
    spectra = np.empty((height, width, bands), np.float32)
    rows = max(1, COPIED_VALUES // (bands * width))
    for top in range(0, height, rows):
        yield Progress(f"reading {name}", top, height, top / height)
        spectra[top : top + rows] = np.moveaxis(np.asarray(data[:, top : top + rows]), 0, 2)
    taken = f"Taken from the layer {name}: its first axis holds the {bands} bands."
    return Cube(spectra, name=name, repairs=(taken,))


def _join(cubes: Sequence[Cube]) -> Fit[Cube]:
    yield Progress(f"joining {len(cubes)} cubes", 0, 1, 0.0)
    from napari_unmix.joining import join_cubes

    return join_cubes(cubes)


def _sample() -> Generator[Progress, None, Scene]:
    yield Progress("mixing the sample", 0, 1, 0.0)
    from napari_unmix.synthetic import sample_scene

    return sample_scene()


def _export(parent: Path, run: Run, pins: Pins = ()) -> Fit[Path]:
    """Write the run's folder with its pictures and the spectra of the pins, whole or not at all, as a new folder in ``parent``."""
    name = re.sub(r"[^\w.-]+", "_", run.cube.name).strip("._") or "cube"
    yield Progress("writing the result", 0, 1, 0.0)
    from napari_unmix.output.pictures import draw_run
    from napari_unmix.output.run import free_folder, write_pins, write_run

    cube, result, report = run.cube, run.named, run.told
    assert report is not None

    def draw(folder: Path) -> None:
        draw_run(cube, result, report, folder, run.look.colours)
        if pins:
            write_pins(folder / "pins.csv", cube, dict(pins))

    try:
        target = free_folder(parent, f"{name}-{run.spec.method}")
        return write_run(
            target, cube, result, report, annotation=run.annotation, card=card_for(run, pins), decorate=draw
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(f"{parent} cannot be written ({reason}): choose another folder.") from error


def _save(path: Path, form: str, run: Run) -> Fit[Path]:
    """Write the maps and endmembers in a format of other programs; a file that is there was the user's to replace."""
    yield Progress(f"writing {path.name}", 0, 1, 0.0)
    from napari_unmix.output.export import export
    from napari_unmix.output.export.contents import of_result

    try:
        return export(of_result(run.cube, run.named, run.told), path, form, overwrite=path.exists())[0]
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(f"{path} cannot be written ({reason}): choose another place.") from error


def _page(run: Run) -> Fit[Path]:
    """Write the report page to a new temporary folder, which stays for the browser."""
    yield Progress("writing the report page", 0, 1, 0.0)
    from napari_unmix.output.page.render import write_report_page

    assert run.told is not None
    try:
        folder = Path(tempfile.mkdtemp(prefix="napari-unmix-report-"))
        page = write_report_page(folder, run.cube, run.named, run.told, run.look.colours)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(
            f"The report page cannot be written ({reason}): make room in {tempfile.gettempdir()}."
        ) from error
    return page


def _edit(make: Callable[[], Edit], what: str) -> Fit[Edit]:
    """What a person makes of a result: arithmetic on every pixel."""
    return (yield from meanwhile(make, Progress(what, 0, 1, 0.0)))


def _areas(cube: Cube, asked: Asked) -> Fit[Areas]:
    yield Progress("measuring areas", 0, 1, 0.0)
    from napari_unmix.io.place.ground import ground_of

    return (yield from measured(asked, ground_of(cube.georeference)))


def _picture(path: Path, sight: Sight) -> Fit[Path]:
    """Draw what is looked at to a file."""
    yield Progress(f"writing {path.name}", 0, 1, 0.0)
    from napari_unmix.output.map_picture import write_picture

    drawn = yield from seen(sight)
    try:
        return write_picture(path, drawn)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(f"{path} cannot be written ({reason}): choose another place.") from error


# What a run of the preset imports, in parts that another thread may come between.
_NEEDED = (
    "scipy.optimize",
    "scipy.special",
    "torch",
    "skimage.segmentation",
    "napari_unmix.pipeline",
    "napari_unmix.methods.ivae.fit",
)


def _warm_up() -> Fit[None]:
    """Import what a run needs before it is needed: torch's first optimiser, L-BFGS of painted regions, imports for seconds.

    Fits and reports leave a core to the window themselves.
    """
    for step, module in enumerate(_NEEDED):
        yield Progress("warming up", step, len(_NEEDED), step / len(_NEEDED))
        import_module(module)
    import torch

    torch.optim.LBFGS([torch.zeros(1, requires_grad=True)])


@dataclass(frozen=True)
class Engine:
    """All that runs in a worker, each a generator; tests put their own in place of one.

    Without ``keep_run`` and ``keep_strokes`` nothing is kept by itself, without ``known`` nothing is looked for.
    """

    unmix: Callable[..., Fit[Unmixing]] = (
        _unmix  # of a cube, a spec, a painting or None, and given endmembers where there are any
    )
    prepare_live: Callable[[Cube, IvaeSpec, Annotation | None], Fit[Live]] = _prepare_live
    live_first: Callable[[Live, Annotation | None, LiveMaps | None], Fit[Begun]] = _live_first
    live_final: Callable[[Live, Begun], Fit[LiveMaps]] = _live_final
    unfinished: Callable[[Cube], Fit[Unfinished | None]] = _unfinished
    assess: Callable[[Cube, Unmixing], Fit[Report]] = field(default_factory=Assess)
    suggest: Callable[[Cube], Fit[int]] = _suggest
    opinions: Callable[[Cube], Fit[SecondOpinions]] = _opinions
    rebanded: Callable[[Cube, BoolArray], Fit[Cube]] = _rebanded
    survey: Callable[[Cube], Fit[Survey]] = _survey
    read: Callable[[Path, Reading], Fit[Cube]] = _read
    copy: Callable[[Any, str], Fit[Cube]] = _copy
    join: Callable[[Sequence[Cube]], Fit[Cube]] = _join
    sample: Callable[[], Fit[Scene]] = _sample
    export: Callable[[Path, Run, Pins], Fit[Path]] = _export
    save: Callable[[Path, str, Run], Fit[Path]] = _save
    page: Callable[[Run], Fit[Path]] = _page
    reopened: Callable[[Path, Collection[Cube]], Fit[Reopened]] = reopened
    reread: Callable[[Run], Fit[Unmixing]] = reread
    keep_run: Callable[[Run, Pins, Stamp | None, Collection[Path]], Fit[Path]] | None = keep_run
    recent: Callable[[], Fit[tuple[Glance, ...]]] = recent_runs
    keep_strokes: Callable[[Cube, Annotation], Fit[None]] | None = keep_strokes
    forget_strokes: Callable[[Cube, Annotation | None], Fit[None]] = forget_strokes
    known: Callable[[Cube], Fit[Known]] | None = known_of
    edit: Callable[[Callable[[], Edit], str], Fit[Edit]] = _edit
    noisy: Callable[[Cube], Fit[tuple[int, ...]]] = noisy_bands_of
    keep: Callable[[Path, bytes], Fit[Path]] = write_file
    areas: Callable[[Cube, Asked], Fit[Areas]] = _areas
    judge: Callable[[StrokesAsked], Fit[Judged]] = judge
    places: Callable[[Run, Annotation | None], Fit[Suggested]] = suggest_places
    picture: Callable[[Path, Sight], Fit[Path]] = _picture
    warm_up: Callable[[], Fit[None]] = _warm_up
    match: Callable[[Question, Stock], Fit[Answered]] = ask_libraries
    recall_libraries: Callable[[], Fit[tuple[LibraryChoice, ...]]] = recall_libraries
    keep_libraries: Callable[[tuple[LibraryChoice, ...]], Fit[None]] = keep_libraries
    library: Callable[[Cube, Path | None, Stock], Fit[SpectralLibrary]] = library_of
    hold: Callable[[Offered, Sequence[int], float | None, tuple[HeldSpectrum, ...]], Fit[tuple[HeldSpectrum, ...]]] = (
        held_spectra
    )
    apply: Callable[[Run, Sequence[Path], Path], Fit[AppliedTo]] = apply_run
    applied_maps: Callable[[AppliedTo, int], Fit[AppliedMaps]] = applied_maps
    probe: Callable[[Cube, Annotation, Sequence[Run]], Fit[Probe]] = probe_classes
    all_entries: Callable[[Offered, float | None], Fit[Candidates]] = all_entries
    reference: side_by_side.Reads = side_by_side.reference
    measure: side_by_side.Measures = side_by_side.measure
    overlay: side_by_side.Draws = side_by_side.overlay
