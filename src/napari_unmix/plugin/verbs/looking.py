"""Verbs on what is shown: the pixel, which run, and how its endmembers look."""

from __future__ import annotations

from dataclasses import replace

from napari_unmix.plugin.facts.runs import Look, Run
from napari_unmix.plugin.facts.session import runs_of, shown
from napari_unmix.plugin.verbs.painting import PaintVerbs
from napari_unmix.plugin.verbs.resting import RestVerbs


class LookVerbs(PaintVerbs, RestVerbs):
    """Verbs on what is shown."""

    def select_pixel(self, row: int, column: int) -> None:
        """Show this pixel; one outside the cube is ignored."""
        cube = self.session.cube
        if cube is not None and 0 <= row < cube.shape[0] and 0 <= column < cube.shape[1]:
            self.session.pixel = (row, column)

    # --- runs

    def show_run(self, number: int) -> None:
        """Show this run of the current cube, in place of the one before."""
        run = self._run_of(number)
        if run is not None:
            self._when_whole(run, self._show)

    def rename_run(self, number: int, title: str) -> None:
        """Call a run something else."""
        run, title = self._run_of(number), title.strip()
        if run is not None and title and title != run.title:
            self._entitle(number, title)
            before = run.title
            self._remember("name of a run", lambda: self._entitle(number, before), lambda: self._entitle(number, title))

    def _entitle(self, number: int, title: str) -> None:
        run = self._run_of(number)
        if run is not None:
            self._put_run(replace(run, title=title))

    def forget_run(self, number: int) -> None:
        """Take a run out of the list; what is saved of it stays. The newest of the others is shown in its place."""
        run, shown_before = self._run_of(number), self.session.run
        if run is None:
            return
        self._forget(number)

        def bring_back() -> None:
            self.session.runs = tuple(sorted((*self.session.runs, run), key=lambda kept: kept.number))
            if shown_before is not None and shown_before.number == number:
                self.session.run = run

        self._remember("forgetting a run", bring_back, lambda: self._forget(number))

    def _forget(self, number: int) -> None:
        session = self.session
        others = [kept for kept in runs_of(session, session.cube) if kept.number != number]
        if session.beside is not None and session.beside.number == number:
            session.beside = None
        was_shown = session.run is not None and session.run.number == number
        if was_shown:
            session.run = None
        session.runs = tuple(kept for kept in session.runs if kept.number != number)
        if was_shown and others:
            self._when_whole(others[-1], self._show)

    def _run_of(self, number: int) -> Run | None:
        return next((run for run in runs_of(self.session, self.session.cube) if run.number == number), None)

    # --- how endmembers look

    def rename_endmember(self, index: int, name: str) -> None:
        """Give an endmember a name, everywhere; a stroke that names it is renamed with it."""
        what, name = shown(self.session), name.strip()
        number = self._number_shown()
        if what is None or number is None or not name or not 0 <= index < len(what.names) or what.names[index] == name:
            return
        before, after = what.names[index], what.look.renamed(index, name).names[index]
        self._call(number, before, after)
        self._remember("name", lambda: self._call(number, after, before), lambda: self._call(number, before, after))

    def colour_endmember(self, index: int, colour: str) -> None:
        """Give an endmember a colour ("#rrggbb"), everywhere; who had it takes the one that becomes free."""
        what, number = shown(self.session), self._number_shown()
        if what is None or number is None or not 0 <= index < len(what.names) or what.colours[index] == colour:
            return
        name, before = what.names[index], what.colours[index]
        self._colour(number, name, colour)
        self._remember("colour", lambda: self._colour(number, name, before), lambda: self._colour(number, name, colour))

    def set_visible(self, index: int, visible: bool) -> None:
        """Show or hide an endmember's map."""
        what, number = shown(self.session), self._number_shown()
        if what is not None and number is not None and 0 <= index < len(what.names):
            hidden = what.hidden - {index} if visible else what.hidden | {index}
            if hidden != what.hidden:
                self._relook(number, replace(what.look, hidden=hidden), index)

    def _number_shown(self) -> int | None:
        """The number of the run that is shown, or will be that of the training whose preview is."""
        what, training = shown(self.session), self.session.training
        if what is None:
            return None
        return what.run.number if what.run is not None else training.number if training is not None else None

    def _look(self, number: int) -> Look | None:
        """How the run of this number looks now; by then a preview may have become a run."""
        run, training = self._run_of(number), self.session.training
        if run is not None:
            return run.look
        return training.look if training is not None and training.number == number else None

    def _call(self, number: int, before: str, after: str) -> None:
        """The endmember of this name, wherever it stands by now, gets another; and so does a stroke that names it."""
        look, annotation = self._look(number), self.session.annotation
        if look is not None and before in look.names:
            index = look.names.index(before)
            self._relook(number, look.renamed(index, after), index)
        if annotation is not None:
            known = annotation.meanings.items()
            self._mean({k: replace(m, name=after) for k, m in known if m.kind == "material" and m.name == before})

    def _colour(self, number: int, name: str, colour: str) -> None:
        look = self._look(number)
        if look is not None and name in look.names:
            index = look.names.index(name)
            self._relook(number, look.coloured(index, colour), index)

    def _relook(self, number: int, look: Look, index: int) -> None:
        run, training = self._run_of(number), self.session.training
        if run is not None:
            self._put_run(replace(run, look=look))
        elif training is not None and training.number == number:
            self.session.training = training.relooked(look, index)
