"""Verbs on what is kept: runs save themselves and open again, strokes survive a crash. One is written at a time, always as it is by then."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Annotation, Cube, IntArray, Meaning, Reading
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.desk import Desk
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.kept import (
    Known,
    Pins,
    Reopened,
    Stamp,
    masks_differ,
    names_of,
    pins_of,
    places_of,
    same_strokes,
)
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Chore, Doing, Session, runs_of
from napari_unmix.plugin.verbs.cubes import CubeVerbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Runner
from napari_unmix.plugin.verbs.resting import RestVerbs
from napari_unmix.progress import Fit

RUN_FILE = "run.json"


class KeepVerbs(CubeVerbs, RestVerbs):
    """Verbs on what is kept. Nothing here is cancelled when the docks close: what was begun comes to its end."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._background = runner
        self._stamps: dict[int, Stamp] = {}  # number of a run -> what stands on the disk
        self._told: set[int] = set()  # the runs of which it was said that they can't be kept
        self._unkept: ByImage[Annotation] = ByImage()  # painted, and not kept yet
        self._writing = False
        self._asked: ByImage[bool] = ByImage()  # the cubes of which the disk was asked what it knows

    # --- runs keep themselves

    def _keep(self, run: Run) -> None:
        super()._keep(run)
        self._no_longer_back()
        self._keep_next()

    def _put_run(self, run: Run) -> None:
        if run.folder is not None and run.number not in self._stamps:  # left by a dock that is closed, which kept it
            self._stamps[run.number] = Stamp(run, _pins_on(self._desks.get(run.home, Desk())))
        super()._put_run(run)
        self._keep_next()

    def set_cube(self, cube: Cube | None) -> None:
        """Work on this cube; the pins of the one before are kept with its run."""
        self.session.waking = None
        super().set_cube(cube)
        self._keep_next()

    def leave_nothing(self) -> None:
        """The docks close: keep what is not kept yet."""
        self._keep_next()

    def _keep_next(self) -> None:
        """Write the first run, or painting, that is not on the disk as it is now; when it is written, the next."""
        if self._writing or self._engine.keep_run is None:
            return
        due = next((run for run in self.session.runs if self._is_due(run)), None)
        if due is not None:
            self._write_run(due, self._pins_of(due))
        else:
            self._keep_strokes()

    def _is_due(self, run: Run) -> bool:
        stamp = self._stamps.get(run.number)
        return stamp is None or not stamp.says(run, self._pins_of(run))

    def _pins_of(self, run: Run) -> Pins:
        """Pins are the cube's: the run that is shown takes them along."""
        here = same_image(run.home, self.session.cube)
        desk = Desk() if here else self._desks.get(run.home, Desk())
        owner = self.session if here else desk
        if owner.run is not None and owner.run.number == run.number:
            return _pins_on(owner)
        stamp = self._stamps.get(run.number)
        return () if stamp is None else stamp.pins

    def _write_run(self, run: Run, pins: Pins) -> None:
        assert self._engine.keep_run is not None
        keep = self._engine.keep_run
        before, number = self._stamps.get(run.number), run.number
        opened = tuple(known.folder for known in self.session.runs if known.folder is not None)
        self.session.keeping = self.session.keeping | {number}

        def kept(folder: Path) -> None:
            self._stamp(run, pins)
            self._told.discard(number)
            self.session.keeping = self.session.keeping - {number}
            now = next((known for known in self.session.runs if known.number == number), None)
            if now is not None and now.folder != folder:
                super(KeepVerbs, self)._put_run(replace(now, folder=folder))
            if before is None:
                self.list_recent()
            if run.annotation is not None:
                self._forget_strokes(run.home, run.annotation)
            self._rest()

        def failed(error: Exception) -> None:
            self._stamp(run, pins)  # not tried again before it changes
            self.session.keeping = self.session.keeping - {number}
            if number not in self._told:
                self._told.add(number)
                self.session.trouble = self._trouble_of("result", error)

        self._in_background(lambda: keep(run, pins, before, opened), kept, failed)

    def _stamp(self, run: Run, pins: Pins) -> None:
        """Note what stands on the disk of a run; one whose cube was closed meanwhile would hold it."""
        if any(known.number == run.number for known in self.session.runs):
            self._stamps[run.number] = Stamp(run, pins)

    def _in_background(
        self, make: Callable[[], Fit[Any]], done: Callable[[Any], None], failed: Callable[[Exception], None]
    ) -> None:
        """Write, and then what is due by then."""
        self._writing = True

        def ended(tell: Callable[..., None], *values: Any) -> None:
            self._writing = False
            tell(*values)
            self._keep_next()

        def stopped() -> None:
            self._writing = False

        handlers = Handlers(
            done=lambda value: ended(done, value), failed=lambda error: ended(failed, error), stopped=stopped
        )
        self._background(make, handlers)

    def _is_saved(self, run: Run) -> bool:
        """Whether it can be read again as it is; one that could not be kept, or is being written, holds its maps."""
        stamp, busy = self._stamps.get(run.number), run.number in self.session.keeping
        return not busy and run.number not in self._told and stamp is not None and stamp.can_be_read_again(run)

    # --- and open again

    def list_recent(self) -> None:
        """Look which runs are kept."""

        def listed(recent: Any) -> None:
            self.session.recent = recent

        self._chores.do(self._engine.recent, listed, lambda _: None)

    def open(self, path: str | Path, reading: Reading | None = None) -> None:
        """Read a file in the background and make it the cube; a ``run.json`` opens its run."""
        if Path(path).name == RUN_FILE:
            self.open_run(Path(path).parent)
        else:
            super().open(path, reading)

    def open_run(self, folder: str | Path, among: Cube | None = None) -> None:
        """Open a run with its cube, in the background; one that is open already is shown. ``among`` is a cube that was opened for it."""
        place = Path(folder).expanduser().absolute()
        known = next((run for run in self.session.runs if run.folder == place), None)
        if known is not None and (among is None or same_image(known.home, among)):
            self.set_cube(self._open_cube(known.home))
            self._when_whole(known, self._show)
            return
        cubes = self.session.cubes if among is None else (among,)
        chore = Chore(Doing.OPENING, place.name)
        self._chore(lambda: self._engine.reopened(place, cubes), self._reopened, "cube", chore)

    def _open_cube(self, cube: Cube) -> Cube | None:
        """The cube as it is open, perhaps with other bands excluded."""
        return next((known for known in self.session.cubes if same_image(known, cube)), None)

    def _reopened(self, found: Reopened) -> None:
        self._settle("cube")
        run = replace(found.run, number=self._next_number())
        open_already = self._open_cube(run.home)
        if open_already is None:
            self.add_cube(run.cube)
        else:
            self.set_cube(open_already)
        session = self.session
        fresh = session.annotation is None or not session.annotation.labels.any()
        takes = open_already is None or fresh
        if takes:
            self._put_kept_pins(found.pins)
        self._stamps[run.number] = Stamp(run, _pins_on(session))
        self._keep(run)
        if takes:
            self._take(run, found.pins)
        self._rest()

    def use_run(self, number: int) -> None:
        """Go back to the bands, settings, known spectra and painting of a run of the current cube."""
        run = next((known for known in runs_of(self.session, self.session.cube) if known.number == number), None)
        if run is None:
            return
        session, cube = self.session, self.session.cube
        spec, held, annotation, pins = session.spec, session.held, session.annotation, _pins_on(session)

        def back() -> None:
            if cube is not None and session.cube is not None and masks_differ(cube, session.cube):
                self._rebanded(cube)
            session.spec, session.held = spec, held
            self._put_kept_pins(pins)
            self.set_annotation(annotation if annotation is not None else session.annotation)

        self._take(run, pins)
        self._remember("settings and painting of a run", back, lambda: self._take(run, pins))

    def _take(self, run: Run, pins: Pins) -> None:
        session = self.session
        if session.cube is not None and masks_differ(session.cube, run.cube):
            self._rebanded(run.cube)
        session.spec, session.held = run.spec, run.held
        if run.annotation is not None and not same_strokes(run.annotation, session.annotation):
            self.set_annotation(run.annotation)
            known = session.known
            if known is not None and known.strokes is not None:  # of a painting of before, which is not the run's
                session.known = replace(known, strokes=replace(known.strokes, back=False))
        self._put_kept_pins(pins)

    def _put_kept_pins(self, pins: Pins) -> None:
        session, places = self.session, places_of(pins)
        gone = {
            place: name for place, name in session.pin_names.items() if place not in places
        }  # an undo brings them back
        session.pin_names = gone | names_of(pins)
        session.pins = places

    # --- strokes survive a crash

    def set_labels(self, labels: IntArray) -> None:
        """Take what was painted, and keep it until a run has it."""
        super().set_labels(labels)
        self._painted_now()

    def _mean(self, meanings: Mapping[int, Meaning]) -> None:
        super()._mean(meanings)
        if meanings:
            self._painted_now()

    def _painted_now(self) -> None:
        cube, annotation = self.session.cube, self.session.annotation
        self._no_longer_back()
        if cube is not None and annotation is not None and self._engine.keep_strokes is not None:
            kept_already = self._in_a_run(cube, annotation)
            self._unkept.put(cube, Annotation(np.zeros_like(annotation.labels)) if kept_already else annotation)
            self._keep_next()

    def _no_longer_back(self) -> None:
        """What came back was painted on, or trained: it is the user's as any other, and nothing is said of it."""
        known = self.session.known
        if known is not None and known.strokes is not None and known.strokes.back:
            self.session.known = replace(known, strokes=None)

    def _keep_strokes(self) -> None:
        keep, due = self._engine.keep_strokes, self._unkept.first()
        if keep is None or due is None:
            return
        cube, annotation = due
        self._unkept.pop(cube, annotation)

        def failed(error: Exception) -> None:
            if 0 not in self._told:  # said once
                self._told.add(0)
                self.session.trouble = self._trouble_of("side information", error)

        self._in_background(lambda: keep(cube, annotation), lambda _: self._told.discard(0), failed)

    def _forget_strokes(self, cube: Cube, only: Annotation | None) -> None:
        """They are in a run now, or were thrown away."""
        forget = self._engine.forget_strokes
        if self._engine.keep_strokes is not None:
            self._chores.do(lambda: forget(cube, only), lambda _: None, lambda _: None)

    def _look_at(self, cube: Cube) -> None:
        super()._look_at(cube)
        known = self._engine.known
        if known is not None and not self._asked.get(cube, False):
            self._asked.put(cube, True)
            self._chore(lambda: known(cube), lambda found: self._found(cube, found), "side information")

    def _found(self, cube: Cube, known: Known) -> None:
        """Strokes that no run has come back; where something is painted by now, they are offered."""
        session = self.session
        if known.strokes is not None and self._in_a_run(cube, known.strokes.annotation):
            known = replace(known, strokes=None)
        if not same_image(cube, session.cube):
            self._desks.change(cube, lambda desk: replace(desk, known=known))
            return
        if known.strokes is not None and same_strokes(known.strokes.annotation, session.annotation):
            known = replace(known, strokes=None)
        session.known = known
        if session.annotation is None or not session.annotation.labels.any():
            self.bring_back()

    def _in_a_run(self, cube: Cube, annotation: Annotation) -> bool:
        """Whether a run that is on the disk has this painting."""
        kept = (run for run in runs_of(self.session, cube) if run.folder is not None)
        return any(same_strokes(run.annotation, annotation) for run in kept)

    def bring_back(self) -> None:
        """Put the strokes that were kept on the canvas."""
        session, known = self.session, self.session.known
        if known is not None and known.strokes is not None and not known.strokes.back:
            self.set_annotation(known.strokes.annotation)
            session.known = replace(known, strokes=replace(known.strokes, back=True))

    def throw_away(self) -> None:
        """Throw the strokes that were kept away; where they are on the canvas as they came, from there as well."""
        session, known = self.session, self.session.known
        if known is None or known.strokes is None or session.cube is None:
            return
        if known.strokes.back and same_strokes(known.strokes.annotation, session.annotation):
            self.new_annotation()
        session.known = replace(known, strokes=None)
        self._forget_strokes(session.cube, None)

    def _forget_closed(self) -> None:
        super()._forget_closed()
        self._asked.keep_only(self.session.cubes)
        numbers = {run.number for run in self.session.runs}
        self._stamps = {number: stamp for number, stamp in self._stamps.items() if number in numbers}


def _pins_on(owner: Session | Desk) -> Pins:
    """The pins of the cube that is worked on, or of a desk."""
    return pins_of(owner.pins, owner.pin_names)
