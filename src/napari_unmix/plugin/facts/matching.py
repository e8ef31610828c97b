"""What the window says of naming by libraries: pure functions of the session. No Qt, no viewer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.library.matching import Candidate, Match, Ranking
from napari_unmix.library.slopes import derivative, reach_of
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.plugin.facts.candidates import EVERY, Answered, Place, Question, Subject
from napari_unmix.plugin.facts.naming import is_default_name
from napari_unmix.plugin.facts.pixel_view import pixel_view
from napari_unmix.plugin.facts.session import Session, shown, training_here

MOST_ROWS = 500  # of a table: who looks for one further down writes a part of its name
View = Literal["scaled", "continuum removed", "derivative"]
VIEWS: dict[View, str] = {
    "scaled": "Measured",
    "continuum removed": "Continuum",
    "derivative": "Derivative",
}


# --- what can be named


def endmember_subjects(session: Session) -> tuple[Subject, ...]:
    """The endmembers of what is shown."""
    what = shown(session)
    return () if what is None else tuple(Subject("endmember", index) for index in range(len(what.names)))


def subjects(session: Session) -> tuple[Subject, ...]:
    """The endmembers of what is shown, then the pins."""
    return (*endmember_subjects(session), *(Subject("pin", place=place) for place in session.pins))


def pin_subject(session: Session, number: int) -> Subject:
    """The pin of this number, from 0."""
    return Subject("pin", place=session.pins[number])


def subject_now(session: Session) -> Subject | None:
    """What the user looks at, as long as it is there; else all endmembers, else the first pin; None where nothing can be named."""
    known = subjects(session)
    chosen = session.naming.subject
    if chosen in known:
        return chosen
    if known and known[0].kind == "endmember":
        return EVERY
    return known[0] if known else None


def pin_label(session: Session, place: Place) -> str:
    """What a pin is called: its name with its number, or its number alone."""
    number = session.pins.index(place) + 1 if place in session.pins else 0
    name = session.pin_names.get(place, "")
    return f"{name} (pin {number})" if name else f"pin {number}"


def label_of(session: Session, subject: Subject) -> str:
    """What a subject is called."""
    what = shown(session)
    if subject.kind == "pin":
        return pin_label(session, subject.place)
    if subject.kind == "endmember" and what is not None and subject.index < len(what.names):
        return what.names[subject.index]
    return "All endmembers"


def question_of(session: Session) -> Question | None:
    """All that can be named, to be asked at once; None where there is nothing, or no library is chosen."""
    cube, what, known = session.cube, shown(session), subjects(session)
    paths = tuple(choice.path for choice in session.naming.libraries if choice.chosen)
    if cube is None or not known:
        return None
    endmembers = None if what is None else what.content.endmembers
    height, width, bands = cube.shape
    if any(row >= height or column >= width for row, column in session.pins):
        return None  # the session is just turning to another cube
    if endmembers is not None and endmembers.shape[1] != bands:
        return None
    good = cube.good_bands if endmembers is None else cube.good_bands & np.isfinite(endmembers).all(axis=0)
    pins = [pixel_view(cube, None, *place, session.averaging).measured for place in session.pins]
    spectra = np.where(good, np.array([*(() if endmembers is None else endmembers), *pins]), np.nan)
    names = tuple(label_of(session, subject) for subject in known)
    return Question(cube, endmembers, known, names, spectra, paths, session.naming.within, session.averaging)


def answered_now(session: Session) -> Answered | None:
    """What the libraries said of what is there now; None where it is out of date."""
    answered, what = session.naming.answered, shown(session)
    if answered is None:
        return None
    asked = answered.question
    endmembers = None if what is None else what.content.endmembers
    same = asked.cube is session.cube and asked.endmembers is endmembers and asked.within == session.naming.within
    chosen = tuple(choice.path for choice in session.naming.libraries if choice.chosen)
    pins = set(session.pins) <= _pins_of(asked) and (not session.pins or asked.averaging == session.averaging)
    return answered if same and pins and asked.paths == chosen else None


def to_be_asked(session: Session) -> bool:
    """Whether libraries have something to say that they have not been asked: a preview that still changes is asked by hand only."""
    if session.naming.doing or not subjects(session) or answered_now(session) is not None:
        return False
    what = shown(session)
    return what is None or what.run is not None or not training_here(session)


def _pins_of(asked: Question) -> set[Place]:
    return {subject.place for subject in asked.subjects if subject.kind == "pin"}


# --- what was answered


@dataclass(frozen=True)
class Verdict:
    """One sentence on what a subject is, and how sure: ``mark`` is a word of the checks."""

    sentence: str
    mark: Literal["pass", "doubtful", "fail", ""] = ""


def ranking_of(session: Session, subject: Subject) -> Ranking | None:
    """What the libraries hold beside a subject; None while that is not known."""
    answered = answered_now(session)
    if answered is None or not answered.rankings or subject not in answered.question.subjects:
        return None
    return answered.rankings[answered.question.subjects.index(subject)]


def verdict_on(session: Session, subject: Subject) -> Verdict | None:
    """What to say of a subject; None while that is not known."""
    answered, ranking = answered_now(session), ranking_of(session, subject)
    if answered is None or ranking is None:
        return None
    return verdict(answered.matches[answered.question.subjects.index(subject)], ranking.flat, answered.question.within)


def verdict(found: Match, flat: float, within: float) -> Verdict:
    """What to say of a match; ``flat`` is how far the subject is from a constant, in degrees."""
    if found.name is not None and found.best is not None:
        return Verdict(_named(found, found.best), "doubtful" if found.also else "pass")
    if found.best is None:
        return Verdict("Nothing to compare with: no chosen library has half of these bands.", "fail")
    nearest = f"the nearest is {found.best.name}, {angles(found.best)}."
    if found.reason == "flat":
        return Verdict(f"Too flat to tell: within {flat:.1f}° of a constant; {nearest}", "doubtful")
    return Verdict(f"Nothing matches within {within:g}°: {nearest}", "fail")


def _named(found: Match, best: Candidate) -> str:
    if found.also:
        others = " or ".join(found.also[:2]) + (" or others" if len(found.also) > 2 else "")
        return f"{best.name} ({best.score:.1f}°), or as well {others}: they fit about as closely."
    follows = "" if found.runner_up is None else f"; next is {found.runner_up.name} ({found.runner_up.score:.1f}°)"
    return f"{best.name} ({best.score:.1f}°){follows}."


def angles(one: Candidate) -> str:
    """The three angles of a candidate, in words."""
    whole, absorptions, slopes = one.spectral_angle, one.absorption_angle, one.derivative_angle
    return f"{whole:.1f}° by shape, {absorptions:.1f}° by absorption, {slopes:.0f}° by slope"


def listed(ranking: Ranking | None, words: str) -> tuple[Candidate, ...]:
    """The candidates whose name or library has all of these words in it, the nearest first, and no more than a table holds."""
    parts = words.casefold().split()
    candidates = () if ranking is None else ranking.candidates
    found = (one for one in candidates if all(part in f"{one.name} {one.library}".casefold() for part in parts))
    return tuple(one for one, _ in zip(found, range(MOST_ROWS), strict=False))


@dataclass(frozen=True)
class Proposal:
    """What one of all endmembers would be called: by ``candidate``, or why by none. ``wanted``: nobody has named it yet."""

    subject: Subject
    name: str
    candidate: Candidate | None
    reason: str
    wanted: bool


def proposals(session: Session) -> tuple[Proposal, ...]:
    """A name for each endmember at once, none for two; () while that is not known."""
    answered, what = answered_now(session), shown(session)
    if answered is None or what is None or not answered.rankings:
        return ()
    found = zip(endmember_subjects(session), what.names, answered.proposals, answered.matches, strict=False)
    return tuple(
        Proposal(
            subject,
            name,
            candidate,
            "" if candidate is not None else _why_none(match),
            candidate is not None and is_default_name(name),
        )
        for subject, name, candidate, match in found
    )


def _why_none(found: Match) -> str:
    if found.best is None:
        return "nothing to compare with"
    if found.name is not None:
        return f"nothing: {found.name} suits another better"
    if found.reason == "flat":
        return "too flat to tell"
    return f"nothing matches (nearest {found.best.name}, {found.best.score:.1f}°)"


def same_name(name: str, candidate: Candidate) -> bool:
    """Whether it is called so already, perhaps with a number behind it."""
    rest = name.removeprefix(candidate.name)
    return rest == "" or (name.startswith(candidate.name) and rest.strip().isdigit())


def missing_bands(answered: Answered, subject: Subject, candidate: Candidate) -> int:
    """How many bands of a subject a library's spectrum lacks."""
    found = pair(answered, subject, candidate, "scaled")
    return 0 if found is None else int((np.isfinite(found.mine) & ~np.isfinite(found.its)).sum())


