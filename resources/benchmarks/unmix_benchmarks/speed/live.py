"""From a stroke's end to new maps: first and final ones, beside a run from scratch, in processor time of one thread.

A simulated scene (linear, pure pixels, fields of 16 × 16 pixels, 30 dB) of 307 × 307 pixels and 162 bands, and the reflected crop of Jasper Ridge of
that size where its folder is known (``NAPARI_UNMIX_DATA``), in free light. Strokes come in pairs, a region and a material, and each is undone in
turn; the last painting is also trained from scratch.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray, Meaning
from napari_unmix.io import read_cube
from napari_unmix.live import Live, prepare
from napari_unmix.methods.ivae.live import LiveMaps
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.pipeline import unmix
from napari_unmix.progress import Fit, drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.synthetic import random_materials
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "from a stroke's end to new maps"
T = TypeVar("T")
_SIDE, _BANDS, _ENDMEMBERS, _BLOCK = 307, 162, 4, 16
_GOALS = {"first maps": 0.15, "final maps": 1.0}
_RADIUS = 9


@dataclass(frozen=True)
class Taken:
    """Seconds of processor time of one kind of work: the median, the longest of so many; and how far the maps are from a run's (rms)."""

    scene: str
    stroke: str
    what: str
    median: float
    longest: float
    count: int
    goal: float | None
    apart: float | None = None


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed live", __doc__ or "")
    options.add_argument("--strokes", type=int, default=20, help="of each scene")
    options.add_argument("--side", type=int, default=_SIDE, help="pixels along an edge of the scenes")
    options.add_argument("--no-run", action="store_true", help="do not train from scratch beside it")
    chosen = options.parse_args(arguments)
    rows = [
        row
        for name, cube, light in _scenes(chosen.side)
        for row in _followed(name, cube, light=light, strokes=chosen.strokes, beside=not chosen.no_run)
    ]
    write_rows("speed-live", rows, table(rows), chosen.out)
    return 0


def _scenes(side: int) -> Iterator[tuple[str, Cube, bool]]:
    yield f"simulated, {side}²×{_BANDS}", _simulated(side), False
    folder = Path(os.environ.get("NAPARI_UNMIX_DATA", "")) / "jasper_ridge"
    if os.environ.get("NAPARI_UNMIX_DATA") and folder.is_dir():
        yield f"Jasper Ridge, reflected to {side}²×{_BANDS}", _reflected(folder, side), True
    else:
        print("set NAPARI_UNMIX_DATA to the folder of the real scenes: Jasper Ridge is left out without it")


