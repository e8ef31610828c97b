"""What is the case in one viewer: facts only, evented, nothing that can be derived. No Qt, no viewer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from psygnal import SignalGroupDescriptor

from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import method_specs
from napari_unmix.output.composite import COMPOSITES
from napari_unmix.output.run.glance import Glance
from napari_unmix.plugin.facts.applying import AppliedMaps, AppliedTo, Applying
from napari_unmix.plugin.facts.areas import Areas, Outline
from napari_unmix.plugin.facts.candidates import Naming, Place
from napari_unmix.plugin.facts.derived import View
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.kept import Known
from napari_unmix.plugin.facts.known_spectra import Candidates, HeldSpectrum, Offered, same_held
from napari_unmix.plugin.facts.likeness import Comparing, DifferenceMap, Measured, Pictures
from napari_unmix.plugin.facts.opinions import Opinions
from napari_unmix.plugin.facts.probing import Probe, Probing
from napari_unmix.plugin.facts.resting import Waking
from napari_unmix.plugin.facts.runs import Run, Shown, Training
from napari_unmix.progress import Preview, Progress
from napari_unmix.spec import MethodSpec

if TYPE_CHECKING:
    from napari_unmix.library.reference import Reference
    from napari_unmix.plugin.facts.judging import Judged
    from napari_unmix.plugin.facts.suggesting import Suggested

RunState = Literal["idle", "training", "paused", "checking"]
Step = Literal["cube", "side information", "method", "train", "result"]


class Stage(StrEnum):
    """The stages of a run that are the window's own; a fit's stages are its own words."""

    STARTING = "starting"
    DONE = "done"
    CANCELLED = "cancelled"


class Doing(StrEnum):
    """What small work in the background does."""

    READING = "reading"
    OPENING = "opening the run"
    MIXING = "mixing the sample"
    JOINING = "joining"
    COUNTING = "counting materials"
    WRITING = "writing the result"
    EDITING = "editing the result:"
    PAGING = "writing the report page"
    REFERENCE = "reading the reference"
    CURVES = "writing"
    LIBRARY = "reading the library"


@dataclass(frozen=True)
class Chore:
    """Small work in the background that the window tells of, and what it is done to."""

    doing: Doing
    subject: str = ""

    def __str__(self) -> str:
        return f"{self.doing} {self.subject}".rstrip()


@dataclass(frozen=True, eq=False)
class Adopted:
    """Values (B, H, W) that were open already, and the cube that was made of them."""

    data: Any
    cube: Cube


@dataclass(frozen=True, eq=False)
class Reread:
    """A file was read in another way: the cube that stands in the place of the one before."""

    before: Cube
    after: Cube


@dataclass(frozen=True)
class Trouble:
    """A sentence that belongs to one step: what went wrong, the number, the remedy; of an unexpected error also a ``report`` to be sent."""

    step: Step
    sentence: str
    report: str = ""


@dataclass(frozen=True, eq=False)
class Aim:
    """The brush is to be taken, and a pixel (row, column) looked at with it; None where the view stays. Asked for again, it is another one."""

    pixel: tuple[int, int] | None = None


@dataclass(frozen=True, eq=False)
class Survey:
    """What a first look at the cube gives the plot: the mean spectrum (B,) and the range of its values."""

    mean: FloatArray
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Unfinished:
    """A training of a cube that was interrupted: its settings and painting, when it was last kept (seconds since 1970), the share that is done,
    and the endmembers that were given to it."""

    cube: Cube
    spec: MethodSpec
    annotation: Annotation | None
    kept: float
    fraction: float
    given: Given | None = None


@dataclass(frozen=True)
class Theme:
    """The colours of the viewer's theme, as hex strings."""

    dark: bool = True
    background: str = "#262930"
    foreground: str = "#414851"
    primary: str = "#5a626c"
    text: str = "#f0f1f2"
    muted: str = "#8b9099"
    accent: str = "#007acc"


def preset() -> MethodSpec:
    """The default method with its presets."""
    return next(iter(method_specs().values())).model_validate({})


