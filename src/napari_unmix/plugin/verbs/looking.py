"""Verbs on what is shown: the pixel, pins, which run, and how its endmembers look."""

from __future__ import annotations

from dataclasses import replace

from napari_unmix.plugin.facts.runs import Look, Run
from napari_unmix.plugin.facts.session import runs_of, shown
from napari_unmix.plugin.verbs.base import Verbs


class LookVerbs(Verbs):
    """Verbs on what is shown."""

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

    # --- runs

    def show_run(self, number: int) -> None:
        """Show this run of the current cube, in place of the one before."""
        run = self._run_of(number)
        if run is not None and run is not self.session.run:
            self.session.exported = self.session.page = None
            self.session.run = run

    def rename_run(self, number: int, title: str) -> None:
        """Call a run something else."""
        run, title = self._run_of(number), title.strip()
        if run is not None and title and title != run.title:
            self._put_run(replace(run, title=title))

    def forget_run(self, number: int) -> None:
        """Take a run out of the list; what is saved of it stays. The newest of the others is shown in its place."""
        session, run = self.session, self._run_of(number)
        if run is None:
            return
        others = [kept for kept in runs_of(session, session.cube) if kept.number != number]
        if session.beside is not None and session.beside.number == number:
            session.beside = None
        if session.run is not None and session.run.number == number:
            session.run = others[-1] if others else None
        session.runs = tuple(kept for kept in session.runs if kept.number != number)

    def _run_of(self, number: int) -> Run | None:
        return next((run for run in runs_of(self.session, self.session.cube) if run.number == number), None)

    # --- how endmembers look

    def rename_endmember(self, index: int, name: str) -> None:
        """Give an endmember a name, everywhere; a stroke that names it is renamed with it."""
        what, name = shown(self.session), name.strip()
        if what is None or not name or not 0 <= index < len(what.names) or what.names[index] == name:
            return
        old, look = what.names[index], what.look.renamed(index, name)
        self._relook(look, index)
        annotation = self.session.annotation
        if annotation is not None:
            renamed = {
                label: replace(meaning, name=look.names[index])
                if meaning.kind == "material" and meaning.name == old
                else meaning
                for label, meaning in annotation.meanings.items()
            }
            if renamed != annotation.meanings:
                self.session.annotation = replace(annotation, meanings=renamed)

    def colour_endmember(self, index: int, colour: str) -> None:
        """Give an endmember a colour ("#rrggbb"), everywhere; who had it takes the one that becomes free."""
        what = shown(self.session)
        if what is not None and 0 <= index < len(what.names) and what.colours[index] != colour:
            self._relook(what.look.coloured(index, colour), index)

    def set_visible(self, index: int, visible: bool) -> None:
        """Show or hide an endmember's map."""
        what = shown(self.session)
        if what is not None and 0 <= index < len(what.names) and visible == (index in what.hidden):
            hidden = what.hidden - {index} if visible else what.hidden | {index}
            self._relook(replace(what.look, hidden=hidden), index)

    def show_alone(self, index: int) -> None:
        """Show this endmember's map alone; where it is alone already, all."""
        what = shown(self.session)
        if what is None or not 0 <= index < len(what.names):
            return
        others = frozenset(range(len(what.names))) - {index}
        self._relook(replace(what.look, hidden=frozenset() if what.hidden == others else others), index)

    def _relook(self, look: Look, index: int) -> None:
        """The user changed how an endmember of what is shown looks."""
        what, training = shown(self.session), self.session.training
        if what is None:
            return
        if what.run is not None:
            self._put_run(replace(what.run, look=look))
        elif training is not None:
            self.session.training = training.relooked(look, index)
