"""What the advice of several modules shares: where it points, and whether a stroke can move an endmember at all."""

from __future__ import annotations

from napari_unmix.answer import Unmixing
from napari_unmix.geometry.strokes import LINEAR

# How a remedy points to the places.
SEE = "see Where to paint"


def strokes_only_name(result: Unmixing) -> bool:
    """Whether mixing is linear to the noise, so that strokes name and do no more."""
    over = result.findings.search.get("chi_linear")
    return isinstance(over, float) and over <= LINEAR
