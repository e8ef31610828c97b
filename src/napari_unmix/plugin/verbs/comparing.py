"""Verbs on two runs side by side: which one is beside, how both are looked at, the reference that they are held against.

What is measured and drawn of them follows from the facts: it is asked for whenever these change, and made in the background.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_unmix.plugin.facts.comparison import compared, pairs_of, wanted_measures, wanted_overlay
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.likeness import DifferenceMap, Measured, Pictures, View
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Chore, Doing, Session, runs_of
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner
from napari_unmix.plugin.verbs.latest import Latest
from napari_unmix.plugin.verbs.resting import RestVerbs

if TYPE_CHECKING:
    from napari_unmix.cube import Cube
    from napari_unmix.library.reference import Reference

FOLLOWED = ("cube", "run", "runs", "beside", "comparing", "reference", "training", "state", "measured")


class CompareVerbs(RestVerbs):
    """Verbs on two runs side by side."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._measuring, self._drawing = Latest(self._chores), Latest(self._chores)
        self._overlay_drawn: tuple[Any, ...] | None = None  # what ``session.overlay`` shows
        for name in FOLLOWED:
            session.events[name].connect(self._follow)

    # --- which, and how

    def compare_with(self, number: int | None) -> None:
        """Put this run of the current cube beside the one that is shown; None ends the comparison."""
        session = self.session
        runs = runs_of(session, session.cube)
        run = next((run for run in runs if run.number == number), None)
        if run is None:
            session.beside = None
            self._compare(view="one", paced=False, other=False)
            self._rest()
        else:
            self._when_whole(run, self._put_beside, beside=True)

    def _put_beside(self, run: Run) -> None:
        self.session.beside = run

    def swap_compared(self) -> None:
        """Show the run beside, and put the one that was shown beside it; the material stays the same."""
        both = compared(self.session)
        if both is None:
            return
        session, comparing = self.session, self.session.comparing
        its = {pair.mine: pair.its for pair in pairs_of(session)}
        session.beside = None
        session.exported = session.page = None
        session.run = both[1]
        session.beside = both[0]
        self._compare(material=its.get(comparing.material, 0), other=False)

    def view_comparison(self, view: View) -> None:
        """Show one run, the difference of two maps, both in turn, or both side by side."""
        self._compare(view=view, other=False, paced=False)
        if view == "difference":
            self._choose_a_pair()

    def compare_material(self, index: int) -> None:
        """Subtract the maps of this endmember of the run that is shown."""
        self._compare(material=index)

    def move_divider(self, share: float) -> None:
        """Move the split to this share of the width."""
        self._compare(divider=min(max(share, 0.0), 1.0))

    def see_other(self, other: bool | None = None) -> None:
        """In flicker, see the run beside or the one that is shown; without a word, the one that is not seen."""
        comparing = self.session.comparing
        if comparing.view == "flicker":
            self._compare(other=not comparing.other if other is None else other)

    def flicker(self, by_itself: bool) -> None:
        """Show the two runs in turn by itself, or stop that."""
        if self.session.comparing.view == "flicker":
            self._compare(paced=by_itself)

    def measure_all(self, wanted: bool) -> None:
        """Measure all runs of the cube, or only the two."""
        self._compare(table=wanted)

    def _compare(self, **changes: Any) -> None:
        self.session.comparing = replace(self.session.comparing, **changes)

    def _choose_a_pair(self) -> None:
        """A material that both runs have, where the one that was chosen has no partner."""
        paired = [pair.mine for pair in pairs_of(self.session)]
        if paired and self.session.comparing.material not in paired:
            self._compare(material=min(paired))

    # --- the reference

    def load_reference(self, path: str | Path) -> None:
        """Read a reference for the current cube: an .npz with E, A or both, or a spectral library."""
        cube = self.session.cube
        if cube is not None:
            self._settle("result")
            read, path = self._engine.reference, Path(path)
            chore = Chore(Doing.REFERENCE, path.name)
            self._chore(lambda: read(path, cube), lambda found: self._referred(cube, found), "result", chore)

    def forget_reference(self) -> None:
        """Hold the runs against no reference."""
        self.session.reference = None

    def _referred(self, cube: Cube, reference: Reference) -> None:
        if same_image(cube, self.session.cube):
            self.session.reference = reference
        else:
            self._desks.change(cube, lambda desk: replace(desk, reference=reference))

    # --- what follows

    def _follow(self, *_: Any) -> None:
        """The facts changed: have measured and drawn what is wanted now, and take away what is wanted no longer."""
        session = self.session
        measures = wanted_measures(session)
        if measures is None and session.measured:
            session.measured = ()
        self._measuring.ask(measures, self._engine.measure, self._runs_measured, self._missed)
        wanted = wanted_overlay(session)
        if session.overlay is not None and not _of_the_same(wanted, self._overlay_drawn):
            session.overlay = self._overlay_drawn = None
        self._drawing.ask(wanted, self._engine.overlay, self._overlaid, self._missed)

    def _runs_measured(self, measured: tuple[Measured, ...]) -> None:
        self.session.measured = measured
        if self.session.comparing.view == "difference":
            self._choose_a_pair()

    def _overlaid(self, overlay: DifferenceMap | Pictures) -> None:
        self._overlay_drawn = wanted_overlay(self.session)
        self.session.overlay = overlay

    def _missed(self, error: Exception) -> None:
        self.session.trouble = self._trouble_of("result", error)


def _of_the_same(wanted: tuple[Any, ...] | None, drawn: tuple[Any, ...] | None) -> bool:
    """Whether a picture may stand until the one that is wanted is drawn: it is of the same two runs, in the same manner."""
    return wanted is not None and drawn is not None and wanted[:3] == drawn[:3]
