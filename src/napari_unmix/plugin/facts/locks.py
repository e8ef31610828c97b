"""Which endmembers of the run shown the next training holds, and what it begins from. Pure."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import Annotation
from napari_unmix.given import Given
from napari_unmix.plugin.facts.edits import is_edited
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.plugin.facts.session import Session, current_run


def locked(session: Session) -> frozenset[int]:
    """The endmembers of the run shown that the next training holds."""
    run = current_run(session)
    return frozenset() if run is None else frozenset(run.look.locked)


def held_endmembers(session: Session) -> Given | None:
    """What a new training holds: the locked endmembers of the run shown; None where there are none."""
    run = current_run(session)
    if run is None or not run.look.locked:
        return None
    return all_endmembers(run).chosen(sorted(run.look.locked))


def all_endmembers(run: Run) -> Given:
    """All endmembers of a run, to train on from: the locked ones held."""
    look = run.look
    held = np.array([k in look.locked for k in range(len(look.names))])
    sources = tuple(
        look.locked.get(k, "") or (f"as in {run.title}" if k in look.locked else "") for k in range(len(held))
    )
    return Given(run.unmixing.endmembers, held, look.names, sources)


def trains_on(session: Session) -> bool:
    """Whether training on from the run shown is offered: it was edited, or endmembers are locked, or were."""
    return bool(locked(session)) or waits_for_training(session)


def waits_for_training(session: Session) -> bool:
    """Whether the run shown is not what training on would make of it: it was edited, or others are locked than it holds."""
    run = current_run(session)
    return run is not None and (is_edited(run.unmixing) or set(run.look.locked) != set(run.unmixing.findings.held))


def why_not_held(session: Session) -> str:
    """Why the locked endmembers can't be held by the settings as they are, as a sentence; "" where they can."""
    run = current_run(session)
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
    """Endmembers of free illumination are shapes: where abundances sum to one on the spectra, nobody knows how bright they are."""
    if run.unmixing.illumination is None or session.spec.illumination:
        return ""
    names = [run.look.names[k] for k in which]
    listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
    return (
        f"{listed} {'is' if len(names) == 1 else 'are'} known as {'a shape' if len(names) == 1 else 'shapes'} without brightness, from a run "
        "with free illumination: tick Illumination, or unlock and train anew."
    )


def names_of_regions(annotation: Annotation | None) -> dict[int, str]:
    """Label -> what a painted place is called, of those that have a mean spectrum: "region 2", or the name that the user gave."""
    if annotation is None:
        return {}
    ignored = set(annotation.of_kind("ignore"))
    painted = sorted(set(np.unique(annotation.labels).tolist()) - {0} - ignored)
    return {label: annotation.meaning(label).name or f"region {label}" for label in painted}
