"""How far each endmember's spectrum may be off, where the run knows. Pure."""

from __future__ import annotations

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.progress import Preview


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
