"""Which cubes are one image. Pure."""

from __future__ import annotations

from napari_unmix.cube import Cube


def same_image(one: Cube | None, other: Cube | None) -> bool:
    """Whether two cubes are one image, perhaps with other bands excluded."""
    return one is other or (one is not None and other is not None and one.spectra is other.spectra)
