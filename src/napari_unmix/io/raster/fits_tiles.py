"""FITS images in compressed tiles: astropy's gzip writes as much as comes, so each tile is unpacked here first, to see that it is none too big.

FITS standard 4.0, § 10.1: a table of tiles, whose columns hold the packed bytes.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from napari_unmix.files.opened import open_regular
from napari_unmix.io.groups.blocks import check_blocks
from napari_unmix.io.unpacked import inflated
from napari_unmix.sentences import UnmixError, shown

_GZIPPED = ("COMPRESSED_DATA", "GZIP_COMPRESSED_DATA")
_OTHERS = (
    "RICE_1",
    "RICE_ONE",
    "PLIO_1",
    "HCOMPRESS_1",
    "NOCOMPRESS",
)  # they write into a tile of the size that is claimed
_WIDEST = 8  # bytes of a number as it is packed


def check_tiles(units: Any, unit: Any, path: Path) -> None:
    """Raise UnmixError where a tile of a compressed image unpacks to more than it claims, or there are too many. Any other unit is left."""
    from astropy.io import fits

    shape, tile = tuple(unit.shape), getattr(unit, "tile_shape", None)
    if tile is None or getattr(unit, "compression_type", None) is None:
        return
    label = f"A tile of {shown(path.name)}"
    check_blocks(shape, tuple(map(int, tile)), _WIDEST, shown(path.name))
    kind = str(unit.compression_type)
    if kind not in ("GZIP_1", "GZIP_2", *_OTHERS):
        raise UnmixError(
            f"{shown(path.name)} is packed by {shown(kind)}, whose size cannot be checked: save it with GZIP_1."
        )
    most = math.prod(tile) * _WIDEST
    place = next(at for at, one in enumerate(units) if one is unit)
    with open_regular(path) as stream, fits.open(stream, memmap=False, disable_image_compression=True) as tables:
        table = tables[place].data
        for column in _GZIPPED:
            if column not in table.names or (column == _GZIPPED[0] and not kind.startswith("GZIP")):
                continue
            for packed in table[column]:
                if len(packed):
                    inflated(packed.tobytes(), most, label)
