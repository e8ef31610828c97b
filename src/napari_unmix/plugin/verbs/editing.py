"""Verbs that edit the endmembers of the run that is shown, lock them, and train on from there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.plugin.facts import edits
from napari_unmix.plugin.facts.edits import Edit
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.locks import names_of_regions, to_train_on, why_not_train_on
from napari_unmix.plugin.facts.region_means import region_means
from napari_unmix.plugin.facts.resting import at_rest, same_answer
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import (
    Chore,
    Doing,
    Stage,
    being_checked,
    current_run,
    doing,
    endmember_count,
    shown,
)
from napari_unmix.plugin.verbs.training import TrainVerbs
from napari_unmix.progress import Progress


class EditVerbs(TrainVerbs):
    """Verbs on the endmembers of the run that is shown; each can be taken back."""

    def merge_endmembers(self, which: Sequence[int]) -> None:
        """Make two or more endmembers one: shares add, the spectrum is their mean by share."""
        self._edit("merging", lambda run: edits.merged(run.unmixing, run.look, run.cube, which), which)

    def split_endmember(self, index: int) -> None:
        """Make two endmembers of one, by the two groups of its purest pixels."""
        self._edit("splitting", lambda run: edits.split(run.unmixing, run.look, run.cube, index), [index])

    def delete_endmember(self, index: int) -> None:
        """Take an endmember out; its share goes to the others by least squares."""
        self._edit("deleting", lambda run: edits.deleted(run.unmixing, run.look, run.cube, index), [index])

    def move_endmember(self, index: int, by: int) -> None:
        """Put an endmember further up (−1) or down (+1); what may be claimed stays."""

        def move(run: Run) -> Edit:
            return edits.moved(run.unmixing, run.look, index, by)

        self._edit("moving", move, [index], checked=True)

    def lock_endmember(self, index: int) -> None:
        """Hold an endmember as it is in the next training."""
        self._set_lock(index, "", locked=True)

    def unlock_endmember(self, index: int) -> None:
        """Let the next training find an endmember anew."""
        self._set_lock(index, "", locked=False)

    def lock_to_pin(self, index: int, pin: int) -> None:
        """Exchange an endmember's spectrum for that of a pin (from 0), and hold it."""
        run = self._editable([index])
        if run is not None and 0 <= pin < len(self.session.pins):
            row, column = self.session.pins[pin]
            spectrum = np.asarray(run.cube.spectra[row, column], dtype=np.float64)
            self._exchange(index, spectrum, f"pin {pin + 1}")

    def lock_to_spectrum(self, index: int, spectrum: FloatArray, source: str) -> None:
        """Exchange an endmember's spectrum for another (B,) from ``source``, such as a library's, and hold it."""
        self._exchange(index, spectrum, source)

    def lock_to_region(self, index: int, label: int) -> None:
        """Exchange an endmember's spectrum for the mean of a painted place, and hold it."""
        run, annotation = self._editable([index]), self.session.annotation
        if run is None:
            return
        mean = region_means(run.cube, annotation).get(label)
        if mean is None:
            self._trouble("result", f"No valid pixel is painted with label {label} any more: paint some first.")
            return
        self._exchange(index, mean.mean, names_of_regions(annotation)[label])

    def train_on(self) -> None:
        """Train from the endmembers of the run that is shown; the locked ones and the known spectra of step 3 are held."""
        session, run = self.session, current_run(self.session)
        trouble = why_not_train_on(session)
        if run is None or session.cube is None or trouble:
            self._trouble("train", trouble)
            return
        given = to_train_on(session, run)
        if endmember_count(session) != len(given):
            session.spec = session.spec.model_copy(update={"endmembers": len(given)})
        self._train(session.cube, given)

    def check_run(self) -> None:
        """Find out what may be claimed of the run that is shown, where it was edited, or its check was cancelled."""
        session, run = self.session, current_run(self.session)
        if run is None or run.report is not None:
            return
        if session.state != "idle":
            self._trouble("result", "Something is trained or checked just now: wait for it, or cancel it first.")
            return
        self._settle("result")
        session.progress = Progress(Stage.STARTING, 0, 1, 0.0)
        self._check(run)

    # --- parts

    def _editable(self, which: Sequence[int]) -> Run | None:
        """The run that is shown, where it has these endmembers and nothing else is being made of it."""
        what = shown(self.session)
        if what is None or what.run is None or doing(self.session) is Doing.EDITING:
            return None
        return what.run if all(0 <= k < len(what.names) for k in which) else None

    def _exchange(self, index: int, spectrum: FloatArray, source: str) -> None:
        def exchange(run: Run) -> Edit:
            return edits.exchanged(run.unmixing, run.look, run.cube, index, spectrum, source)

        self._edit("locking", exchange, [index])

    def _edit(self, title: str, make: Callable[[Run], Edit], which: Sequence[int], *, checked: bool = False) -> None:
        """Make an edit in the background; ``checked``: whether what may be claimed of the run stays."""
        run = self._editable(which)
        if run is None:
            return
        chore = Chore(Doing.EDITING, f"{title} {', '.join(run.look.names[k] for k in which)}")

        def done(edit: Edit) -> None:
            now = self._kept(run.number)
            if now is not None and same_answer(now.unmixing, run.unmixing):  # else something newer was made of it since
                self._settle("result")
                self._put_edit(replace(now, unmixing=run.unmixing), edit, checked=checked)

        self._chore(lambda: self._engine.edit(lambda: make(run.to_edit), str(chore)), done, "result", chore)

    def _put_edit(self, run: Run, edit: Edit, *, checked: bool) -> None:
        """The edited run in the place of the run, which can be brought back."""
        if not checked and being_checked(self.session, run):
            self._one_run.drop()
            self._finish(None)
        edited = replace(run, unmixing=edit.unmixing, look=edit.look, report=None)
        if checked and run.report is not None:
            edited = edited.judged(run.report, run.unmixing.endmembers)

        def put(version: Run, before: Unmixing) -> None:
            now = self._kept(run.number)
            if now is not None and same_answer(now.unmixing, before):
                self._put_run(replace(now, unmixing=version.unmixing, look=version.look, report=version.report))

        self._put_run(edited)
        if same_image(run.home, self.session.cube):
            self._remember(
                _act(edit.said),
                lambda: put(run, edited.unmixing),
                lambda: put(edited, run.unmixing),
            )

    def _set_lock(self, index: int, source: str, *, locked: bool) -> None:
        run = self._editable([index])
        if run is None or (index in run.look.locked) == locked:
            return
        before = run.look.locked
        after = {k: known for k, known in before.items() if k != index} | ({index: source} if locked else {})
        name, number, answer = run.look.names[index], run.number, at_rest(run.unmixing)

        def lock(locks: dict[int, str]) -> None:
            now = self._kept(number)
            if now is not None and same_answer(now.unmixing, answer):
                self._put_run(replace(now, look=replace(now.look, locked=locks)))

        lock(after)
        self._remember(
            f"{'locking' if locked else 'unlocking'} {name}", lambda: lock(dict(before)), lambda: lock(after)
        )

    def _kept(self, number: int) -> Run | None:
        """The run of this number as it is now."""
        return next((run for run in self.session.runs if run.number == number), None)


def _act(said: str) -> str:
    """What the menu calls an edit: "merging rock and soil"."""
    verb, _, what = said.partition(" ")
    titles = {"merged": "merging", "split": "splitting", "deleted": "deleting", "moved": "moving", "locked": "locking"}
    return f"{titles[verb]} {what}"
