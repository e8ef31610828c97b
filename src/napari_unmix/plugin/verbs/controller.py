"""The one writer of the session: verbs. No Qt, no viewer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_unmix.answer import Fit, Preview, Progress, Unmixing
from napari_unmix.cube import Annotation, Cube, IntArray, Meaning, Reading
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.plugin.facts.band_ranges import good_bands_of
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.fault import fault_report
from napari_unmix.plugin.facts.naming import carried_names, distinct
from napari_unmix.plugin.facts.remedies import in_window
from napari_unmix.plugin.facts.session import (
    Adopted,
    Answer,
    Chore,
    Doing,
    Reread,
    Session,
    Stage,
    Step,
    Survey,
    Theme,
    Trouble,
    Unfinished,
    running,
    same_image,
    shown_names,
)
from napari_unmix.plugin.facts.settings import carried_settings, with_setting
from napari_unmix.plugin.verbs.chores import Chores
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Job, RunFailed, Runner
from napari_unmix.plugin.verbs.one_run import OneRun
from napari_unmix.plugin.verbs.readings import Readings
from napari_unmix.plugin.verbs.wishes import Wishes
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from napari_unmix.synthetic import Scene

CLOSE_SECONDS = 10.0

T = TypeVar("T")


class Controller:
    """Verbs on a session.

    ``runner`` drives the runs and ``engine`` holds the generators that it drives: the two seams of the tests.
    """

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        self.session = session
        self._engine = engine or Engine()
        self._run = OneRun(runner)
        self._chores = Chores(session, runner)
        self._wishes = Wishes(session)
        self._opened: ByImage[Cube] = ByImage()  # the cube as it was opened, where its bands were changed since
        self._advice: ByImage[Mapping[str, Any]] = ByImage()  # settings that suit a cube, until it is first worked on
        self._readings = Readings()
        self._adopting: list[Any] = []  # open arrays that are being copied
        self._warm = False

    # --- cubes

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

    def add_cube(self, cube: Cube, advice: Mapping[str, Any] | None = None, *, current: bool = True) -> None:
        """A cube was opened: it becomes the current one, unless a run is under way on another.

        ``advice`` are settings of the method that suit this cube; they are taken when it first becomes the current one.
        """
        if any(same_image(cube, known) for known in self.session.cubes):
            return
        self._advice.put(cube, advice or {})
        self.session.cubes = (*self.session.cubes, cube)
        if current and not running(self.session):
            self.set_cube(cube)

    def remove_cube(self, cube: Cube) -> None:
        """A cube was closed: the next one that is open takes its place. The last good result stays, and can be written: it holds its cube."""
        left = tuple(known for known in self.session.cubes if not same_image(known, cube))
        if same_image(self.session.cube, cube):
            self.set_cube(left[-1] if left else None)
        self.session.cubes = left
        if self.session.adopted is not None and same_image(self.session.adopted.cube, cube):
            self.session.adopted = None  # with it goes the last hold on somebody's array
        self._forget_closed()

    def drop_result(self, cube: Cube) -> None:
        """A cube is closed, and so is the last map of its result: let go of it, where it is the last good one."""
        session = self.session
        if session.answer is None or not same_image(session.answer.cube, cube):
            return
        session.report, session.answer, session.exported, session.page = None, None, None, None
        if session.state == "idle":
            session.progress = None
        self._forget_closed()

    def _forget_closed(self) -> None:
        """Keep nothing for cubes that are closed, but for that of the last good result."""
        self._advice.keep_only(self.session.cubes)
        self._opened.keep_only(self.session.cubes)
        self._wishes.forget_closed()

    def set_cube(self, cube: Cube | None) -> None:
        """Work on this cube; a run on another one is cancelled, the last good result stays."""
        session = self.session
        if cube is session.cube:
            return
        if session.state != "idle":
            self.cancel()
        session.preview, session.pixel, session.survey, session.suggested = None, None, None, None
        session.annotation, session.trouble, session.pins, session.unfinished = None, None, (), None
        if session.answer is None or not same_image(session.answer.cube, cube):
            session.progress = None
        before, session.cube = session.cube, cube
        self._wishes.change(before, cube)
        if cube is None:
            return
        for name, value in self._advice.pop(cube, {}).items():
            self.set_option(name, value)
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
        if not np.array_equal(good, cube.good_bands):
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

    # --- side information

    def set_annotation(self, annotation: Annotation | None) -> None:
        """Take a painting with its meanings."""
        cube = self.session.cube
        try:
            if annotation is not None and cube is not None:
                annotation.check_against(cube)
        except UnmixError as error:
            self._trouble("side information", str(error))
            return
        self.session.annotation = annotation
        self._settle("side information")

    def new_annotation(self) -> None:
        """An empty painting of the cube's size, ready for the brush."""
        cube = self.session.cube
        if cube is not None:
            self.session.label = 1
            self.set_annotation(Annotation(np.zeros(cube.shape[:2], np.int32)))

    def select_label(self, label: int) -> None:
        """What the brush paints next."""
        self.session.label = max(0, label)

    def next_region(self) -> None:
        """Paint with the first label that no stroke has yet."""
        annotation = self.session.annotation
        self.select_label(1 if annotation is None else int(annotation.labels.max(initial=0)) + 1)

    def set_labels(self, labels: IntArray) -> None:
        """Take what was painted; the labels keep their meanings."""
        known = self.session.annotation
        self.set_annotation(Annotation(labels, {} if known is None else known.meanings))

    def set_meaning(self, label: int, meaning: Meaning) -> None:
        """Say what a painted label means."""
        annotation = self.session.annotation
        if annotation is not None and annotation.meaning(label) != meaning:
            self.session.annotation = replace(annotation, meanings={**annotation.meanings, label: meaning})

    # --- method

    def choose_method(self, method: str) -> None:
        """Change the method; what the user set is kept where the new method has the setting."""
        self.session.spec = carried_settings(self.session.spec, spec_class(method))
        self._settle("method")

    def set_option(self, name: str, value: Any) -> None:
        """Change one field of the spec; a value out of range is a sentence in the step, and the spec stays."""
        try:
            self.session.spec = with_setting(self.session.spec, name, value)
        except UnmixError as error:
            self._trouble("method", str(error))
            return
        self._settle("method")

    def methods(self) -> dict[str, str]:
        """Method -> title, the default first."""
        return {name: spec.title for name, spec in method_specs().items()}

    def suggest(self) -> None:
        """Count the materials in the background."""
        cube = self.session.cube
        if cube is not None:
            self._chore(
                lambda: self._engine.suggest(cube),
                lambda count: self._suggested(cube, count),
                "method",
                Chore(Doing.COUNTING),
            )

    def _suggested(self, cube: Cube, count: int) -> None:
        if cube is self.session.cube:
            self.session.suggested = count

    # --- runs

    def start(self) -> None:
        """Train in the background."""
        session, cube = self.session, self.session.cube
        if cube is None:
            self._trouble("train", "There is no cube to unmix: open one first.")
            return
        self._run.drop()
        spec, painted = session.spec, session.annotation
        annotation = painted if painted is not None and painted.labels.any() else None
        session.trouble = session.unfinished = None
        session.progress = Progress(Stage.STARTING, 0, 1, 0.0)
        session.state = "training"

        def done(unmixing: Unmixing) -> None:
            self._trained(Answer(unmixing, cube, painted, spec))

        self._launch(lambda: self._engine.unmix(cube, spec, annotation), done)

    def take_up(self) -> None:
        """Go on with the interrupted training of the cube, with the settings and the painting that it had."""
        unfinished = self.session.unfinished
        if unfinished is not None and unfinished.cube is self.session.cube:
            self.session.spec = unfinished.spec
            self.set_annotation(unfinished.annotation)
            self.start()

    def _launch(self, make: Callable[[], Fit[T]], done: Callable[[T], None]) -> None:
        self._run.launch(make, Handlers(self._progressed, self._previewed, done, self._failed, self._stopped))

    def _progressed(self, progress: Progress) -> None:
        self.session.progress = progress

    def _previewed(self, preview: Preview) -> None:
        self.session.preview = preview

    def _trained(self, answer: Answer) -> None:
        session = self.session
        before = session.answer
        session.names = carried_names(before, self._wishes.names_of(before), answer.unmixing)
        session.report = None
        session.answer = answer
        self._wishes.forget_closed()
        session.preview = None
        session.state = "checking"
        self._launch(lambda: self._engine.assess(answer.cube, answer.unmixing), self._assessed)

    def _assessed(self, report: Report) -> None:
        self.session.report = report
        self._finish(Progress(Stage.DONE, 1, 1, 1.0))

    def _failed(self, error: Exception) -> None:
        step: Step = "result" if self.session.state == "checking" else "train"
        trouble = self._trouble_of(step, error)
        self._finish(None)
        self._give_back()
        self.session.trouble = trouble

    def _stopped(self) -> None:
        self._finish(None)

    def _finish(self, progress: Progress | None) -> None:
        self.session.state = "idle"
        self.session.progress = progress

    def cancel(self) -> Job | None:
        """Stop the run; the last good result stays, and where there is none, the last preview. Its job, to wait for."""
        session = self.session
        if session.state == "idle":
            return None
        job = self._run.drop()
        at = session.progress or Progress("", 0, 1, 0.0)
        if running(session):
            self._give_back()
        self._finish(Progress(Stage.CANCELLED, at.step, at.total, at.fraction))
        return job

    def _give_back(self) -> None:
        if self.session.answer is not None:
            self.session.preview = None

    def pause(self) -> None:
        """Do not go on until ``resume``."""
        if self.session.state == "training":
            self._run.pause()
            self.session.state = "paused"

    def resume(self) -> None:
        """Go on after ``pause``."""
        if self.session.state == "paused":
            self._run.resume()
            self.session.state = "training"

    # --- what is shown

    def select_pixel(self, row: int, column: int) -> None:
        """Show this pixel; one outside the cube is ignored."""
        cube = self.session.cube
        if cube is not None and 0 <= row < cube.shape[0] and 0 <= column < cube.shape[1]:
            self.session.pixel = (row, column)

    def pin(self) -> None:
        """Keep the selected pixel and its curve; one that is kept already stays as it is."""
        session = self.session
        if session.pixel is not None and session.pixel not in session.pins:
            session.pins = (*session.pins, session.pixel)

    def clear_pins(self) -> None:
        """Keep no pixel."""
        self.session.pins = ()

    def rename_endmember(self, index: int, name: str) -> None:
        """Give an endmember a name, everywhere; a stroke that names it is renamed with it."""
        names = list(shown_names(self.session))
        name = name.strip()
        if not name or not 0 <= index < len(names) or names[index] == name:
            return
        old, names[index] = names[index], distinct(name, [*names[:index], *names[index + 1 :]])
        self.session.names = tuple(names)
        annotation = self.session.annotation
        if annotation is not None:
            renamed = {
                label: replace(meaning, name=names[index])
                if meaning.kind == "material" and meaning.name == old
                else meaning
                for label, meaning in annotation.meanings.items()
            }
            if renamed != annotation.meanings:
                self.session.annotation = replace(annotation, meanings=renamed)

    def export(self, parent: str | Path) -> None:
        """Write the last result with its report and pictures to a new folder in ``parent``; nothing is ever replaced."""
        self._write(lambda *what: self._engine.export(Path(parent), *what), self._exported, Doing.WRITING)

    def save_as(self, path: str | Path, form: str) -> None:
        """Write the maps and endmembers of the last result in a format (a key of ``output.export.EXPORTS``)."""
        self._write(lambda *what: self._engine.save(Path(path), form, *what), self._exported, Doing.WRITING)

    def open_report(self) -> None:
        """Write the report page of the last result to a temporary folder; whoever shows pages opens it."""
        self._write(lambda *what: self._engine.page(*what), self._paged, Doing.PAGING)

    def _write(self, make: Callable[..., Fit[Path]], done: Callable[[Path], None], doing: Doing) -> None:
        answer, report = self.session.answer, self.session.report
        if answer is None or report is None:
            self._trouble("result", "There is no checked result yet: train first, and wait for the checks.")
            return
        given = self._wishes.names_of(answer)
        names = given if len(given) == len(answer.unmixing.names) else answer.unmixing.names
        self._chore(lambda: make(answer, report, names), done, "result", Chore(doing))

    def _exported(self, folder: Path) -> None:
        self._settle("result")
        self.session.exported = folder

    def _paged(self, page: Path) -> None:
        self._settle("result")
        self.session.page = page

    def set_visible(self, index: int, visible: bool) -> None:
        """Show or hide an endmember's map."""
        hidden = self.session.hidden
        self.session.hidden = hidden - {index} if visible else hidden | {index}

    # --- the rest

    def set_theme(self, theme: Theme) -> None:
        """The viewer changed its colours."""
        self.session.theme = theme

    def stop(self) -> None:
        """Cancel the run, and wait for the training thread itself."""
        job = self.cancel()
        if job is not None:
            job.wait(CLOSE_SECONDS)

    def close(self) -> None:
        """Stop everything."""
        self._chores.cancel()
        self.stop()

    # --- what the verbs stand on

    def _chore(
        self, make: Callable[[], Fit[T]], done: Callable[[T], None], step: Step, chore: Chore | None = None
    ) -> None:
        """Small work in the background; what goes wrong is a sentence in a step."""

        def failed(error: Exception) -> None:
            self.session.trouble = self._trouble_of(step, error)

        self._chores.do(make, done, failed, chore)

    def _trouble_of(self, step: Step, error: Exception) -> Trouble:
        """Work in the background failed; what nobody expected comes with a report."""
        unexpected = isinstance(error, RunFailed)
        report = fault_report(error.__cause__ or error, step, self.session) if unexpected else ""
        return Trouble(step, in_window(str(error)), report)

    def _trouble(self, step: Step, sentence: str) -> None:
        self.session.trouble = Trouble(step, in_window(sentence))

    def _settle(self, step: Step) -> None:
        """The user changed a step: what was wrong with it is past."""
        if self.session.trouble is not None and self.session.trouble.step in (step, "train"):
            self.session.trouble = None
