"""Verbs on where to paint next: asking for places, and going to one with the brush."""

from __future__ import annotations

from napari_unmix.cube import Meaning
from napari_unmix.plugin.facts.session import Aim, current_run
from napari_unmix.plugin.facts.suggesting import Suggested, name_to_paint, suggested_now
from napari_unmix.plugin.verbs.painting import PaintVerbs


class SuggestVerbs(PaintVerbs):
    """Verbs on where to paint next."""

    def toggle_places(self) -> None:
        """Ask where to paint, in the background; where it is shown already, show it no longer."""
        run, annotation = current_run(self.session), self.session.annotation
        if suggested_now(self.session) is not None:
            self.session.places = None
        elif run is not None and run.report is not None:
            self._chore(lambda: self._engine.places(run, annotation), self._have_places, "side information")

    def _have_places(self, suggested: Suggested) -> None:
        self.session.places = suggested
        if suggested_now(self.session) is None:  # another run is shown by now
            self.session.places = None

    def paint_at(self, number: int) -> None:
        """Look at a place, with the brush ready for what is to be painted there: a label that no stroke has, with that meaning."""
        suggested = suggested_now(self.session)
        if suggested is None or not 0 <= number < len(suggested.places):
            return
        place = suggested.places[number]
        if self.session.annotation is None:
            self.new_annotation()
        self.next_region()
        label = self.session.label
        self.set_meaning(label, Meaning(place.kind, name_to_paint(suggested, number, label)))
        self.session.aim = Aim(place.centre)