# --- what is drawn


@dataclass(frozen=True, eq=False)
class Pair:
    """Two curves to be held against each other: (B,) axis, the subject, the candidate, NaN where there is a gap; ``scale`` of the candidate."""

    axis: FloatArray
    mine: FloatArray
    its: FloatArray
    scale: float = 1.0


def pair(answered: Answered, subject: Subject, candidate: Candidate, view: View) -> Pair | None:
    """A subject and a candidate in one of the views, the candidate at the subject's brightness; None where one is not there."""
    asked, library = answered.question, answered.libraries.get(candidate.library)
    if library is None or subject not in asked.subjects or not 0 <= candidate.row < len(library.names):
        return None
    mine = asked.spectra[asked.subjects.index(subject)]
    its = np.where(np.isfinite(mine), library.spectra[candidate.row], np.nan)
    common = np.isfinite(mine) & np.isfinite(its)
    power = float(its[common] @ its[common])
    if common.sum() < 3 or power <= 0:
        return None
    scale = float(its[common] @ mine[common]) / power
    both = np.array([mine, scale * its])
    if view != "scaled":
        both = _changed(np.where(common, both, np.nan), library.wavelengths, common, view)
    return Pair(asked.cube.axis, both[0], both[1], scale)


def _changed(both: FloatArray, wavelengths: FloatArray | None, common: FloatArray, view: View) -> FloatArray:
    bands = np.flatnonzero(common)
    axis = None if wavelengths is None else wavelengths[bands]
    kept = SpectralLibrary(both[:, bands], axis, ("mine", "its"))
    if view == "continuum removed":
        made = kept.continuum_removed().spectra
    else:
        numbers = np.arange(bands.size, dtype=float) if axis is None else axis
        made = kept.spectra @ derivative(numbers, reach_of(axis)).T
    changed = np.full(both.shape, np.nan)
    changed[:, bands] = made
    return changed
