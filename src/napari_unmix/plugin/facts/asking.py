"""What amounts are asked of now. Pure."""

from __future__ import annotations

from napari_unmix.answer import Unmixing
from napari_unmix.plugin.facts.areas import Areas, Asked
from napari_unmix.plugin.facts.session import Session, shown


def asked_now(session: Session) -> Asked | None:
    """The maps that are shown, the painting and the shapes as they are; None where nothing is shown."""
    what = shown(session)
    if what is None:
        return None
    spread = what.content.abundance_std if isinstance(what.content, Unmixing) else None
    return Asked(what.content.abundances, spread, session.annotation, session.outlines)


def areas_now(session: Session) -> Areas | None:
    """The amounts that were measured last, where they are of what is shown and painted now."""
    asked, areas = asked_now(session), session.areas
    return areas if areas is not None and asked is not None and asked.same_as(areas.asked) else None
