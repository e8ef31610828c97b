"""Maps that follow from a run and are made when they are asked for: which endmember is the most, how sure its shares are, what is left over. Pure."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from napari_unmix.answer import Unmixing
from napari_unmix.cube import BoolArray, FloatArray
from napari_unmix.progress import Preview

ViewKind = Literal["dominant", "spread", "residual", "illumination"]
Plane = NDArray[Any]
BLOCK_VALUES = 250_000  # of the source between two steps: some milliseconds
SURVEYED = 100_000  # pixels that the limits of colours are found from
SHOWN_PERCENTILE = 99.0


@dataclass(frozen=True)
class View:
    """A map that can be asked for. ``index`` is the endmember whose spread it is; None for the spread of all together."""

    kind: ViewKind
    index: int | None = None


DOMINANT = View("dominant")
TIPS: dict[ViewKind, str] = {
    "dominant": "In every pixel the endmember of the largest share, in its colour, as a layer of labels.",
    "spread": "How unsure the shares are: the posterior standard deviation, as a share of one; of all endmembers its root mean square.",
    "residual": "What the run does not explain: the root mean square over the bands of spectrum minus reconstruction, in the cube's units.",
    "illumination": "The brightness of every pixel, by which its mixture is scaled.",
}
_LACKS: dict[ViewKind, str] = {
    "dominant": "Train first.",
    "spread": "This method says nothing of the spread: choose one with a posterior, as iVAE.",
    "residual": "Only a finished run has it.",
    "illumination": "This run was made without illumination: tick it in step 3 and train again.",
}


def source_of(view: View, content: Preview | Unmixing) -> FloatArray | None:
    """The array of a run that a view is made of: the same array gives the same map. None where the run has none."""
    if view.kind == "dominant":
        return content.abundances
    if not isinstance(content, Unmixing):
        return None
    if view.kind == "spread":
        inside = view.index is None or view.index < content.abundances.shape[2]
        return content.abundance_std if inside else None
    return content.reconstruction_error if view.kind == "residual" else content.illumination


def why_not(view: View, content: Preview | Unmixing | None) -> str:
    """Why a view can't be had of what is shown, "" where it can."""
    if content is None:
        return _LACKS["dominant"]
    if source_of(view, content) is not None:
        return ""
    return _LACKS[view.kind] if isinstance(content, Unmixing) else "Only a finished run has it."


def title_of(view: View, names: Sequence[str]) -> str:
    """What a view is called, in the menu and in the list of layers."""
    if view.kind == "spread":
        return "spread" if view.index is None else f"spread of {names[view.index]}"
    return "dominant endmember" if view.kind == "dominant" else view.kind


def made(view: View, source: FloatArray) -> Generator[None, None, Plane]:
    """(H, W) the map of a view from its source, block by block of rows.

    Of the dominant endmember the numbers from 1, 0 where there are no data; of all else float32, NaN there.
    """
    if source.ndim == 2:
        yield
        return np.asarray(source, dtype=np.float32)
    height, width, count = source.shape
    plane: Plane = np.zeros((height, width), (np.uint8 if count < 255 else np.uint16) if _counts(view) else np.float32)
    rows = max(1, BLOCK_VALUES // (width * count))
    for top in range(0, height, rows):
        plane[top : top + rows] = _block(view, source[top : top + rows])
        yield
    return plane


def _counts(view: View) -> bool:
    return view.kind == "dominant"


def _block(view: View, values: FloatArray) -> Plane:
    """A block (h, W, P) of the source as the map shows it."""
    if _counts(view):
        known: BoolArray = np.asarray(np.isfinite(values).all(axis=2))
        return np.where(known, np.where(known[..., None], values, 0.0).argmax(axis=2) + 1, 0)
    if view.index is not None:
        return values[..., view.index]
    return np.asarray(np.sqrt(np.mean(np.square(values), axis=2)))


def limits_of(plane: Plane) -> tuple[float, float]:
    """From 0 to the 99th percentile of a map: single pixels do not dim all others."""
    flat = plane.ravel()[:: max(1, plane.size // SURVEYED)]
    known = flat[np.isfinite(flat)]
    top = float(np.percentile(known, SHOWN_PERCENTILE)) if known.size else 0.0
    return 0.0, top if top > 0 else 1.0
