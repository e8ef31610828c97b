"""The order of endmembers is a convention: find the one that matches a reference."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.rows.metrics import angle_table


def match_endmembers(estimated: FloatArray, reference: FloatArray) -> IntArray:
    """Order of the estimated endmembers (P, B) that matches the reference (Q, B): ``estimated[order]`` beside ``reference``.

    Hungarian assignment on the spectral angle (Kuhn 1955). Where P < Q, the references without a partner have −1.
    """
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(angle_table(estimated, reference))
    order = np.full(len(reference), -1)
    order[columns] = rows
    return order
