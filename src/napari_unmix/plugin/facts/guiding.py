"""What the window leads to: the one button that comes next, which steps have done their part, what a folded step says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.plugin.facts.colours import painted_labels
from napari_unmix.plugin.facts.locks import waits_for_training
from napari_unmix.plugin.facts.session import (
    Session,
    Stage,
    Step,
    current_report,
    current_run,
    endmember_count,
    out_of_date,
    training_here,
)

NextStep = Literal["open", "train", "train on", "take up", "export", ""]
MADE_FROM: tuple[Step, ...] = ("side information", "method", "train")  # what a run is made from and by


def next_step(session: Session) -> NextStep:
    """The button that a person most likely wants next, the only emphasised one; "" while something is under way, and where all is done."""
    if session.cube is None:
        return "open"
    if session.state != "idle":
        return ""
    run = current_run(session)
    if run is None or out_of_date(session):
        return "train" if session.unfinished is None else "take up"
    if waits_for_training(session):
        return "train on"
    return "export" if current_report(session) is not None and session.exported is None else ""


def done_with(session: Session) -> tuple[Step, ...]:
    """The steps that fold by themselves: those that a run was made from, while it is up to date and nothing asks for them.

    Where a training was just cancelled, the step that says so stays.
    """
    if current_run(session) is None or training_here(session) or out_of_date(session):
        return ()
    cancelled = session.progress is not None and session.progress.stage is Stage.CANCELLED
    asked = {"train"} if cancelled or waits_for_training(session) else set()
    if session.trouble is not None:
        asked.add(session.trouble.step)
    return tuple(step for step in MADE_FROM if step not in asked)


def folded_text(session: Session, step: Step) -> str:
    """What a step says of itself while it is folded, in two or three words."""
    cube = session.cube
    if cube is None:
        return ""
    if step == "cube":
        return cube.name
    if step == "side information":
        return str(painted(session, painted_labels(session))) or "nothing painted"
    if step == "method":
        count = endmember_count(session)
        title = type(session.spec).title
        return title if count is None else f"{title}, {_counted(count, 'endmember')}"
    run = current_run(session)
    if step == "train":
        return "" if run is None else f"done in {run.unmixing.seconds:.0f} s"
    report = current_report(session)
    return "" if report is None else report.verdict


@dataclass(frozen=True)
class Painted:
    """How much is painted: ``regions`` and those of enough pixels, materials by their names; ``begun`` where there is something to paint on."""

    regions: int = 0
    usable: int = 0
    materials: int = 0
    begun: bool = False

    def __str__(self) -> str:
        """ "6 regions, 1 material", "" for nothing."""
        return ", ".join(
            _counted(count, word) for count, word in ((self.regions, "region"), (self.materials, "material")) if count
        )


def painted(session: Session, counts: Mapping[int, int]) -> Painted:
    """How much of what is painted, from the pixels of each label."""
    annotation = session.annotation
    if annotation is None:
        return Painted()
    meanings = {label: annotation.meaning(label) for label in counts}
    regions = [label for label, meaning in meanings.items() if meaning.kind == "region"]
    names = {meaning.name or label for label, meaning in meanings.items() if meaning.kind == "material"}
    usable = sum(counts[label] >= FEWEST_PIXELS_OF_A_REGION for label in regions)
    return Painted(len(regions), usable, len(names), begun=True)


def gauge(painted: Painted, count: int | None, wanted: int | None) -> tuple[int, int]:
    """(done, asked) of what the painting was begun for: materials where there are only such, else regions; asked 0 where nothing is.

    ``count`` is the number of endmembers, ``wanted`` of the recommended regions; None while unknown.
    """
    if painted.regions:
        done, asked = painted.regions, wanted
    else:
        done, asked = painted.materials, count if painted.materials else None
    return min(done, asked or 0), asked or 0


def painting_advice(painted: Painted, count: int | None, wanted: int | None) -> str:
    """One line on what is painted, and what would help; ``count`` and ``wanted`` as in ``gauge``."""
    if not painted.regions and not painted.materials:
        if painted.begun:
            return "Paint on the image: drag with the left button."
        return "Optional: paint where mixtures differ, or where a material is pure."
    if not painted.regions:
        of = "" if count is None else f" of {count}"
        return f"{painted.materials}{of} material{'' if painted.materials == 1 and not of else 's'} named by strokes."
    also = f" and {_counted(painted.materials, 'material')}" if painted.materials else ""
    if wanted is None:
        return f"{_counted(painted.regions, 'region')}{also} painted."
    if painted.regions >= wanted:
        return f"{_counted(painted.regions, 'region')}{also}; {wanted} recommended."
    return f"{painted.regions} of {wanted} regions{also}: {wanted - painted.regions} more recommended."


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
