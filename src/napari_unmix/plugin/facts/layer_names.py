"""What layers are called where several cubes are open: the cube's name first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.naming import distinct

SEPARATOR = " · "
LONGEST = 18  # letters of a cube's name: napari's list shows some thirty of a layer's


def prefix_of(cube: Cube, cubes: Sequence[Cube]) -> str:
    """What stands before the names of a cube's layers: nothing where it is the only one that is open."""
    if len(cubes) < 2:
        return ""
    taken: list[str] = []
    for known in cubes:
        taken.append(distinct(shortened(known.name), taken))
        if same_image(known, cube):
            return taken[-1] + SEPARATOR
    return ""


def shortened(name: str) -> str:
    """A long name without its middle: products differ at both ends."""
    if len(name) <= LONGEST:
        return name
    head = (LONGEST - 1) // 2
    return f"{name[:head]}…{name[-(LONGEST - 1 - head) :]}"
