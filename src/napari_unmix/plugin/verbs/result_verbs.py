"""The verbs on what is shown: pixels, names, maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from napari_unmix.answer import Fit
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.naming import distinct
from napari_unmix.plugin.facts.session import Answer, Chore, Doing, Session, same_image, shown_names
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner
from napari_unmix.plugin.verbs.verbs import Verbs

Wishes = tuple[tuple[str, ...], frozenset[int]]  # names of the endmembers, hidden maps
NO_WISHES: Wishes = ((), frozenset())


class ResultVerbs(Verbs):
    """Part of ``Controller``."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._wishes: ByImage[Wishes] = ByImage()  # of the cubes that are not the current one

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

    def open_report(self) -> None:
        """Write the report page of the last result to a temporary folder; whoever shows pages opens it."""
        self._write(lambda *what: self._engine.page(*what), self._paged, Doing.PAGING)

    def _write(self, make: Callable[..., Fit[Path]], done: Callable[[Path], None], doing: Doing) -> None:
        answer, report = self.session.answer, self.session.report
        if answer is None or report is None:
            self._trouble("result", "There is no checked result yet: train first, and wait for the checks.")
            return
        given = self._names_of(answer)
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

    def _change_wishes(self, before: Cube | None, cube: Cube | None) -> None:
        """Names and hidden maps are wishes for one cube: those of the last one are put away, those of this one come back."""
        session = self.session
        if before is not None:
            self._wishes.put(before, (session.names, session.hidden))
        session.names, session.hidden = NO_WISHES if cube is None else self._wishes.pop(cube, NO_WISHES)

    def _names_of(self, answer: Answer) -> tuple[str, ...]:
        """What the user calls the endmembers of an answer, which may be of another cube."""
        current = same_image(answer.cube, self.session.cube)
        return self.session.names if current else self._wishes.get(answer.cube, NO_WISHES)[0]

    def _forget_closed(self) -> None:
        """Wishes are kept for the open cubes and for that of the last good result."""
        answer = self.session.answer
        self._wishes.keep_only([*self.session.cubes, *([answer.cube] if answer is not None else [])])
