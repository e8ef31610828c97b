"""Which endmembers of the run shown the next training holds, and what it begins from. Pure."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Annotation
from napari_unmix.given import Given
from napari_unmix.library.known import FROM
from napari_unmix.plugin.facts.asking import inversion_of
from napari_unmix.plugin.facts.edits import is_edited
from napari_unmix.plugin.facts.known_spectra import given_of, why_other_units
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, current_run
from napari_unmix.rows.inversion import FreeLight


def locked(session: Session) -> frozenset[int]:
    """The endmembers of the run shown that the next training holds."""
    run = current_run(session)
    return frozenset() if run is None else frozenset(run.look.locked)


def held_endmembers(session: Session) -> Given | None:
    """What a new training holds: the known spectra, then the locked endmembers of the run shown of other names; None where there are none."""
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


def all_endmembers(run: Run) -> Given:
    """All endmembers of a run, to train on from: the locked ones held, and those that are known spectra."""
    look, known = run.look, known_in(run)
    held = np.array([k in look.locked or k in known for k in range(len(look.names))])
    sources = tuple(
        look.locked.get(k, "") or known.get(k, "") or (f"as in {run.title}" if k in look.locked else "")
        for k in range(len(held))
    )
    return Given(run.unmixing.endmembers, held, look.names, sources)


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
    if trouble := why_other_units(session.held, session.spec):
        return trouble
    if run is None or not run.look.locked:
        return ""
    return _without_brightness(run, session, sorted(run.look.locked))


def why_not_train_on(session: Session) -> str:
    """Why there is no training on from the run shown, as a sentence; "" where there is."""
    run = current_run(session)
    if run is None:
        return "There is no result to train on from: train first."
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
