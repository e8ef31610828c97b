"""The auxiliary variable u (side information): from paint, from place, from acquisitions, or made from the cube."""

from napari_unmix.auxiliary.information import (
    HEAD,
    SideInformation,
    make_side_information,
    painted_over,
    side_information,
    statuses,
)
from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.auxiliary.names import GENERATORS, PAINTED, Source
from napari_unmix.auxiliary.place import blocks, position
from napari_unmix.auxiliary.segments import superpixels

__all__ = [
    "FEWEST_PIXELS_OF_A_REGION",
    "GENERATORS",
    "HEAD",
    "PAINTED",
    "SideInformation",
    "Source",
    "blocks",
    "make_side_information",
    "painted_over",
    "position",
    "side_information",
    "statuses",
    "superpixels",
]
