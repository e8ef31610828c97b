"""Verbs on the painting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from napari_unmix.cube import Annotation, IntArray, Meaning
from napari_unmix.plugin.facts.judging import Judged, judged_now, question_now
from napari_unmix.plugin.facts.session import Aim, Session
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner
from napari_unmix.plugin.verbs.latest import Latest
from napari_unmix.plugin.verbs.undoing import UndoVerbs
from napari_unmix.sentences import UnmixError


class PaintVerbs(UndoVerbs):
    """Verbs on the painting."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._judging = Latest(self._chores)

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
            self.set_annotation(Annotation(np.zeros(cube.shape[:2], np.int32)))
            self.paint_with(1)

    def select_label(self, label: int) -> None:
        """What the brush paints next; whoever has it in hand, or another tool, keeps it."""
        self.session.label = max(0, label)

    def paint_with(self, label: int) -> None:
        """Take the brush with this label, also where it is the label already: it may have been put down, as a training does."""
        self.select_label(label)
        self.session.aim = Aim()

    def next_region(self) -> None:
        """Paint with the first label that no stroke has yet."""
        annotation = self.session.annotation
        self.paint_with(1 if annotation is None else int(annotation.labels.max(initial=0)) + 1)

    def set_labels(self, labels: IntArray) -> None:
        """Take what was painted; the labels keep their meanings."""
        known = self.session.annotation
        self.set_annotation(Annotation(labels, {} if known is None else known.meanings))

    def stroke(self, labels: IntArray | None, undo: Callable[[], None], redo: Callable[[], None]) -> None:
        """Take what a stroke painted (None: known); ``undo`` and ``redo`` are the layer's own, which hands its labels on by ``set_labels``."""
        if labels is not None:
            self.set_labels(labels)
        self._remember("stroke", undo, redo)

    def set_meaning(self, label: int, meaning: Meaning) -> None:
        """Say what a painted label means."""
        annotation = self.session.annotation
        if annotation is None or annotation.meaning(label) == meaning:
            return
        before = annotation.meaning(label)
        self._mean({label: meaning})
        self._remember("meaning of a label", lambda: self._mean({label: before}), lambda: self._mean({label: meaning}))

    def _mean(self, meanings: Mapping[int, Meaning]) -> None:
        annotation = self.session.annotation
        if annotation is not None and meanings:
            self.session.annotation = replace(annotation, meanings={**annotation.meanings, **meanings})

    # --- what is painted

    def judge_strokes(self) -> None:
        """Have a first look at the strokes of materials in the background; where that is known, nothing is done."""
        question = question_now(self.session)
        if question is None:
            self.session.judged = None  # it would hold the maps of a cube that is closed
        wanted = None if question is None or judged_now(self.session) is not None else (question,)
        self._judging.ask(wanted, self._engine.judge, self._judged, self._not_judged)

    def _judged(self, judged: Judged) -> None:
        if judged.question == question_now(self.session):
            self.session.judged = judged

    def _not_judged(self, error: Exception) -> None:
        self.session.trouble = self._trouble_of("side information", error)
