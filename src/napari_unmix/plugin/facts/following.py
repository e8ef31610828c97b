"""Whether maps follow the painting, what they lack beside a run, and what is said of them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from napari_unmix.cube import Annotation, Cube
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.plugin.facts.locks import held_endmembers
from napari_unmix.plugin.facts.progress import stage_words
from napari_unmix.plugin.facts.session import Session, current_run, endmember_count, out_of_date, running, shown
from napari_unmix.spec import MethodSpec

LIVE_TIP = (
    "The maps follow your strokes: first ones as soon as a stroke ends, final ones soon after, by what Train would find. "
    "They have no error bars and no grades, and are not kept: press Train for the whole answer. "
    "Where spectra vary, how they do is as learned without paint."
)


@dataclass(frozen=True, eq=False)
class Followed:
    """What maps are to follow: a painting of a cube, with these settings. Two are the same where all of it is one and the same."""

    cube: Cube
    spec: IvaeSpec
    annotation: Annotation | None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Followed):
            return NotImplemented
        return self.cube is other.cube and self.spec == other.spec and self.annotation is other.annotation

    def __hash__(self) -> int:
        return hash((id(self.cube), id(self.annotation)))


def why_not_live(session: Session) -> str:
    """Why maps can't follow the painting, as a sentence; "" where they can."""
    spec = session.spec
    if session.cube is None:
        return "Open a cube first."
    if not isinstance(spec, IvaeSpec):
        return f"{type(spec).title} has no maps that follow the painting: choose iVAE."
    if held_endmembers(session) is not None:
        return "Known and locked spectra are held by Train alone: remove or unlock them to have maps that follow the painting."
    if endmember_count(session) == 1:
        return "One endmember has one map, which no painting changes: ask for two or more."
    return ""


def could_follow(session: Session) -> Followed | None:
    """What maps could follow, which is prepared as soon as ``live`` is on; None where they can't, and while a training has the processors."""
    cube, spec = session.cube, session.spec
    if not session.live or cube is None or not isinstance(spec, IvaeSpec) or running(session) or why_not_live(session):
        return None
    painted = session.annotation is not None and session.annotation.labels.any()
    return Followed(cube, spec, session.annotation if painted else None)


def followed_now(session: Session) -> Followed | None:
    """What maps are to follow; None while they follow nothing, and where the run that is shown is of this very painting."""
    current = current_run(session) is not None and not out_of_date(session)
    return None if current else could_follow(session)


def live_shown(session: Session) -> bool:
    """Whether the maps that are shown follow the painting: no run, no grades and no verdict are theirs."""
    what, training = shown(session), session.training
    return what is not None and what.run is None and training is not None and training.live


def lacking(spec: MethodSpec) -> str:
    """What a run with these settings has and maps that follow the painting have not, in words."""
    missing = []
    if isinstance(spec, IvaeSpec) and spec.mixing != "linear":
        missing.append(f"{spec.mixing} mixing")
    if isinstance(spec, IvaeSpec) and spec.variability == "latent":
        missing.append("latent variability")
    missing += ["error bars", "grades"]
    return f"{', '.join(missing[:-1])} or {missing[-1]}"


def live_text(session: Session) -> str:
    """What is said while maps follow the painting, one line; "" while they do not."""
    if not session.live:
        return ""
    if why_not := why_not_live(session):
        return f"Live waits. {why_not}"
    if running(session):
        return "Live waits for the training."
    at = session.following
    if at is not None and at.stage != FOLLOWING:
        share = f", {100 * at.fraction:.0f} %" if at.fraction > 0 else ""
        return f"Live prepares, once for these settings: {stage_words(at.stage)}{share}"
    if live_shown(session):
        more = "; final maps come" if at is not None else ""
        return f"Live: without {lacking(session.spec)}{more}. Train for the whole answer."
    return "Live: the run is of this painting; paint, and the maps follow."


FOLLOWING = "following the painting"  # the stage of ``live``
