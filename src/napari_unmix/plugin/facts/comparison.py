"""Two runs side by side: which they are, in which colours, what is to be measured and drawn, what cannot be compared. Derived, pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.output.palette import endmember_colours
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.likeness import FEWEST_BANDS, DifferenceMap, Measured, Pair, common_bands
from napari_unmix.plugin.facts.resting import same_answer
from napari_unmix.plugin.facts.runs import Look, Run
from napari_unmix.plugin.facts.session import Session, current_run, runs_of, shown

LONGEST_NAME = 20  # letters, of a run or a material on the canvas


@dataclass(frozen=True, eq=False)
class BesideCurves:
    """The endmembers (P, B) of the run beside, one colour and one name each; ``scaled`` where they were brought to their partners' brightness."""

    endmembers: FloatArray
    colours: tuple[str, ...]
    names: tuple[str, ...]
    title: str
    scaled: bool = False


@dataclass(frozen=True, eq=False)
class AskedRun:
    """A run that is to be measured, the same one whether it rests or not."""

    run: Run

    def __eq__(self, other: object) -> bool:
        same = isinstance(other, AskedRun) and self.run.number == other.run.number
        return same and isinstance(other, AskedRun) and same_answer(self.run.unmixing, other.run.unmixing)

    def __hash__(self) -> int:
        return hash(self.run.number)


def compared(session: Session) -> tuple[Run, Run] | None:
    """The run of the current cube that is shown, and the one beside it; None where there is nothing to compare."""
    run, beside = current_run(session), session.beside
    if run is None or beside is None or beside.number == run.number or not same_image(beside.home, session.cube):
        return None
    return run, beside


def comparable(session: Session) -> tuple[Run, ...]:
    """The other runs of the cube."""
    run = current_run(session)
    return () if run is None else tuple(k for k in runs_of(session, session.cube) if k.number != run.number)


def measured_of(session: Session, run: Run | None) -> Measured | None:
    """What was measured of a run beside the one that is shown; None while it is not known."""
    now = current_run(session)
    if run is None or now is None:
        return None
    return next(
        (m for m in session.measured if same_answer(m.result, run.unmixing) and same_answer(m.against, now.unmixing)),
        None,
    )


def pairs_of(session: Session) -> tuple[Pair, ...]:
    """The endmembers that the two runs have both."""
    both = compared(session)
    measured = None if both is None else measured_of(session, both[1])
    return () if measured is None else measured.pairs


def wanted_measures(session: Session) -> tuple[Any, ...] | None:
    """(the run shown, the runs to be held against it, the reference), to be compared by identity; None where nothing is asked."""
    run, both = current_run(session), compared(session)
    if run is None or (both is None and session.reference is None and not session.comparing.table):
        return None
    runs = runs_of(session, session.cube) if session.comparing.table else both or (run,)
    return run.unmixing, tuple(map(AskedRun, runs)), session.reference


def wanted_overlay(session: Session) -> tuple[Any, ...] | None:
    """What the canvas is to show of the two runs, to be compared by identity; None for the maps alone."""
    both, look, comparing = compared(session), beside_look(session), session.comparing
    if both is None or look is None or comparing.view == "one" or maps_obstacle(session):
        return None
    run, beside = both
    if comparing.view == "difference":
        pair = next((pair for pair in pairs_of(session) if pair.mine == comparing.material), None)
        return None if pair is None else ("difference", run.unmixing, beside.unmixing, pair.mine, pair.its)
    mine = (run.look.colours, run.look.hidden)
    return ("pictures", run.unmixing, beside.unmixing, mine, (look.colours, look.hidden))


def beside_look(session: Session) -> Look | None:
    """How the run beside looks: its own names, its partners' colours and eyes; None before the pairs are known.

    An endmember without a partner keeps its colour where no other has it, else it takes one that is free.
    """
    both = compared(session)
    if both is None or measured_of(session, both[1]) is None:
        return None
    mine, its = both[0].look, both[1].look
    partner = {pair.its: pair.mine for pair in pairs_of(session)}
    taken = set(mine.colours)
    free = (c for c in endmember_colours(len(mine.colours) + 2 * len(its.colours)) if c not in (*taken, *its.colours))
    colours = [
        mine.colours[partner[k]] if k in partner else colour if colour not in taken else next(free)
        for k, colour in enumerate(its.colours)
    ]
    hidden = frozenset(
        k for k in range(len(colours)) if (partner[k] in mine.hidden if k in partner else k in its.hidden)
    )
    return Look(its.endmembers, its.names, tuple(colours), hidden)


