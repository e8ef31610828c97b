"""Where an ENVI image lies on a map: ``map info`` and ``coordinate system string``."""

from __future__ import annotations

import math
import re

from napari_unmix.cube import Georeference
from napari_unmix.io.axis.lists import number


def georeference(fields: dict[str, str]) -> Georeference | None:
    """The map of the header's fields; None without them, or where they are not numbers.

    ENVI counts pixels from 1 at the outer corner: (1, 1) is the corner of the image, (1.5, 1.5) the middle of its first pixel.
    """
    words = [word.strip() for word in fields.get("map info", "").strip("{}").split(",")]
    found = [number(word) for word in words[1:7]]
    values = [value for value in found if value is not None]
    if len(values) < 6 or not all(map(math.isfinite, values)):
        return None
    column, row, x, y, width, height = values
    angle = math.radians(_rotation(words))
    a, b = width * math.cos(angle), height * math.sin(angle)
    d, e = width * math.sin(angle), -height * math.cos(angle)
    left, upper = column - 1, row - 1
    transform = (a, b, x - a * left - b * upper, d, e, y - d * left - e * upper)
    return Georeference(transform, fields.get("coordinate system string", "").strip("{} ") or _code(words))


def _rotation(words: list[str]) -> float:
    """Degrees."""
    found = next(
        (
            re.fullmatch(r"rotation\s*=\s*([-+.\d]+)", word, re.IGNORECASE)
            for word in words
            if "rotation" in word.lower()
        ),
        None,
    )
    return 0.0 if found is None else float(found[1])


def _code(words: list[str]) -> str:
    """EPSG's code where the projection is UTM or plain longitude and latitude on WGS-84."""
    named = " ".join(words).lower().replace("-", "").replace(" ", "")
    if "wgs84" not in named:
        return ""
    if words[0].lower().startswith("geographic"):
        return "EPSG:4326"
    zone = number(words[7]) if words[0].lower() == "utm" and len(words) > 8 else None
    if zone is None or not 1 <= zone <= 60:
        return ""
    return f"EPSG:{32600 + 100 * words[8].lower().startswith('s') + int(zone)}"
