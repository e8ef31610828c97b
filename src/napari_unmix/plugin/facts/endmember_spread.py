"""How far each endmember's spectrum may be off, where the run knows. Pure."""

from __future__ import annotations

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.output.bands import Means, standard_errors
from napari_unmix.output.grades import spreads_of
from napari_unmix.plugin.facts.runs import Shown
from napari_unmix.progress import Preview


def shown_spread(what: Shown) -> tuple[FloatArray | None, Means]:
    """(P, B) the band around each endmember, and what it is: one kind for all of a run, what was measured before what the method states.

    None where the run knows neither; NaN for an endmember of which it is not known.
    """
    moved = None if what.run is None else spreads_of(what.grades, what.run.cube.good_bands)
    if moved is not None and moved.shape == what.content.endmembers.shape:
        return moved, "left out"
    return endmember_spread(what.content), "standard error"


def endmember_spread(content: Preview | Unmixing) -> FloatArray | None:
    """(P, B) standard error of the endmembers, or None where the method states none, and while it trains."""
    return standard_errors(content) if isinstance(content, Unmixing) else None