def beside_curves(session: Session) -> BesideCurves | None:
    """The curves of the run beside, for the plot; None where there are none, or the run was read on other bands.

    Under free illumination endmembers may have a shape alone: where one run's brightness means another thing, each is scaled to its partner.
    """
    both, look, what = compared(session), beside_look(session), shown(session)
    if both is None or look is None or what is None or what.run is None or session.cube is None:
        return None
    run, beside = both
    spectra = np.array(beside.unmixing.endmembers, dtype=np.float64)
    if spectra.shape[1] != session.cube.shape[2]:
        return None
    spectra[:, ~session.cube.good_bands] = np.nan
    scaled = run.unmixing.inversion != beside.unmixing.inversion
    if scaled:
        for pair in pairs_of(session):
            spectra[pair.its] *= _brightness(spectra[pair.its], run.unmixing.endmembers[pair.mine])
    return BesideCurves(spectra, look.colours, look.names, beside.title, scaled)


def _brightness(spectrum: FloatArray, partner: FloatArray) -> float:
    """The least-squares scale of one spectrum onto another."""
    good = np.isfinite(spectrum) & np.isfinite(partner)
    power = float(spectrum[good] @ spectrum[good])
    return float(spectrum[good] @ partner[good]) / power if power > 0 else 1.0


# --- what cannot be compared, a sentence each


def maps_obstacle(session: Session) -> str:
    """Why the maps of the two runs cannot be laid over each other, "" where they can."""
    both, what = compared(session), shown(session)
    if both is None:
        return ""
    run, beside = both
    (height, width), (rows, columns) = run.cube.shape[:2], beside.cube.shape[:2]
    if (height, width) != (rows, columns):
        return (
            f"{run.title} has {height}×{width} pixels, {beside.title} {rows}×{columns}: their maps cannot be compared."
            " Read the file in one way, and train again."
        )
    if what is not None and what.run is None:
        return "A run is under way: its preview is on the canvas. The maps are compared when it has ended."
    if what is None:
        return f"{run.title} is of the file as it was read before: train again to see its maps."
    return ""


def remarks(session: Session) -> tuple[str, ...]:
    """What the comparison of the two runs leaves out, or holds with a doubt."""
    both = compared(session)
    measured = None if both is None else measured_of(session, both[1])
    if both is None or measured is None:
        return ()
    run, beside = both
    obstacle = maps_obstacle(session)
    return tuple(
        sentence
        for sentence in (obstacle, _of_bands(run, beside), _of_partners(run, beside, measured), *measured.notes)
        if sentence
    )


def _of_bands(run: Run, beside: Run) -> str:
    first, second = run.unmixing.endmembers, beside.unmixing.endmembers
    if first.shape[1] != second.shape[1]:
        return (
            f"{run.title} was made from {first.shape[1]} bands, {beside.title} from {second.shape[1]}:"
            " spectra and residuals cannot be compared; materials are matched by their maps."
        )
    used = [int(np.isfinite(endmembers).all(axis=0).sum()) for endmembers in (first, second)]
    common = common_bands(first, second)
    if used == [common, common]:
        return ""
    if common < FEWEST_BANDS:
        return (
            f"The two runs have {common} bands in common: angles cannot be told; materials are matched by their maps."
        )
    return (
        f"{run.title} used {used[0]} bands, {beside.title} {used[1]}: angles are of the {common} that both used,"
        " and the residuals are of different bands."
    )


def _of_partners(run: Run, beside: Run, measured: Measured) -> str:
    """Who is alone."""
    mine = {pair.mine for pair in measured.pairs}
    its = {pair.its for pair in measured.pairs}
    alone = [name for k, name in enumerate(run.look.names) if k not in mine]
    others = [name for k, name in enumerate(beside.look.names) if k not in its]
    if not measured.pairs:
        return "No endmember of one run is like one of the other: there are no maps to compare."
    parts = [f"{', '.join(names)} of {title}" for names, title in ((alone, run.title), (others, beside.title)) if names]
    return f"Without a partner: {'; '.join(parts)}." if parts else ""


# --- in words


def overlay_title(session: Session) -> str:
    """What the canvas shows of the two runs, "" for the maps alone: as the name of a layer, which says which of them is seen."""
    both, comparing, overlay = compared(session), session.comparing, session.overlay
    if both is None or overlay is None:
        return ""
    here, beside = (_short(run.title) for run in both)
    if isinstance(overlay, DifferenceMap):
        names = both[0].look.names
        name = names[overlay.material] if overlay.material < len(names) else ""
        return f"{_short(name)}: {here} − {beside} (%)"
    if comparing.view == "flicker":
        return f"seen: {beside if comparing.other else here}"
    return f"{here} | {beside}"


def _short(title: str) -> str:
    """A name as it fits on the canvas."""
    return title if len(title) <= LONGEST_NAME else f"{title[: LONGEST_NAME - 1].rstrip()}…"
