"""Verbs on cubes: open, read in another way, join, adopt, choose, close, exclude bands."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.cube import BoolArray, Cube, Reading
from napari_unmix.plugin.facts.band_ranges import good_bands_of
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.desk import NAMES, Desk, Left, desk_of
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.session import (
    Adopted,
    Chore,
    Doing,
    Reread,
    Session,
    Survey,
    Unfinished,
    being_checked,
    preset,
    runs_of,
)
from napari_unmix.plugin.facts.settings import with_setting
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner
from napari_unmix.plugin.verbs.method import MethodVerbs
from napari_unmix.plugin.verbs.readings import Readings
from napari_unmix.plugin.verbs.training import TrainVerbs
from napari_unmix.progress import Fit
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from napari_unmix.synthetic import Scene


class CubeVerbs(TrainVerbs, MethodVerbs):
    """Verbs on cubes."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._opened: ByImage[Cube] = ByImage()  # the cube as it was opened, where its bands were changed since
        self._readings = Readings()
        self._adopting: list[Any] = []  # open arrays that are being copied
        self._warm = False

    def open(self, path: str | Path, reading: Reading | None = None) -> None:
        """Read a file in the background and make it the cube."""
        self._read(Path(path), reading or Reading(), self.add_cube)

    def _read(self, path: Path, reading: Reading, done: Callable[[Cube], None]) -> None:
        self._chore(lambda: self._engine.read(path, reading), done, "cube", Chore(Doing.READING, path.name))

    def read_again(self, written: Mapping[str, str]) -> None:
        """Read the cube's file as the user writes it (field of ``Reading`` -> text, "" is found out); painting of the same size stays."""
        cube = self.session.cube
        if cube is None:
            return
        try:
            wanted = self._readings.wanted(cube, written)
        except UnmixError as error:
            self._trouble("cube", str(error))
            return
        self._settle("cube")
        if wanted is not None:
            self._read(wanted.path, wanted.reading, lambda read: self._replace(cube, read))

    def undo_reading(self) -> None:
        """Read the cube's file as it was read before."""
        cube = self.session.cube
        last = None if cube is None else self._readings.last(cube)
        if cube is not None and last is not None:
            self._settle("cube")
            self._read(last.path, last.reading, lambda read: self._replace(cube, read, undone=True))

    def can_undo_reading(self) -> bool:
        """Whether the cube was read in another way before."""
        return self.session.cube is not None and self._readings.last(self.session.cube) is not None

    def _replace(self, before: Cube, after: Cube, *, undone: bool = False) -> None:
        """The same file, read in another way, takes the cube's place; one that was closed meanwhile stays closed."""
        session = self.session
        if not any(same_image(before, known) for known in session.cubes):
            return
        self._readings.changed(before, undone=undone)
        session.reread = Reread(before, after)
        session.cubes = tuple(after if same_image(before, known) else known for known in session.cubes)
        session.reread = None  # it was told: nobody holds the cube before for it
        for run in runs_of(session, before):
            self._put_run(replace(run, home=after))
        desk = self.left_of(before).desk
        held = desk.held if np.array_equal(before.axis, after.axis) else ()  # else they are on other bands
        fresh = replace(desk, survey=None, suggested=None, pixel=None, pins=(), unfinished=None)
        self._desks.put(after, replace(fresh, held=held, offered=None))
        if session.training is not None and same_image(session.training.cube, before):
            self.cancel()
            session.training = None  # also one that was stopped, or of a cube that is not looked at
        if same_image(before, session.cube):
            self.set_cube(after)
        self._forget_closed()

    def open_sample(self) -> None:
        """Make the sample scene in the background and open it with its painting."""
        self._chore(self._engine.sample, self._sample_made, "cube", Chore(Doing.MIXING))

    def _sample_made(self, scene: Scene) -> None:
        self.add_cube(scene.cube, {"illumination": scene.scaled})
        if self.session.cube is scene.cube:
            self.set_annotation(scene.annotation)

    def join(self, cubes: Sequence[Cube]) -> None:
        """Make one cube of several acquisitions in the background, and work on it; a refusal is a sentence in the step."""
        chosen = tuple(cubes)
        self._settle("cube")
        chore = Chore(Doing.JOINING, f"{len(chosen)} cubes")
        self._chore(lambda: self._engine.join(chosen), self.add_cube, "cube", chore)

    def adopt(self, data: Any, name: str) -> None:
        """Make a cube of (B, H, W) values that are open already; ``session.adopted`` says which it became.

        It becomes the current cube only where there is none: the user may have opened a volume for other work.
        """

        def made(cube: Cube) -> None:
            if self._drop_adopting(data):
                self.session.adopted = Adopted(data, cube)
                self.add_cube(cube, current=self.session.cube is None)

        def failed(error: Exception) -> None:
            if self._drop_adopting(data):
                self.session.trouble = self._trouble_of("cube", error)

        self._adopting.append(data)
        self._chores.do(lambda: self._engine.copy(data, name), made, failed, Chore(Doing.READING, name))

    def abandon(self, data: Any) -> None:
        """Values that are being adopted were closed: no cube comes of them."""
        self._drop_adopting(data)

    def _drop_adopting(self, data: Any) -> bool:
        """Adopt these values no longer; whether they still were."""
        place = next((k for k, known in enumerate(self._adopting) if known is data), None)
        if place is not None:
            del self._adopting[place]
        return place is not None

    def add_cube(
        self, cube: Cube, advice: Mapping[str, Any] | None = None, *, current: bool = True, left: Left | None = None
    ) -> None:
        """A cube was opened: it becomes the current one.

        ``advice`` are settings of the method that suit this cube; ``left`` is what a dock that was closed left of it: its runs, and its desk.
        """
        if any(same_image(cube, known) for known in self.session.cubes):
            return
        self._desks.put(cube, self._desk_for(cube, advice or {}) if left is None else left.desk)
        self.session.cubes = (*self.session.cubes, cube)
        for run in () if left is None else left.runs:
            self._numbered = max(self._numbered, run.number)
            self._put_run(run)
        if current:
            self.set_cube(cube)

    def _desk_for(self, cube: Cube, advice: Mapping[str, Any]) -> Desk:
        """A fresh one: the settings of another cube say nothing of this one."""
        spec = preset()
        for name, value in advice.items():
            spec = with_setting(spec, name, value)
        return Desk(spec=spec)

    def left_of(self, cube: Cube) -> Left:
        """What a dock that closes leaves of an open cube."""
        desk = desk_of(self.session) if same_image(cube, self.session.cube) else self._desks.get(cube, Desk())
        return Left(desk, runs_of(self.session, cube))

    def remove_cube(self, cube: Cube) -> None:
        """A cube was closed, and with it its runs: the next one that is open takes its place. A training of it is cancelled."""
        session = self.session
        if session.training is not None and same_image(session.training.cube, cube):
            self.cancel()
            session.training = None
        elif session.state == "checking" and any(being_checked(session, run) for run in runs_of(session, cube)):
            self.cancel()
        left = tuple(known for known in session.cubes if not same_image(known, cube))
        if same_image(session.cube, cube):
            self.set_cube(left[-1] if left else None)
        session.cubes = left
        session.runs = tuple(run for run in session.runs if not same_image(run.home, cube))
        if session.adopted is not None and same_image(session.adopted.cube, cube):
            session.adopted = None  # with it goes the last hold on somebody's array
        self._forget_closed()

    def _forget_closed(self) -> None:
        """Keep nothing for cubes that are closed."""
        self._desks.keep_only(self.session.cubes)
        self._opened.keep_only(self.session.cubes)
        self._pasts.keep_only(self.session.cubes)

    def set_cube(self, cube: Cube | None) -> None:
        """Work on this cube, with its settings, pins and runs; a run under way on another one goes on."""
        session = self.session
        if cube is session.cube:
            return
        if session.cube is not None and any(same_image(session.cube, known) for known in session.cubes):
            self._desks.put(session.cube, desk_of(session))
        desk = Desk() if cube is None else self._desks.pop(cube, Desk())
        session.pixel, session.pins, session.survey, session.suggested = (
            None,
            (),
            None,
            None,
        )  # they are of the cube before
        session.annotation, session.trouble, session.exported, session.page = None, None, None, None
        if session.state == "idle":
            session.progress = None
        session.cube = cube
        for name in NAMES:
            setattr(session, name, getattr(desk, name))
        self._tell_past()
        if cube is None:
            return
        if desk.survey is None or desk.suggested is None:
            self._look_at(cube)
        if not self._warm:
            self._warm = True
            self._chore(self._engine.warm_up, lambda _: None, "train")

    def _look_at(self, cube: Cube) -> None:
        def first_look() -> Fit[tuple[Survey, Unfinished | None]]:
            survey = yield from self._engine.survey(cube)
            return survey, (yield from self._engine.unfinished(cube))

        self._chore(first_look, lambda found: self._surveyed(cube, *found), "cube")
        self.suggest()

    def exclude_bands(self, written: str) -> None:
        """Leave out the bands in these ranges, and only those; a result so far stays, out of date."""
        cube = self.session.cube
        if cube is None:
            return
        try:
            good = good_bands_of(cube, written)
        except UnmixError as error:
            self._trouble("cube", str(error))
            return
        self._settle("cube")
        self.session.bands_written = written.strip()
        before = cube.good_bands
        if not np.array_equal(good, before):
            self._reband(cube, good)
            self._remember("bands", lambda: self._reband(cube, before), lambda: self._reband(cube, good))

    def _reband(self, cube: Cube, good: BoolArray) -> None:
        opened = self._opened.get(cube, cube)  # whose mask has lost no pixel to bands that were tried
        self._opened.put(cube, opened)
        self._chore(lambda: self._engine.rebanded(opened, good), self._rebanded, "cube")

    def _rebanded(self, cube: Cube) -> None:
        session = self.session
        if same_image(cube, session.cube):
            session.cubes = tuple(cube if same_image(known, cube) else known for known in session.cubes)
            session.cube = cube
            self._look_at(cube)

    def _surveyed(self, cube: Cube, survey: Survey, unfinished: Unfinished | None) -> None:
        if cube is self.session.cube:
            self.session.survey = survey
            if self.session.state == "idle":
                self.session.unfinished = unfinished

    def set_composite(self, composite: str) -> None:
        """Which three bands the composite shows."""
        self.session.composite = composite
