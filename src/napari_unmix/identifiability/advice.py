"""What the advice of several modules shares: where it points, and whether a stroke can move an endmember at all."""

from __future__ import annotations

from napari_unmix.answer import Unmixing
from napari_unmix.geometry.found import VARIABILITY
from napari_unmix.geometry.recipes import SupportedPicks
from napari_unmix.geometry.strokes import LINEAR, MOSTLY

# How a remedy points to the places.
SEE = "see Where to paint"


def strokes_only_name(result: Unmixing) -> bool:
    """Whether mixing is linear to the noise, so that strokes name and do no more."""
    over = result.findings.search.get("chi_linear")
    return isinstance(over, float) and over <= LINEAR


def one_stroke_only_names(result: Unmixing, share: float) -> bool:
    """Whether a single stroke with so much of an endmember would name it and move nothing: up to some variability what it leads is no news."""
    over = result.findings.search.get("chi_linear")
    little = isinstance(over, float) and over <= VARIABILITY
    return little and share >= MOSTLY and not isinstance(result.findings.recipe, SupportedPicks)