def _simulated(side: int) -> Cube:
    generator = np.random.default_rng(0)
    wavelengths, endmembers, _ = random_materials(_ENDMEMBERS, generator)
    fields = generator.gamma(1.0, 1.0, (-(-side // _BLOCK), -(-side // _BLOCK), _ENDMEMBERS)) + 0.15
    place = np.arange(side) // _BLOCK
    amounts = generator.standard_gamma(fields[place[:, None], place])
    spectra = (amounts / amounts.sum(axis=-1, keepdims=True)) @ endmembers[:, :_BANDS]
    noise = np.sqrt((spectra**2).mean() / 1000)
    return Cube(spectra + noise * generator.standard_normal(spectra.shape), wavelengths[:_BANDS], name="simulated")


def _reflected(folder: Path, side: int) -> Cube:
    cube = read_cube(folder / "jasperRidge2_R198.mat")
    spectra = cube.spectra[..., :_BANDS] / np.nanmax(cube.spectra)
    more = max(side - spectra.shape[0], 0)
    wide = np.pad(spectra, ((0, more), (0, more), (0, 0)), mode="reflect")[:side, :side]
    noise = 0.002 * np.random.default_rng(1).standard_normal(wide.shape, dtype=np.float32)
    wavelengths = None if cube.wavelengths is None else cube.wavelengths[:_BANDS]
    return Cube(wide + noise, wavelengths, name="Jasper Ridge")


def _followed(name: str, cube: Cube, *, light: bool, strokes: int, beside: bool) -> Iterator[Taken]:
    spec = IvaeSpec.model_validate({"endmembers": _ENDMEMBERS, "illumination": light})
    live, preparing = _timed(lambda: prepare(cube, spec))
    yield Taken(name, "none", "preparation, once", preparing, preparing, 1, None)
    unpainted = live.follow(None)
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("region", ("region",)),
        ("material", ("material",)),
        ("both", ("region", "material")),
    )
    for stroke, of in kinds:
        taken: dict[str, list[float]] = {"first maps": [], "final maps": []}
        maps: LiveMaps | None = None
        painting = Annotation(np.zeros(cube.shape[:2], np.int32))
        for number in range(max(1, strokes // len(kinds))):
            # Every third stroke is taken back: the one before it is followed anew.
            painted = number - number // 3 - (number % 3 == 2)
            painting = _painting(unpainted, cube.shape[:2], of, painted + 1)
            maps, times = _one(live, painting, maps)
            for what in taken:
                taken[what].append(times[what])
        far = _apart(maps, cube, spec, painting) if beside and maps is not None and stroke == "both" else None
        for what, seconds in taken.items():
            yield Taken(name, stroke, what, statistics.median(seconds), max(seconds), len(seconds), _GOALS[what], far)


def _one(live: Live, painting: Annotation, before: LiveMaps | None) -> tuple[LiveMaps, dict[str, float]]:
    begun, first = _timed(lambda: live.begin(painting, before))
    maps, rest = _timed(lambda: live.finish(begun))
    assert begun.maps.preview is not None
    return maps, {"first maps": first, "final maps": first + rest}


def _timed(make: Callable[[], Fit[T]]) -> tuple[T, float]:
    """What a generator returns, and its seconds of processor time."""
    start = time.process_time()
    made = drain(make())
    return made, time.process_time() - start


def _painting(maps: LiveMaps, shape: tuple[int, int], kinds: tuple[str, ...], count: int) -> Annotation:
    """``count`` discs, of these kinds in turn: materials where the maps have most of them, regions in places that are drawn."""
    labels, meanings = np.zeros(shape, np.int32), {}
    generator = np.random.default_rng(3)
    shares = maps.preview.abundances
    for number in range(count):
        kind = kinds[number % len(kinds)]
        material = number // len(kinds) % (_ENDMEMBERS - 1)
        place = generator.integers(_RADIUS, min(shape) - _RADIUS, 2)
        row, column = place if kind == "region" else np.unravel_index(int(_mean(shares[..., material]).argmax()), shape)
        labels[_disc(shape, int(row), int(column))] = number + 1
        meanings[number + 1] = Meaning("region") if kind == "region" else Meaning("material", f"material {material}")
    return Annotation(labels, meanings)


def _mean(share: FloatArray) -> FloatArray:
    from scipy.ndimage import uniform_filter

    return np.asarray(uniform_filter(np.nan_to_num(share), 7))


def _disc(shape: tuple[int, int], row: int, column: int) -> IntArray:
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return np.asarray((rows - row) ** 2 + (columns - column) ** 2 <= (_RADIUS // 2) ** 2)


def _apart(maps: LiveMaps, cube: Cube, spec: IvaeSpec, painting: Annotation) -> float:
    """Root mean square between these maps and those of a run from scratch."""
    run, shown = drain(unmix(cube, spec, painting)), maps.preview
    order = match_endmembers(shown.endmembers[:, cube.good_bands], run.endmembers[:, cube.good_bands])
    return float(np.sqrt(np.nanmean((shown.abundances[..., order] - run.abundances) ** 2)))


def table(rows: list[Taken]) -> list[str]:
    """The rows as Markdown."""
    head = [
        "| scene | strokes | what | median s | longest s | of | goal | rms to a run |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return [*head, *(_line(row) for row in rows)]


def _line(row: Taken) -> str:
    goal = "–" if row.goal is None else f"{row.goal:.2f}"
    far = "–" if row.apart is None else f"{row.apart:.4f}"
    cells = (row.scene, row.stroke, row.what, f"{row.median:.2f}", f"{row.longest:.2f}", str(row.count), goal, far)
    return f"| {' | '.join(cells)} |"
