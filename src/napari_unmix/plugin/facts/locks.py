"""Which endmembers of the run shown the next training holds, and what it begins from. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unmix.cube import Annotation
from napari_unmix.given import Given
from napari_unmix.library.known import FROM, MOST_KNOWN
from napari_unmix.library.stock import BUILT_IN
from napari_unmix.plugin.facts.asking import inversion_of
from napari_unmix.plugin.facts.edits import is_edited
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.known_spectra import Candidates, HeldSpectrum, given_of, why_other_units
from napari_unmix.plugin.facts.runs import Run, matched
from napari_unmix.plugin.facts.session import Session, current_run
from napari_unmix.rows.inversion import FreeLight


def locked(session: Session) -> frozenset[int]:
    """The endmembers of the run shown that the next training holds."""
    run = current_run(session)
    return frozenset() if run is None else frozenset(run.look.locked)


def held_endmembers(session: Session) -> Given | None:
    """What a new training holds: the known spectra, then the locked endmembers of the run shown of other names; None where there are none.

    To a method that chooses, what it chooses from: the library that was opened for it, None for the built-in one.
    """
    if type(session.spec).chooser:
        candidates = candidates_now(session)
        return None if candidates is None else candidates.given
    known, run = given_of(session.held), current_run(session)
    if run is None or not run.look.locked:
        return known
    taken = () if known is None else known.names
    others = [k for k in sorted(run.look.locked) if run.look.names[k] not in taken]
    if known is None or not others:
        return known if known is not None else all_endmembers(run).chosen(others)
    locked = all_endmembers(run).chosen(others)
    return Given(
        np.vstack([known.spectra, locked.spectra]),
        np.concatenate([known.held, locked.held]),
        known.names + locked.names,
        known.sources + locked.sources,
    )


def candidates_now(session: Session) -> Candidates | None:
    """What a method that chooses has to choose from on the current cube; None where nobody opened a library for it."""
    found = session.candidates
    return found if found is not None and same_image(found.cube, session.cube) else None


def library_said(session: Session) -> str:
    """What a training by a method that chooses does, and what it leaves aside, in sentences; "" with any other method."""
    if not type(session.spec).chooser:
        return ""
    candidates = candidates_now(session)
    said = f"The {BUILT_IN} is chosen from: open another library above." if candidates is None else candidates.said
    aside = session.held or locked(session)
    return f"{said} Known spectra and locked endmembers take no part." if aside else said


def all_endmembers(run: Run) -> Given:
    """All endmembers of a run, to train on from: the locked ones held, and those that are known spectra."""
    look, known = run.look, known_in(run)
    held = np.array([k in look.locked or k in known for k in range(len(look.names))])
    sources = tuple(
        look.locked.get(k, "") or known.get(k, "") or (f"as in {run.title}" if k in look.locked else "")
        for k in range(len(held))
    )
    return Given(run.unmixing.endmembers, held, look.names, sources)


def to_train_on(session: Session, run: Run) -> Given:
    """What training on from a run begins from: its endmembers, of which the locked ones are held and those of step 3, and no other known spectra.

    A known spectrum stands in the place of the endmember of its name; else of the nearest that is not locked, where that is the same material; else
    it is one more.
    """
    given = all_endmembers(run)
    spectra, names, sources = list(given.spectra), list(given.names), list(given.sources)
    held = [k in run.look.locked for k in range(len(names))]
    for k in known_in(run):
        sources[k] = sources[k] if held[k] else ""
    for place, one in _placed(session.held, run):
        if place is None:
            place = len(names)
            spectra, names, held, sources = [*spectra, one.values], [*names, ""], [*held, True], [*sources, ""]
        spectra[place], names[place], held[place], sources[place] = one.values, one.name, True, one.source
    return Given(np.array(spectra), np.array(held), tuple(names), tuple(sources))


def _placed(known: Sequence[HeldSpectrum], run: Run) -> list[tuple[int | None, HeldSpectrum]]:
    """Which endmember of a run each known spectrum takes the place of; None where it is one more."""
    names = run.look.names
    found = {one.name: names.index(one.name) for one in known if one.name in names}
    rest = [one for one in known if one.name not in found]
    free = [k for k in range(len(names)) if k not in run.look.locked and k not in found.values()]
    if rest and free:
        pairs = matched(run.unmixing.endmembers[free], np.array([one.values for one in rest]))
        found |= {rest[its].name: free[mine] for mine, its in pairs}
    return [(found.get(one.name), one) for one in known]


def known_in(run: Run) -> dict[int, str]:
    """Which endmembers of a run are known spectra of a library, and of which."""
    given = run.unmixing.findings.given
    return {
        k: one.source for k, one in enumerate(given) if one is not None and one.held and one.source.startswith(FROM)
    }


def trains_on(session: Session) -> bool:
    """Whether training on from the run shown is offered: it was edited, or endmembers are locked, or were."""
    return bool(locked(session)) or waits_for_training(session)


def waits_for_training(session: Session) -> bool:
    """Whether the run shown is not what training on would make of it: it was edited, or others are locked than it holds."""
    run = current_run(session)
    if run is None:
        return False
    known = known_in(run).keys()
    return is_edited(run.unmixing) or set(run.look.locked) - known != set(run.unmixing.findings.held) - known


def why_not_held(session: Session) -> str:
    """Why known spectra and locked endmembers can't be held by the settings as they are, as a sentence; "" where they can."""
    run = current_run(session)
    if type(session.spec).chooser:
        return _candidates_in_other_units(session)
    if trouble := why_other_units(session.held, session.spec):
        return trouble
    if run is None or not run.look.locked:
        return ""
    return _without_brightness(run, session, sorted(run.look.locked))


def _candidates_in_other_units(session: Session) -> str:
    candidates = candidates_now(session)
    if candidates is None or candidates.units is None or session.spec.illumination:
        return ""
    return candidates.units.said("open the library again, and try all with the scale", "tick Illumination")


def why_not_train_on(session: Session) -> str:
    """Why there is no training on from the run shown, as a sentence; "" where there is."""
    run = current_run(session)
    if run is None:
        return "There is no result to train on from: train first."
    if trouble := why_other_units(session.held, session.spec):
        return trouble
    further = sum(place is None for place, _ in _placed(session.held, run))
    if (count := len(run.look.names) + further) > MOST_KNOWN:
        return f"{len(run.look.names)} endmembers and {further} further known spectra are {count}, at most {MOST_KNOWN} can be trained: remove some."
    return _without_brightness(run, session, list(range(len(run.look.names))))


def _without_brightness(run: Run, session: Session, which: list[int]) -> str:
    """Endmembers with largest value 1 are shapes: where their own brightness counts, nobody knows how bright they are."""
    if run.unmixing.inversion != FreeLight() or inversion_of(session.spec) == FreeLight():
        return ""
    names = [run.look.names[k] for k in which]
    remedy = "choose the brightness “maximum”" if session.spec.illumination else "tick Illumination"
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"{listed} {'is' if len(names) == 1 else 'are'} known as {'a shape' if len(names) == 1 else 'shapes'} without brightness, from a run "
        f"with free illumination: {remedy}, or unlock and train anew."
    )


def names_of_regions(annotation: Annotation | None) -> dict[int, str]:
    """Label -> what a painted place is called, of those that have a mean spectrum: "region 2", or the name that the user gave."""
    if annotation is None:
        return {}
    ignored = set(annotation.of_kind("ignore"))
    painted = sorted(set(np.unique(annotation.labels).tolist()) - {0} - ignored)
    return {label: annotation.meaning(label).name or f"region {label}" for label in painted}
