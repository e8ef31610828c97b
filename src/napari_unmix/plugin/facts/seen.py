"""What is looked at on the canvas, as a picture with its legend. Pure; for a worker: a large image takes its time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.io.place.ground import ground_of
from napari_unmix.output.grades import signed
from napari_unmix.output.map_picture import Entry, Seen, added, labelled
from napari_unmix.plugin.facts.derived import View, limits_of, made, source_of, title_of
from napari_unmix.plugin.facts.runs import Shown
from napari_unmix.progress import Fit, Progress

COLORMAPS = {"spread": "magma", "residual": "inferno", "illumination": "gray"}
QUANTITIES = {"spread": "standard deviation", "residual": "root mean square", "illumination": "brightness"}


@dataclass(frozen=True, eq=False)
class Sight:
    """What is shown and the further map that covers it, or None."""

    shown: Shown
    view: View | None = None


def seen(sight: Sight) -> Fit[Seen]:
    """The picture of it."""
    what, view = sight.shown, sight.view
    source = None if view is None else source_of(view, what.content)
    yield Progress("drawing", 0, 1, 0.0)
    if view is None or source is None:
        return _maps(what)
    steps = made(view, source)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            plane = end.value
            break
        yield Progress("drawing", 0, 1, 0.0)
    title = title_of(view, what.names)
    if view.kind == "dominant":
        counts = np.bincount(plane.ravel(), minlength=len(what.names) + 1)[1:]
        facts = [f"{100 * count / max(1, counts.sum()):.0f} %" for count in counts]
        entries = tuple(map(Entry, what.colours, what.names, facts, map(signed, what.grades)))
        return _titled(what, f"{title}; per cent of the pixels", labelled(plane, what.colours), entries)
    return Seen(
        what.cube.name,
        _subtitle(what, title),
        plane,
        limits=limits_of(plane),
        colormap=COLORMAPS[view.kind],
        quantity=QUANTITIES[view.kind],
        metres=ground_of(what.cube.georeference).right or None,
    )


def _maps(what: Shown) -> Seen:
    """The maps that are not hidden, their colours added."""
    seen_now = [k for k in range(len(what.names)) if k not in what.hidden]
    shares = what.content.abundances
    grades = what.grades
    entries = tuple(Entry(what.colours[k], what.names[k], _mean(shares[..., k]), signed(grades[k])) for k in seen_now)
    colours = tuple(what.colours[k] for k in seen_now)
    made = _titled(what, "abundances; per cent: their mean", added(shares[..., seen_now], colours), entries)
    return made if what.run is None else replace(made, meaning=f"Shares are {what.run.unmixing.inversion.meaning}.")


def _titled(what: Shown, title: str, image: np.ndarray, entries: tuple[Entry, ...]) -> Seen:
    metres = ground_of(what.cube.georeference).right or None
    return Seen(what.cube.name, _subtitle(what, title), image, entries, metres=metres)


def _subtitle(what: Shown, title: str) -> str:
    run = "preview" if what.run is None else f"{what.run.title}, {what.run.made:%Y-%m-%d %H:%M}"
    return f"{title} · {run}"


def _mean(share: FloatArray) -> str:
    known = share[np.isfinite(share)]
    return f"{100 * float(known.mean(dtype=np.float64)):.0f} %" if known.size else ""
