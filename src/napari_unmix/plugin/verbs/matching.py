"""Verbs on naming by spectral libraries: endmembers and pins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unmix.cube import Cube
from napari_unmix.library.matching import Candidate
from napari_unmix.library.stock import Stock
from napari_unmix.plugin.facts.candidates import Answered, LibraryChoice, Place, Question, Subject
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.matching import Proposal, answered_now, pair, question_of
from napari_unmix.plugin.facts.naming import distinct
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.plugin.verbs.cubes import CubeVerbs
from napari_unmix.plugin.verbs.editing import EditVerbs
from napari_unmix.plugin.verbs.engine import Engine
from napari_unmix.plugin.verbs.jobs import Handlers, Runner
from napari_unmix.plugin.verbs.looking import LookVerbs
from napari_unmix.plugin.verbs.one_run import OneRun
from napari_unmix.progress import Progress

CANCELLED = "Cancelled: press Match to ask the libraries."


class MatchVerbs(EditVerbs, CubeVerbs, LookVerbs):
    """Verbs on naming by spectral libraries."""

    def __init__(self, session: Session, runner: Runner, engine: Engine | None = None) -> None:
        super().__init__(session, runner, engine)
        self._stock = Stock()
        self._asking = OneRun(runner)
        self._recalled = False

    # --- asking

    def name_from_library(self, subject: Subject) -> None:
        """Ask libraries what this is; whoever shows that comes forward."""
        naming = self.session.naming
        self._naming(subject=subject, asked=naming.asked + 1)
        self.match()

    def look_at_subject(self, subject: Subject) -> None:
        """Look at what the libraries say of another one."""
        self._naming(subject=subject)

    def match(self) -> None:
        """Ask the chosen libraries of everything that can be named, unless they have answered."""
        if not self._recalled:
            self._recall()
            return
        question = question_of(self.session)
        if question is None or answered_now(self.session) is not None:
            return
        self._ask(question)

    def match_again(self) -> None:
        """Ask anew, also where the libraries have answered: their files may have changed."""
        self._naming(answered=None)
        self.match()

    def stop_matching(self) -> None:
        """Ask no more; what is being read is let go."""
        self._asking.drop()
        question = question_of(self.session)
        if self.session.naming.doing:
            answered = None if question is None else Answered(question, trouble=CANCELLED)
            self._naming(doing="", answered=answered)

    def remove_cube(self, cube: Cube) -> None:
        """A cube was closed: nothing that was asked of it holds it any longer."""
        answered = self.session.naming.answered
        if self.session.naming.doing or (answered is not None and same_image(answered.question.cube, cube)):
            self._asking.drop()
            self._naming(doing="", answered=None)
        super().remove_cube(cube)

    def _ask(self, question: Question) -> None:
        def failed(error: Exception) -> None:
            trouble = self._trouble_of("result", error)
            self._naming(doing="", answered=Answered(question, trouble=trouble.sentence))
            if trouble.report:  # what nobody expected can be sent from the step
                self.session.trouble = trouble

        self._asking.drop()
        self._naming(doing="looking into the libraries")
        self._asking.launch(
            lambda: self._engine.match(question, self._stock),
            Handlers(
                progress=self._matching,
                done=lambda answered: self._naming(doing="", answered=answered),
                failed=failed,
                stopped=lambda: self._naming(doing=""),
            ),
        )

    def _matching(self, progress: Progress) -> None:
        self._naming(doing=progress.stage)

    def _naming(self, **changes: Any) -> None:
        known = self.session.naming
        if any(getattr(known, name) is not value for name, value in changes.items()):
            self.session.naming = replace(known, **changes)

    # --- libraries

    def know_libraries(self) -> None:
        """Look for the user's list of libraries, once a session."""
        if not self._recalled:
            self._recall(ask=False)

    def _recall(self, *, ask: bool = True) -> None:
        """The user's list, once a session, and then the question."""
        self._recalled = True

        def recalled(choices: Sequence[LibraryChoice]) -> None:
            added = [one for one in self.session.naming.libraries if one.path not in {known.path for known in choices}]
            self._naming(libraries=(*choices, *added), doing="")
            if ask:
                self.match()

        self._naming(doing="looking for your libraries")
        handlers = Handlers(done=recalled, failed=lambda _: recalled((LibraryChoice(None),)))
        self._asking.launch(self._engine.recall_libraries, handlers)

    def add_library(self, path: str | Path) -> None:
        """Ask this library too, now and in later sessions: a file, or the folder of a database."""
        path = Path(path)
        others = tuple(one for one in self.session.naming.libraries if one.path != path)
        self._choose((*others, LibraryChoice(path)))

    def forget_library(self, path: Path) -> None:
        """Take a library out of the list; its file stays."""
        self._choose(tuple(one for one in self.session.naming.libraries if one.path != path))

    def use_library(self, path: Path | None, chosen: bool) -> None:
        """Ask a library, or leave it out."""
        self._choose(
            tuple(replace(one, chosen=chosen) if one.path == path else one for one in self.session.naming.libraries)
        )

    def _choose(self, libraries: tuple[LibraryChoice, ...]) -> None:
        if libraries == self.session.naming.libraries:
            return
        self._recalled = True  # the user's list is this one from now on
        self._naming(libraries=libraries)
        self._chore(lambda: self._engine.keep_libraries(libraries), lambda _: None, "result")
        self.match()

    def match_within(self, degrees: float) -> None:
        """Up to which angle a spectrum still matches."""
        if 0 < degrees < 90 and degrees != self.session.naming.within:
            self._naming(within=float(degrees))
            self.match()

    # --- accepting

    def accept(self, subject: Subject, name: str) -> None:
        """Call an endmember, or a pin, by a library's name; everywhere."""
        if subject.kind == "endmember":
            self.rename_endmember(subject.index, name)
        elif subject.kind == "pin":
            self.name_pin(subject.place, name)

    def accept_all(self, chosen: Sequence[Proposal]) -> None:
        """Call endmembers by the names that were proposed, in one act."""
        what, number = shown(self.session), self._number_shown()
        if what is None or number is None:
            return
        wanted = {one.subject.index: one.candidate.name for one in chosen if one.candidate is not None}
        taken = [name for index, name in enumerate(what.names) if index not in wanted]
        names: dict[str, str] = {}
        for index, name in wanted.items():
            if 0 <= index < len(what.names):
                names[what.names[index]] = distinct(name, taken)
                taken.append(names[what.names[index]])
        names = {before: after for before, after in names.items() if before != after}
        if names:
            back = {after: before for before, after in names.items()}
            self._call_all(number, names)
            self._remember(
                "names from a library", lambda: self._call_all(number, back), lambda: self._call_all(number, names)
            )

    def _call_all(self, number: int, names: Mapping[str, str]) -> None:
        """Endmembers, wherever they stand by now, and strokes that name them, get other names, all at once."""
        look, annotation = self._look(number), self.session.annotation
        if look is not None:
            after = replace(look, names=tuple(names.get(name, name) for name in look.names))
            changed = [index for index, name in enumerate(look.names) if name in names]
            for index in changed[:1] if self._run_of(number) is not None else changed:  # a preview learns them singly
                self._relook(number, after, index)
        if annotation is not None:
            known = annotation.meanings.items()
            self._mean(
                {k: replace(m, name=names[m.name]) for k, m in known if m.kind == "material" and m.name in names}
            )

    def accept_and_lock(self, subject: Subject, candidate: Candidate, *, library: bool) -> None:
        """Name an endmember and hold it in the next training: to the library's spectrum at its brightness, or as it was found."""
        answered = answered_now(self.session)
        if subject.kind != "endmember" or answered is None:
            return
        found = pair(answered, subject, candidate, "scaled")
        self.accept(subject, candidate.name)
        if not library:
            self.lock_endmember(subject.index)
        elif found is not None:
            self.lock_to_spectrum(subject.index, found.its, f"{candidate.name} of {candidate.library}")

    def name_pin(self, place: Place, name: str) -> None:
        """Call a pin by a name; "" takes it away."""
        before = self.session.pin_names.get(place, "")
        name = name.strip()
        if place not in self.session.pins or name == before:
            return
        self._put_pin_name(place, name)
        self._remember(
            "name of a pin", lambda: self._put_pin_name(place, before), lambda: self._put_pin_name(place, name)
        )

    def _put_pin_name(self, place: Place, name: str) -> None:
        kept = {known: its for known, its in self.session.pin_names.items() if known in self.session.pins}
        kept[place] = name
        self.session.pin_names = {known: its for known, its in kept.items() if its}
