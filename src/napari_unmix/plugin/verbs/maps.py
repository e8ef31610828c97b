"""Verbs on the maps: which are looked at together, which further ones are asked for, and how much there is of what."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_unmix.plugin.facts.areas import Areas, Outline
from napari_unmix.plugin.facts.asking import areas_now, asked_now
from napari_unmix.plugin.facts.derived import DOMINANT, View
from napari_unmix.plugin.facts.seen import Sight
from napari_unmix.plugin.facts.session import Chore, Doing, seen_alone, shown
from napari_unmix.plugin.verbs.looking import LookVerbs


class MapVerbs(LookVerbs):
    """Verbs on the maps."""

    def show_view(self, view: View) -> None:
        """Ask for a further map of what is shown; it lies above the others."""
        if view not in self.session.views:
            self.session.views = (*self.session.views, view)

    def hide_view(self, view: View) -> None:
        """A further map is no longer wanted."""
        if view in self.session.views:
            self.session.views = tuple(known for known in self.session.views if known != view)

    def toggle_dominant(self) -> None:
        """Show in every pixel the endmember of the largest share, or the maps again."""
        if DOMINANT in self.session.views:
            self.hide_view(DOMINANT)
        else:
            self.show_view(DOMINANT)

    def show_maps(self, indices: Collection[int] | None = None, views: tuple[View, ...] = ()) -> None:
        """Show the maps of these endmembers and of no others, None for all; of further maps, which cover them, only ``views``."""
        what, number = shown(self.session), self._number_shown()
        if what is None or number is None:
            return
        self.session.views = views
        every = frozenset(range(len(what.names)))
        hidden = frozenset() if indices is None else every - frozenset(indices)
        if hidden != what.hidden:
            self._relook(number, replace(what.look, hidden=hidden), 0)

    def show_alone(self, index: int) -> None:
        """Show this endmember's map alone; where it is seen alone already, all."""
        what = shown(self.session)
        if what is not None and 0 <= index < len(what.names):
            self.show_maps(None if seen_alone(self.session) == index else {index})

    def save_picture(self, path: str | Path) -> None:
        """Write what is looked at, with legend and scale bar, to a PNG, SVG or PDF file that the user chose."""
        what, views = shown(self.session), self.session.views
        if what is None:
            self._trouble("result", "There is no map to draw yet: train first.")
            return
        if not views and len(what.hidden) == len(what.names):
            self._trouble("result", "Every map is hidden: show one, or all together, and save the picture again.")
            return
        sight = Sight(what, views[-1] if views else None)
        self._chore(lambda: self._engine.picture(Path(path), sight), self._drawn, "result", Chore(Doing.WRITING))

    def _drawn(self, path: Path) -> None:
        self._settle("result")
        self.session.exported = path

    # --- areas

    def set_outlines(self, outlines: tuple[Outline, ...]) -> None:
        """These are the shapes on the current cube; the same ones again are no change."""
        before = self.session.outlines
        same = len(before) == len(outlines) and all(
            one.name == other.name and np.array_equal(one.corners, other.corners)
            for one, other in zip(before, outlines, strict=True)
        )
        if not same:
            self.session.outlines = outlines
        if areas_now(self.session) is None:
            self.session.areas = None  # it would hold the maps of a cube that is closed

    def measure_areas(self) -> None:
        """Measure in the background how much there is of each endmember in what is shown; where that is known, nothing is done."""
        cube, asked = self.session.cube, asked_now(self.session)
        if cube is not None and asked is not None and areas_now(self.session) is None:
            self._chore(lambda: self._engine.areas(cube, asked), self._measured, "result")

    def _measured(self, areas: Areas) -> None:
        asked = asked_now(self.session)
        if asked is not None and asked.same_as(areas.asked):
            self.session.areas = areas
