"""Which colour stands for which endmember and which painted label: one palette everywhere. Pure."""

from __future__ import annotations

from functools import cache

import numpy as np

from napari_unmix.output.palette import annotation_colours, endmember_colours
from napari_unmix.plugin.facts.session import Session, shown

MOST_LABELS = 64
PINS = ("#b388ff", "#8bc34a", "#c69268", "#2bd0c0", "#ffa3a3")  # no endmember has these; a black number reads on each
FIRST_FURTHER_PIN = 20  # of the endmembers' colours: few scenes reach so far


def pin_colours(count: int) -> list[str]:
    """The colours of pins and their curves, as hex strings."""
    return [*PINS, *endmember_colours(FIRST_FURTHER_PIN + max(0, count - len(PINS)))[FIRST_FURTHER_PIN:]][:count]


@cache
def _muted() -> tuple[tuple[int, str], ...]:
    """Label, colour: asked for at every stroke."""
    return tuple(enumerate(annotation_colours(MOST_LABELS), start=1))


def annotation_row_colours(session: Session) -> dict[int, str]:
    """Label -> colour. Regions have muted colours; a stroke of one material has the colour of its endmember."""
    colours = dict(_muted())
    annotation = session.annotation
    if annotation is None:
        return colours
    painted = annotation.of_kind("material")
    order = list(dict.fromkeys(annotation.meaning(label).name or f"material {label}" for label in painted))
    what = shown(session)
    known = {} if what is None else dict(zip(what.names, what.colours, strict=True))
    free = [colour for colour in endmember_colours(len(order) + len(known)) if colour not in known.values()]
    new = dict(zip([name for name in order if name not in known], free, strict=False))
    for label in painted:
        colours[label] = {**new, **known}[annotation.meaning(label).name or f"material {label}"]
    for label in annotation.of_kind("ignore"):
        colours[label] = "#6e6e6e"
    return colours


def painted_labels(session: Session) -> dict[int, int]:
    """Painted label -> its number of pixels, ascending."""
    if session.annotation is None:
        return {}
    counts = np.bincount(session.annotation.labels.ravel())
    return {int(label): int(counts[label]) for label in np.flatnonzero(counts) if label > 0}
