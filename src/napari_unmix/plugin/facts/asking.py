"""What amounts are asked of now. Pure."""

from __future__ import annotations

from napari_unmix.answer import Unmixing
from napari_unmix.plugin.facts.areas import Areas, Asked
from napari_unmix.plugin.facts.session import Session, shown
from napari_unmix.rows.inversion import FreeLight, Inversion, inversion
from napari_unmix.spec import MethodSpec


def asked_now(session: Session) -> Asked | None:
    """The maps that are shown, the painting and the shapes as they are; None where nothing is shown."""
    what = shown(session)
    if what is None:
        return None
    spread = what.content.abundance_std if isinstance(what.content, Unmixing) else None
    composition = composition_of(session)
    return Asked(what.content.abundances, spread, session.annotation, session.outlines, composition)


def composition_of(session: Session) -> bool:
    """Whether what is shown has endmembers with largest value 1, as free illumination has them unless they keep their own brightness."""
    what = shown(session)
    if what is None:
        return False
    if isinstance(what.content, Unmixing):
        return what.content.inversion == FreeLight()
    return session.training is not None and inversion_of(session.training.spec) == FreeLight()


def inversion_of(spec: MethodSpec) -> Inversion:
    """How abundances will follow from spectra with these settings."""
    return inversion(free_light=spec.illumination, own_brightness=spec.own_brightness, maps=spec.maps)


def areas_now(session: Session) -> Areas | None:
    """The amounts that were measured last, where they are of what is shown and painted now."""
    asked, areas = asked_now(session), session.areas
    return areas if areas is not None and asked is not None and asked.same_as(areas.asked) else None