@dataclass(eq=False)
class Session:
    """The facts. Only ``Controller`` writes here; panels, plots and ``ViewerLink`` read and listen to ``events``.

    ``runs`` are those of the open cubes, the first first; ``run`` is the one of the current cube that is shown, ``beside`` another one that it
    is compared with, ``views`` the further maps that are asked for, ``outlines`` the shapes that are drawn on
    the cube, ``areas`` the amounts that were measured last, ``judged`` what a first look told of strokes, ``places`` where to paint
    next, ``aim`` where the brush was taken last; ``training`` is under way, perhaps on
    another cube than the current one, or where it was stopped on a cube without a run, or shows maps that follow the painting, as they do while
    ``live`` is on; ``following`` is what is done for them now; ``checking`` is the number of the run that is, or was
    last, checked.
    ``label`` is what the brush paints; ``pixel`` and ``pins`` are (row, column); ``chore`` is what is made in the background; ``exported`` is
    the folder that was written last, ``page`` the report page, ``applying`` a run on its way to other cubes, ``applied`` where the maps of the last
    one are, ``applied_maps`` those of them that were asked for, ``probing`` a probe of painted classes under way, ``probed`` the cube's last,
    ``adopted`` the cube that was last made of an open array, ``reread`` the one
    that was last read in another way, ``unfinished`` an interrupted training of the cube; ``undoable`` and ``redoable`` are the acts that would be
    undone and done again, "" for none. ``recent`` are the runs on the disk, ``keeping`` the numbers of those that are being written,
    ``waking`` is the one whose maps are being read again, ``known`` is what the disk knows of the cube; ``naming`` is how far the naming by
    spectral libraries is, ``pin_names`` what pins are called; ``comparing`` is how the two runs are looked at, ``measured`` what was found,
    ``overlay`` what the canvas shows of it.
    ``picked`` is the pin that is told from the others, ``hover`` the pixel under the pointer while it is read out, ``averaging`` the pixels across
    of the window that spectra are means of; ``band`` is the one that the slider shows, ``bands_written`` the excluded ones as the user wrote
    them, ``noisy`` those (from 0) that were found to be mostly noise, None where nobody asked; ``spectra_written`` is the file of curves that
    was written last; ``held`` are the known spectra that trainings of the cube hold, ``offered`` a library that is open to choose them
    from, ``candidates`` all entries of one, for a method that chooses; ``opinions`` what other rules say of the number of endmembers.
    """

    events: ClassVar[SignalGroupDescriptor] = SignalGroupDescriptor()

    cubes: tuple[Cube, ...] = ()
    cube: Cube | None = None
    adopted: Adopted | None = None
    reread: Reread | None = None
    composite: str = COMPOSITES[0]
    survey: Survey | None = None
    annotation: Annotation | None = None
    label: int = 1
    spec: MethodSpec = field(default_factory=preset)
    held: tuple[HeldSpectrum, ...] = ()
    offered: Offered | None = None
    candidates: Candidates | None = None
    suggested: int | None = None
    opinions: Opinions | None = None
    state: RunState = "idle"
    progress: Progress | None = None
    live: bool = False
    following: Progress | None = None
    training: Training | None = None
    checking: int | None = None
    runs: tuple[Run, ...] = ()
    run: Run | None = None
    beside: Run | None = None
    comparing: Comparing = field(default_factory=Comparing)
    reference: Reference | None = None
    measured: tuple[Measured, ...] = ()
    overlay: DifferenceMap | Pictures | None = None
    views: tuple[View, ...] = ()
    outlines: tuple[Outline, ...] = ()
    areas: Areas | None = None
    judged: Judged | None = None
    places: Suggested | None = None
    aim: Aim | None = None
    pixel: tuple[int, int] | None = None
    pins: tuple[tuple[int, int], ...] = ()
    picked: tuple[int, int] | None = None
    hover: tuple[int, int] | None = None
    averaging: int = 1
    band: int | None = None
    bands_written: str = ""
    noisy: tuple[int, ...] | None = None
    spectra_written: Path | None = None
    unfinished: Unfinished | None = None
    recent: tuple[Glance, ...] = ()
    keeping: frozenset[int] = frozenset()
    waking: Waking | None = None
    known: Known | None = None
    trouble: Trouble | None = None
    chore: Chore | None = None
    exported: Path | None = None
    page: Path | None = None
    applying: Applying | None = None
    applied: AppliedTo | None = None
    applied_maps: AppliedMaps | None = None
    probing: Probing | None = None
    probed: Probe | None = None
    undoable: str = ""
    redoable: str = ""
    naming: Naming = field(default_factory=Naming)
    pin_names: Mapping[Place, str] = field(default_factory=dict)
    theme: Theme = field(default_factory=Theme)


def running(session: Session) -> bool:
    """Whether a fit is under way (paused or not)."""
    return session.state in ("training", "paused")


def doing(session: Session) -> Doing | None:
    """What is done in the background."""
    return None if session.chore is None else session.chore.doing


def endmember_count(session: Session) -> int | None:
    """P as it will be fitted, or None while the suggestion is not there yet."""
    return session.suggested if session.spec.endmembers == "auto" else int(session.spec.endmembers)


def joinable(session: Session) -> tuple[Cube, ...]:
    """The open cubes that could be joined as acquisitions: single ones with as many bands as the current cube."""
    if session.cube is None:
        return ()
    bands = session.cube.shape[2]
    return tuple(cube for cube in session.cubes if cube.acquisitions is None and cube.shape[2] == bands)


