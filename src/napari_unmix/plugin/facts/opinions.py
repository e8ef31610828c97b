"""What other rules say of the number of endmembers, while it is of the current cube. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_unmix.cube import Cube

if TYPE_CHECKING:
    from napari_unmix.geometry.dimensions import SecondOpinions


@dataclass(frozen=True, eq=False)
class Opinions:
    """Second opinions on the number of endmembers of a cube."""

    cube: Cube
    found: SecondOpinions


def opinions_said(opinions: Opinions | None, cube: Cube | None) -> str:
    """The sentence below the number; "" where nobody asked for this cube."""
    if opinions is None or opinions.cube is not cube:
        return ""
    return f"Directions over noise: {opinions.found}. Where spectra vary these are more than materials."
