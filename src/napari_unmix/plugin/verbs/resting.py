"""Verbs on what runs hold in memory: those that were not looked at for longest give their maps back, and read them again when they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count

from napari_unmix.answer import Unmixing
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.kept import shown_place
from napari_unmix.plugin.facts.resting import (
    MOST_HELD_BYTES,
    Held,
    Waking,
    at_rest,
    held_bytes,
    rests,
    same_answer,
    to_rest,
)
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.base import Verbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Runner
from napari_unmix.sentences import shown


class RestVerbs(Verbs):
    """Verbs on what runs hold in memory, ``most_held_bytes`` together. What is shown, or compared, of any cube never rests."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self.most_held_bytes = MOST_HELD_BYTES
        self._looks = count()
        self._seen: dict[int, int] = {}  # number of a run -> when it was last looked at

    def _is_saved(self, run: Run) -> bool:
        """Whether a run is on the disk as it is; whoever keeps runs knows."""
        return False

    def _rest(self) -> None:
        """Let runs rest until the others hold no more than they may."""
        needed = self._needed()
        self._seen |= dict.fromkeys(needed, next(self._looks))
        runs = {run.number: run for run in self.session.runs}
        self._seen = {number: seen for number, seen in self._seen.items() if number in runs}
        held = [
            Held(number, held_bytes(run.unmixing), self._seen.get(number, -1), number in needed, self._is_saved(run))
            for number, run in runs.items()
        ]
        for number in to_rest(held, self.most_held_bytes):
            self._put_run(replace(runs[number], unmixing=at_rest(runs[number].unmixing)))

    def _needed(self) -> set[int]:
        """The numbers of the runs that are shown or compared, here or on the desk of another cube."""
        desks = [(self.session.run, self.session.beside), *((desk.run, desk.beside) for desk in self._desks.values())]
        return {run.number for pair in desks for run in pair if run is not None}

    def _when_whole(self, run: Run, then: Callable[[Run], None], *, beside: bool = False) -> None:
        """Do something with a run that needs its maps: at once, or when they have been read; of several asked for, with the last."""
        session = self.session
        session.waking = None
        if not rests(run.unmixing):
            then(run)
            self._rest()
            return
        waking = session.waking = Waking(run.number, run.title, beside)

        def read(unmixing: Unmixing) -> None:
            now = self._still_wanted(waking, run)
            if now is not None:
                self._put_run(replace(now, unmixing=unmixing))
                then(self._whole(now.number))
                self._rest()

        def failed(error: Exception) -> None:
            if self._still_wanted(waking, run) is not None:
                self._lose(run, error)

        self._chores.do(lambda: self._engine.reread(run), read, failed)

    def _show(self, run: Run) -> None:
        """Show this run of the current cube, in place of the one before."""
        if run is not self.session.run:
            self.session.exported = self.session.page = None
            self.session.run = run

    def _whole(self, number: int) -> Run:
        return next(run for run in self.session.runs if run.number == number)

    def _still_wanted(self, waking: Waking, run: Run) -> Run | None:
        """The run as it is now, where it is still to be seen and nothing else was made of it."""
        session = self.session
        if session.waking is not waking:
            return None
        session.waking = None
        now = next((known for known in session.runs if known.number == run.number), None)
        fits = now is not None and same_image(now.home, session.cube) and same_answer(now.unmixing, run.unmixing)
        return now if fits else None

    def _lose(self, run: Run, error: Exception) -> None:
        """What a run had on the disk is gone: it leaves the list."""
        trouble = self._trouble_of("result", error)
        self.session.runs = tuple(known for known in self.session.runs if known.number != run.number)
        if trouble.report or run.folder is None:
            self.session.trouble = trouble
            return
        place = shown(shown_place(run.folder), 120)
        self._trouble(
            "result",
            f"“{shown(run.title)}” left the list, its maps can't be read again from {place}: open a copy of that folder, or train again.",
        )
