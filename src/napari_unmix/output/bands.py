"""The band around an endmember's curve: how far it may be off, where the run knows, and in words what the band is. Pure."""

from __future__ import annotations

from typing import Literal

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray

# How far a curve moves where parts of the scene are left out, or the method's standard error of it.
Means = Literal["left out", "standard error"]
BANDS: dict[Means, str] = {
    "left out": "The band around a curve is how far it moves where parts of the scene are left out.",
    "standard error": "The band around a curve is its standard error by noise, as the method states it.",
}


def standard_errors(result: Unmixing) -> FloatArray | None:
    """(P, B) standard error of the endmembers, or None where the method states none.

    ``Findings.endmember_error`` β holds them as shares of the simplex, δm_k = β_k Σ_j ξ_j (m_j − m̄) with ξ standard normal: of band b it is
    β_k √Σ_j (m_j(b) − m̄(b))².
    """
    if result.findings.endmember_error is None:
        return None
    error = np.asarray(result.findings.endmember_error, dtype=np.float64)
    if error.shape != result.endmembers.shape[:1]:
        return None
    reach = np.sqrt(((result.endmembers - result.endmembers.mean(axis=0)) ** 2).sum(axis=0))
    return np.asarray(error[:, None] * reach)
