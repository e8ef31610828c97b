"""Step 5: the run that is shown: which, its endmembers, whether they may be trusted, and taking it along."""

from __future__ import annotations

from typing import Any

from napari_unmix.plugin.facts.edits import edited_text
from napari_unmix.plugin.facts.following import live_shown
from napari_unmix.plugin.facts.session import Session, current_run, out_of_date, runs_of, shown, training_here
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.window.panels.applying import ApplyPart
from napari_unmix.plugin.window.panels.compare import ComparePart
from napari_unmix.plugin.window.panels.endmembers import EndmemberRows
from napari_unmix.plugin.window.panels.maps import AreasPart
from napari_unmix.plugin.window.panels.places import PlacesPart
from napari_unmix.plugin.window.panels.probe import ProbePart
from napari_unmix.plugin.window.panels.runs import RunsPart
from napari_unmix.plugin.window.panels.step import Step, say, text
from napari_unmix.plugin.window.panels.verdict import VerdictPart
from napari_unmix.plugin.window.panels.writing import WritingPart


class ResultPanel(Step):
    """The result."""

    name = "result"
    title = "Result"
    number = 5

    def __init__(self, session: Session, controller: Controller) -> None:
        super().__init__(session, controller)
        self.body.setSpacing(4)  # names, verdict and *Export…* are seen at once on the smallest screen
        self._state = text("outOfDate")
        self._state.setToolTip("Train again to bring the result up to date.")
        self.body.addWidget(self._state)
        runs, rows, verdict, places = RunsPart(self), EndmemberRows(self), VerdictPart(self), PlacesPart(self)
        verdict.take_in(places.ask, places)
        for part in (
            runs,
            rows,
            verdict,
            WritingPart(self),
            ApplyPart(self),
            AreasPart(self),
            ComparePart(self),
            ProbePart(self),
        ):
            self.body.addWidget(part)
        self.listen(self.refresh, "cube", "training", "run", "runs", "annotation", "spec", "state")
        self.refresh()

    def refresh(self, *_: Any) -> None:
        """Show the session."""
        session = self.session
        run, what = current_run(session), shown(session)
        waits = "" if what is not None or run is not None else _nothing_yet(session)
        self.wait_for(waits)
        stale = out_of_date(session)
        preview = what is not None and what.run is None
        state = "preview: it still changes" if preview and training_here(session) else ""
        if live_shown(session):
            state = "live: these maps follow your strokes and are not kept"
        if not state and stale and not training_here(session):
            state = f"out of date: {stale}"
        edited = "" if run is None else edited_text(run.unmixing)
        if not state and not training_here(session):
            state = edited
        say(self._state, state)
        self.set_mark("empty" if run is None else "half" if stale or preview or edited else "done")


def _nothing_yet(session: Session) -> str:
    """What a cube without a run says."""
    trained = any(run.home is not session.cube for run in session.runs) and not runs_of(session, session.cube)
    return f"No result for {session.cube.name} yet." if session.cube is not None and trained else "Train first."
