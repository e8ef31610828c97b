"""``model.safetensors``: the fitted parameters, and what the fit adds to linear mixing."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.files.opened import open_regular, read_regular
from napari_unmix.io.budget import check_budget

SAVED_SCORES, SAVED_BASIS = "contribution.scores", "contribution.basis"


def write_parameters(path: Path, result: Unmixing) -> None:
    """Write them. Raises OSError."""
    from safetensors.numpy import save

    saved = dict(result.model)
    if result.contribution is not None:
        saved |= {SAVED_SCORES: result.contribution.scores, SAVED_BASIS: result.contribution.basis}
    content = save({name: np.ascontiguousarray(values) for name, values in saved.items()})
    with path.open("xb") as stream:
        stream.write(content)


def read_parameters(path: Path, pixels: tuple[int, ...], bands: int) -> dict[str, FloatArray]:
    """Name -> array, of a run of (H, W) pixels and B bands. Raises ValueError, UnmixError, OSError, and what safetensors raises."""
    from safetensors.numpy import load

    with open_regular(path, follow=False) as stream:
        size = stream.seek(0, 2)
    check_budget(size, 1, path.name)
    found = dict(load(read_regular(path, size, follow=False)))
    for name, values in found.items():
        if values.dtype.kind not in "fiub":
            raise ValueError(f"{path.name} holds {values.dtype.name} and no numbers")
        if np.isposinf(values).any():  # the logarithm of zero is the other infinity
            raise ValueError(f"{path.name} has infinite numbers in {name!r}")
    _check_contribution(found.get(SAVED_SCORES), found.get(SAVED_BASIS), pixels, bands)
    return found


def _check_contribution(
    scores: FloatArray | None, basis: FloatArray | None, pixels: tuple[int, ...], bands: int
) -> None:
    """Scores (H, W, K) and basis (K, B): both, of one K, or neither."""
    if scores is None and basis is None:
        return
    if scores is None or basis is None:
        raise ValueError("model.safetensors has half of what mixing adds to the linear")
    if scores.ndim != 3 or scores.shape[:2] != pixels or basis.shape != (scores.shape[2], bands):
        raise ValueError(
            f"what mixing adds has the shapes {scores.shape} and {basis.shape}, which do not fit {pixels} pixels and {bands} bands"
        )
