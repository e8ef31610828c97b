"""How much of each endmember there is: in the whole image, in each painted region, in each shape that was drawn. Pure.

A share is the mean of the pixels' abundances. Its ± takes the pixels' posterior standard deviations as independent: the root of the sum of
their squares, over the number of pixels. What all pixels share, such as a wrong endmember, does not average out: ``common`` is the mean of the
standard deviations, which the error would be if the pixels erred together.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_unmix.cube import Annotation, FloatArray, IntArray
from napari_unmix.io.place.ground import Ground
from napari_unmix.progress import Fit, Progress

ZoneKind = Literal["image", "region", "shape"]
BLOCK_VALUES = 1_000_000
SQUARE_METRES = {"m²": 1.0, "ha": 1e4, "km²": 1e6}


@dataclass(frozen=True, eq=False)
class Outline:
    """A shape that was drawn: its corners (N, 2) as (row, column), where the middle of the first pixel is (0, 0)."""

    name: str
    corners: FloatArray


@dataclass(frozen=True, eq=False)
class Zone:
    """A part of the image: ``pixels`` are the places of its pixels in row-major order."""

    name: str
    kind: ZoneKind
    pixels: IntArray


@dataclass(frozen=True)
class Amount:
    """Of one endmember in one zone: mean ``share`` (NaN where there is no pixel), its ± for pixels that err independently, and if all err together.

    Both are None where the method has no posterior.
    """

    share: float
    error: float | None = None
    common: float | None = None


@dataclass(frozen=True)
class ZoneAmounts:
    """A row of the table: ``pixels`` are those with an answer."""

    name: str
    kind: ZoneKind
    pixels: int
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, eq=False)
class Asked:
    """What amounts are asked of: abundances (H, W, P), their standard deviations or None, the painting, the shapes.

    ``composition``: abundances are those of endmembers with largest value 1, so they are shares of no area.
    """

    abundances: FloatArray
    spread: FloatArray | None
    annotation: Annotation | None
    outlines: tuple[Outline, ...]
    composition: bool = False

    def same_as(self, other: Asked | None) -> bool:
        """Whether the answer would be the same; names of regions and shapes are part of it."""
        return other is not None and all(
            mine is its
            for mine, its in (
                (self.abundances, other.abundances),
                (self.spread, other.spread),
                (self.annotation, other.annotation),
                (self.outlines, other.outlines),
                (self.composition, other.composition),
            )
        )


@dataclass(frozen=True, eq=False)
class Areas:
    """The answer: a row per zone, the whole image first, and the ground of a pixel."""

    asked: Asked
    zones: tuple[ZoneAmounts, ...]
    ground: Ground


def zones_of(asked: Asked) -> list[Zone]:
    """The whole image, each painted region that is not to be ignored, each shape."""
    height, width, _ = asked.abundances.shape
    zones = [Zone("whole image", "image", np.arange(height * width))]
    annotation = asked.annotation
    if annotation is not None and annotation.labels.shape == (height, width):
        flat, ignored = annotation.labels.ravel(), set(annotation.of_kind("ignore"))
        zones += [
            Zone(annotation.meaning(label).name or f"region {label}", "region", np.flatnonzero(flat == label))
            for label in np.unique(flat[flat > 0]).tolist()
            if label not in ignored
        ]
    return zones + [Zone(shape.name, "shape", covered(shape.corners, (height, width))) for shape in asked.outlines]


def measured(asked: Asked, ground: Ground) -> Fit[Areas]:
    """The amounts of every zone; steps are blocks of pixels, so that a cancel is answered soon."""
    zones, rows = zones_of(asked), []
    for k, zone in enumerate(zones):
        yield Progress("measuring areas", k, len(zones), k / len(zones))
        row = yield from _amounts(asked, zone, k / len(zones))
        rows.append(row)
    return Areas(asked, tuple(rows), ground)


def _amounts(asked: Asked, zone: Zone, fraction: float) -> Fit[ZoneAmounts]:
    count = asked.abundances.shape[2]
    shares = asked.abundances.reshape(-1, count)
    spread = None if asked.spread is None else asked.spread.reshape(-1, count)
    total, squares, sums, number = np.zeros(count), np.zeros(count), np.zeros(count), 0
    step = max(1, BLOCK_VALUES // count)
    for start in range(0, len(zone.pixels), step):
        places = zone.pixels[start : start + step]
        values = shares[places].astype(np.float64)
        known = np.isfinite(values).all(axis=1)
        total += values[known].sum(axis=0)
        number += int(known.sum())
        if spread is not None:
            errors = spread[places][known].astype(np.float64)
            squares += np.square(errors).sum(axis=0)
            sums += errors.sum(axis=0)
        yield Progress("measuring areas", start, len(zone.pixels), fraction)
    if not number:
        return ZoneAmounts(zone.name, zone.kind, 0, (Amount(float("nan")),) * count)
    mean, error, common = total / number, np.sqrt(squares) / number, sums / number
    amounts = (
        Amount(float(mean[k]), *((None, None) if spread is None else (float(error[k]), float(common[k]))))
        for k in range(count)
    )
    return ZoneAmounts(zone.name, zone.kind, number, tuple(amounts))


def covered(corners: FloatArray, size: tuple[int, int]) -> IntArray:
    """The places of the pixels whose middles lie inside a closed outline (N, 2) of (row, column); where it crosses itself, by even and odd.

    Of middles on the outline itself those above and at the left count, so that of two shapes with a common side each pixel is in one.
    """
    height, width = size
    first, last = np.asarray(corners, float), np.roll(np.asarray(corners, float), -1, axis=0)
    if len(first) < 3:
        return np.zeros(0, int)
    found = []
    top, bottom = max(0, int(np.ceil(first[:, 0].min()))), min(height - 1, int(np.floor(first[:, 0].max())))
    for row in range(top, bottom + 1):
        cuts = (first[:, 0] <= row) != (last[:, 0] <= row)
        along = (row - first[cuts, 0]) / (last[cuts, 0] - first[cuts, 0])
        crossed = np.sort(first[cuts, 1] + along * (last[cuts, 1] - first[cuts, 1]))
        for left, right in zip(crossed[::2], crossed[1::2], strict=False):
            columns = np.arange(max(0, int(np.ceil(left))), min(width, int(np.ceil(right))))
            found.append(row * width + columns)
    return np.unique(np.concatenate(found)) if found else np.zeros(0, int)


# --- in words


def area_unit(areas: Areas) -> str:
    """The unit of all areas: the largest of m², ha and km² in which the whole image is more than ten; "pixels" where the ground is not known."""
    if areas.ground.why_not:
        return "pixels"
    whole = areas.zones[0].pixels * areas.ground.area
    return next((unit for unit in reversed(SQUARE_METRES) if whole >= 10 * SQUARE_METRES[unit]), "m²")


def no_areas(areas: Areas) -> str:
    """Why shares are shares of no area, and what helps, in one sentence; "" where they are."""
    if not areas.asked.composition:
        return ""
    return (
        "Shares are composition (each endmember's largest value is 1), so no areas of endmembers are given: "
        "choose the brightness “own” in step 3 and train to estimate them."
    )


def area_of(pixels: float, areas: Areas) -> float:
    """So many pixels in the unit of all areas."""
    unit = area_unit(areas)
    return pixels if unit == "pixels" else pixels * areas.ground.area / SQUARE_METRES[unit]


def number_text(value: float) -> str:
    """Three figures, with thousands apart: 12 300, 1.23, 0.012."""
    if not np.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    digits = 2 - int(np.floor(np.log10(abs(value))))
    rounded = round(value, digits)
    return f"{rounded:,.{max(0, digits)}f}".replace(",", "\u202f")


def table_csv(areas: Areas, names: Sequence[str]) -> str:
    """The table for other programs: a line per zone and endmember; areas in m², empty where they are not known, or shares are of none."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerows(_lines(areas, names))
    return stream.getvalue()


def _lines(areas: Areas, names: Sequence[str]) -> Iterator[list[str]]:
    yield [
        "zone", "kind", "zone_pixels", "endmember", "share", "share_std_independent_pixels", "share_std_common", "area_pixels", "area_m2",
    ]  # fmt: skip
    for zone in areas.zones:
        for name, amount in zip(names, zone.amounts, strict=True):
            pixels = amount.share * zone.pixels if zone.pixels else 0.0
            ground = "" if areas.ground.why_not or areas.asked.composition else f"{pixels * areas.ground.area:.6g}"
            covered_pixels = "" if areas.asked.composition else f"{pixels:.6g}"
            numbers = [
                "" if value is None or np.isnan(value) else f"{value:.6g}"
                for value in (amount.share, amount.error, amount.common)
            ]
            yield [zone.name, zone.kind, str(zone.pixels), name, *numbers, covered_pixels, ground]
