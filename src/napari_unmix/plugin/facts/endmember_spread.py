"""How far each endmember's spectrum may be off, where the run knows. Pure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.output.grades import spreads_of
from napari_unmix.plugin.facts.runs import Shown
from napari_unmix.progress import Preview

# What the band around a curve is: how far it moves where parts of the scene are left out, or the method's standard error of it.
Means = Literal["left out", "standard error"]
BANDS: dict[Means, str] = {
    "left out": "The band around an endmember is how far its curve moves where parts of the scene are left out (root mean square).",
    "standard error": "The band around an endmember is its standard error by noise, as the method states it.",
}


def shown_spread(what: Shown) -> tuple[FloatArray | None, Means]:
    """(P, B) the band around each endmember, and what it is: one kind for all of a run, what was measured before what the method states.

    None where the run knows neither; NaN for an endmember of which it is not known.
    """
    moved = None if what.run is None else spreads_of(what.grades, what.run.cube.good_bands)
    if moved is not None and moved.shape == what.content.endmembers.shape:
        return moved, "left out"
    return endmember_spread(what.content), "standard error"


def endmember_spread(content: Preview | Unmixing) -> FloatArray | None:
    """(P, B) standard error of the endmembers, or None where the method states none.

    ``Findings.endmember_error`` β holds them as shares of the simplex, δm_k = β_k Σ_j ξ_j (m_j − m̄) with ξ standard normal: of band b it is
    β_k √Σ_j (m_j(b) − m̄(b))².
    """
    if not isinstance(content, Unmixing) or content.findings.endmember_error is None:
        return None
    error = np.asarray(content.findings.endmember_error, dtype=np.float64)
    if error.shape != content.endmembers.shape[:1]:
        return None
    reach = np.sqrt(((content.endmembers - content.endmembers.mean(axis=0)) ** 2).sum(axis=0))
    return error[:, None] * reach
