"""Where to paint next, while it is of what is shown. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from weakref import ref

from napari_unmix.answer import Unmixing
from napari_unmix.identifiability.painting import Place
from napari_unmix.plugin.facts.session import Session, current_run


@dataclass(frozen=True, eq=False)
class Suggested:
    """Places to paint, the best first, for an answer with these names (it holds no maps); ``said`` is why there are none, "" where there are."""

    answer: ref[Unmixing]
    names: tuple[str, ...]
    places: tuple[Place, ...]
    said: str = ""


def suggested_now(session: Session) -> Suggested | None:
    """The places, while the answer that they are for is the one that is shown."""
    suggested, run = session.places, current_run(session)
    return suggested if suggested is not None and run is not None and run.unmixing is suggested.answer() else None


def why_no_places(session: Session) -> str:
    """Why nobody can say where to paint, "" where it can be said."""
    run = current_run(session)
    if run is None:
        return "Train first."
    return "" if run.report is not None else "Check the result first: what is steady needs no paint."


def name_to_paint(suggested: Suggested, number: int, label: int) -> str:
    """What a stroke at this place is called, until the user says better; "" for a region."""
    place = suggested.places[number]
    if place.kind == "region":
        return ""
    return f"material {label}" if place.endmember is None else suggested.names[place.endmember]
