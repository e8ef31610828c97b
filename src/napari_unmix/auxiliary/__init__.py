"""The auxiliary variable u (side information): from paint, from place, from acquisitions, or made from the cube."""

from napari_unmix.auxiliary.information import (
    HEAD,
    PAINTED,
    SideInformation,
    in_use,
    make_side_information,
    side_information,
    statuses,
)
from napari_unmix.auxiliary.place import acquisition, blocks, everywhere, position
from napari_unmix.auxiliary.quantised import bands, clusters, neighbours
from napari_unmix.auxiliary.registry import GENERATORS, Generator
from napari_unmix.auxiliary.segments import superpixels

__all__ = [
    "GENERATORS",
    "HEAD",
    "PAINTED",
    "Generator",
    "SideInformation",
    "acquisition",
    "bands",
    "blocks",
    "clusters",
    "everywhere",
    "in_use",
    "make_side_information",
    "neighbours",
    "position",
    "side_information",
    "statuses",
    "superpixels",
]