def acquisition_count(session: Session) -> int:
    """How many acquisitions the current cube joins, 1 for a single one."""
    cube = session.cube
    return 1 if cube is None or cube.acquisitions is None else int(cube.acquisitions.max())


def shown(session: Session) -> Shown | None:
    """What the maps and curves show: the preview of this cube while there is one, else the run of this cube that is shown."""
    training, run, cube = session.training, session.run, session.cube
    if cube is None:
        return None
    if training is not None and training.preview is not None and same_image(training.cube, cube):
        assert training.look is not None
        return Shown(cube, training.preview, training.look)
    if run is not None and same_image(run.cube, cube):
        return Shown(cube, run.unmixing, run.look, run)
    return None


def current_run(session: Session) -> Run | None:
    """The run of the current cube that is shown, once the session has turned to that cube whole."""
    run = session.run
    return run if run is not None and same_image(run.home, session.cube) else None


def shown_preview(session: Session) -> Preview | None:
    """What is shown of the run under way, or of one that was stopped on a cube without a run."""
    what = shown(session)
    return what.content if what is not None and isinstance(what.content, Preview) else None


def current_report(session: Session) -> Report | None:
    """What may be claimed of the run that is shown; None where there is none, or it is not checked."""
    run = current_run(session)
    return None if run is None else run.report


def shown_names(session: Session) -> tuple[str, ...]:
    """One name per shown endmember."""
    what = shown(session)
    return () if what is None else what.names


def shown_hidden(session: Session) -> frozenset[int]:
    """The endmembers of what is shown whose maps are hidden."""
    what = shown(session)
    return frozenset() if what is None else what.hidden


def seen_alone(session: Session) -> int | None:
    """The endmember whose map is looked at alone; None where there are several maps, or others cover them."""
    what = shown(session)
    seen = [] if what is None else [k for k in range(len(what.names)) if k not in what.hidden]
    return seen[0] if what is not None and len(seen) == 1 and len(what.names) > 1 and not session.views else None


def runs_of(session: Session, cube: Cube | None) -> tuple[Run, ...]:
    """The kept runs of a cube, the first first."""
    return tuple(run for run in session.runs if same_image(run.home, cube))


def training_here(session: Session) -> bool:
    """Whether the run under way is one of the current cube."""
    training = session.training
    return running(session) and training is not None and same_image(training.cube, session.cube)


def being_checked(session: Session, run: Run | None) -> bool:
    """Whether it is just found out what may be claimed of a run."""
    newest = max((known.number for known in session.runs), default=0)
    number = newest if session.checking is None else session.checking
    return session.state == "checking" and run is not None and run.report is None and run.number == number


def recommended_regions(session: Session) -> int | None:
    """2P + 1: from so many regions on, the parts of the report agree in practice."""
    count = endmember_count(session)
    return None if count is None else 2 * count + 1


def out_of_date(session: Session) -> str:
    """What changed since the run that is shown was made, "" where nothing did."""
    run = current_run(session)
    if run is None or session.cube is None:
        return ""
    if not same_image(run.cube, session.cube):
        return "read in another way since"
    if not np.array_equal(run.cube.good_bands, session.cube.good_bands):
        return "bands changed since"
    if run.spec.method != session.spec.method:
        return "another method since"
    if run.spec != session.spec:
        return "settings changed since"
    if not same_held(run.held, session.held):
        return "known spectra changed since"
    painting = _effective(run.annotation, session.spec)
    now = _effective(session.annotation, session.spec)
    if painting is not now and not _same_painting(painting, now):
        return "painted since"
    return ""


def _effective(annotation: Annotation | None, spec: MethodSpec) -> Annotation | None:
    """The part of the painting that a method reads, None where that is nothing."""
    if annotation is None or not annotation.labels.any():
        return None
    if not type(spec).uses_paint and not annotation.of_kind("ignore"):
        return None
    return annotation


def _same_painting(one: Annotation | None, other: Annotation | None) -> bool:
    if one is None or other is None:
        return one is other
    if not np.array_equal(one.labels, other.labels):
        return False
    return _roles(one) == _roles(other)


def _roles(annotation: Annotation) -> list[tuple[int, str, int]]:
    """(label, kind, which material): names themselves do not matter, so that renaming leaves a result as it is."""
    materials = [annotation.meaning(label).name or f"material {label}" for label in annotation.of_kind("material")]
    order = list(dict.fromkeys(materials))
    roles: list[tuple[int, str, int]] = []
    for label in sorted(set(np.unique(annotation.labels).tolist()) - {0}):
        meaning = annotation.meaning(label)
        which = order.index(meaning.name or f"material {label}") if meaning.kind == "material" else -1
        roles.append((label, meaning.kind, which))
    return roles
