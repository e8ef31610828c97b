"""Undo of what the user did, whatever it was: strokes, names, colours, meanings, settings, bands, edits. For each cube its own past."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from napari_unmix.plugin.facts.by_image import ByImage
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.base import Verbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner

MOST_ACTS = 200  # of one cube


@dataclass(frozen=True, eq=False)
class Act:
    """Something that the user did: in words for the menu, how to take it back, how to do it again. Neither is remembered itself."""

    what: str
    undo: Callable[[], None]
    redo: Callable[[], None]


@dataclass(eq=False)
class Past:
    """What was done to a cube, the last act last, and what was undone since."""

    acts: list[Act] = field(default_factory=list)
    undone: list[Act] = field(default_factory=list)


class UndoVerbs(Verbs):
    """Undo and redo; other verbs tell what they did by ``_remember``."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._pasts: ByImage[Past] = ByImage()

    def undo(self) -> bool:
        """Take the last act on the current cube back; whether there was one."""
        past = self._past()
        if past is None or not past.acts:
            return False
        act = past.acts.pop()
        past.undone.append(act)
        act.undo()
        self._tell_past()
        return True

    def redo(self) -> bool:
        """Do again what was undone last; whether there was something."""
        past = self._past()
        if past is None or not past.undone:
            return False
        act = past.undone.pop()
        past.acts.append(act)
        act.redo()
        self._tell_past()
        return True

    def _remember(self, what: str, undo: Callable[[], None], redo: Callable[[], None], *, joined: bool = False) -> None:
        """The user did something to the current cube: ``what``, as in “Undo name”. What was undone before can't be done again.

        ``joined``: one act with the last one where that was the same, such as the steps of a spin box.
        """
        cube = self.session.cube
        if cube is None:
            return
        past = self._past() or Past()
        last = past.acts[-1] if past.acts else None
        if joined and last is not None and last.what == what and not past.undone:
            past.acts[-1] = Act(what, last.undo, redo)
        else:
            past.acts = [*past.acts[1 - MOST_ACTS :], Act(what, undo, redo)]
        past.undone = []
        self._pasts.put(cube, past)
        self._tell_past()

    def _past(self) -> Past | None:
        cube = self.session.cube
        return None if cube is None else self._pasts.get(cube, None)

    def _tell_past(self) -> None:
        past = self._past() or Past()
        self.session.undoable = past.acts[-1].what if past.acts else ""
        self.session.redoable = past.undone[-1].what if past.undone else ""
