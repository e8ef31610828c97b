"""The figures of the comparison of methods: every method on every scene, and what accuracy costs."""

from __future__ import annotations

import html
import math
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from unmix_benchmarks.common.method_entries import DEFAULT, Entry, default_name
from unmix_benchmarks.common.method_rows import Row
from unmix_benchmarks.common.method_scenes import Place
from unmix_benchmarks.common.method_tables import DIGITS, Cell, Cells, cells_of, ratio

# Of mid-grey and hues that can be told apart on white and on black, also by those who see no red or green.
_GREY = "#888888"
_COLOURS = {
    "default": "#3b82c4",
    "second opinion": "#3b82c4",
    "classical": _GREY,
    "baseline": "#d97706",
    "experimental": "#d97706",
}
# Drawn as rings.
_RINGS = ("second opinion", "experimental")
_LIBRARY, _LIBRARY_COLOUR = "given a library", "#1b9e77"
_TITLES = {"angle": "mean spectral angle (degrees)", "error": "abundance error"}
_ROW, _PANEL, _LEFT, _TOP, _GAP = 20, 330, 260, 62, 24
_COST_WIDTH, _COST_HEIGHT, _MARGIN, _LETTER, _LINE = 470, 430, 56, 5.2, 10.0
_FACTORS, _FEWEST_TICKS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7)), 3
# What abundances are found by where a name says nothing.
_USUAL = " + fcls"
# Of a dot, and from its middle to where its name begins.
_DOT, _BESIDE = 5.0, 9.0


def figures(rows: Sequence[Row], entries: Sequence[Entry], places: Sequence[Place]) -> dict[str, str]:
    """Name -> SVG."""
    cells = cells_of(rows)
    return {"scenes": scenes_figure(cells, entries, places), "cost": cost_figure(cells, entries)}


# Every method on every scene


def scenes_figure(cells: Cells, entries: Sequence[Entry], places: Sequence[Place]) -> str:
    """Two panels, a line a scene and a dot a method, means over the seeds, logarithmic; the default above the others."""
    scenes = [place.name for place in places if any(scene == place.name for scene, _ in cells)]
    height = _TOP + _ROW * len(scenes) + 36
    width = _LEFT + 2 * _PANEL + _GAP
    parts = [_head(width, height), *_legend(entries, _LEFT)]
    for place, scene in enumerate(scenes):
        parts.append(_text(_LEFT - 10, _TOP + _ROW * (place + 0.5) + 4, scene, "end"))
    for number, what in enumerate(DIGITS):
        parts += _panel(what, _LEFT + number * (_PANEL + _GAP), scenes, cells, entries)
    return "\n".join([*parts, "</svg>", ""])


def _panel(what: str, left: float, scenes: Sequence[str], cells: Cells, entries: Sequence[Entry]) -> Iterator[str]:
    least = 10.0 ** -DIGITS[what]
    values = [max(cell.shown(what), least) for cell in cells.values() if cell.rows]
    across, powers = _axis(values, left + 8, left + _PANEL - 8)
    bottom = _TOP + _ROW * len(scenes)
    yield _text(left + _PANEL / 2, _TOP - 10, _TITLES[what])
    for power in powers:
        yield _rule(across(power), _TOP, across(power), bottom)
        yield _text(across(power), bottom + 16, f"{power:g}")
    for place, scene in enumerate(scenes):
        level = _TOP + _ROW * (place + 0.5)
        yield _rule(left + 8, level, left + _PANEL - 8, level)
        for entry in sorted(entries, key=lambda entry: entry.group == DEFAULT):  # the default is drawn last
            cell = cells.get((scene, entry.name))
            if cell is not None and cell.rows:
                said = f"{entry.name}: {cell.shown(what):.{DIGITS[what]}f}"
                yield _dot(across(max(cell.shown(what), least)), level, entry, said)


def _legend(entries: Sequence[Entry], left: float) -> Iterator[str]:
    place = left
    shown = dict.fromkeys(_kind(entry) for entry in entries)
    for kind in shown:
        entry = next(entry for entry in entries if _kind(entry) == kind)
        yield _dot(place, 16, entry, kind)
        yield _text(place + 9, 20, kind, "start")
        place += 34 + _LETTER * 1.15 * len(kind)


def _kind(entry: Entry) -> str:
    return _LIBRARY if entry.knows_more else entry.group


def _dot(x: float, y: float, entry: Entry, said: str) -> str:
    """A disc or a ring; hovering over it says what it is."""
    colour = _LIBRARY_COLOUR if entry.knows_more else _COLOURS[entry.group]
    radius = 5.5 if entry.group == DEFAULT else 3.5
    ring = entry.group in _RINGS
    fill = f'fill="none" stroke="{colour}" stroke-width="1.6"' if ring else f'fill="{colour}" fill-opacity="0.8"'
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" {fill}><title>{html.escape(said)}</title></circle>'


# Accuracy against time


class Point(NamedTuple):
    """A method: seconds of one processor, and how many times the default's its angle or error is."""

    entry: Entry
    seconds: float
    times: float


def points(what: str, cells: Cells, entries: Sequence[Entry]) -> list[Point]:
    """Geometric means over the scenes that a method and the default have."""
    ours = default_name()
    found = []
    for entry in entries:
        mine = {scene: cell for (scene, name), cell in cells.items() if name == entry.name and cell.rows}
        times, seconds = ratio(cells, mine, ours, what), _seconds(mine.values())
        if times is not None and seconds is not None and not entry.knows_more:
            found.append(Point(entry, seconds, times))
    return found


def _seconds(some: Iterable[Cell]) -> float | None:
    values = [mean for cell in some if (mean := cell.mean("seconds")) is not None and mean > 0]
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else None


def cost_figure(cells: Cells, entries: Sequence[Entry]) -> str:
    """Two panels, a dot a method: seconds, and times the default's angle and error; below the dotted line is better than the default."""
    width = 2 * _COST_WIDTH
    parts = [_head(width, _COST_HEIGHT), *_legend([entry for entry in entries if not entry.knows_more], _MARGIN)]
    for number, what in enumerate(DIGITS):
        some = points(what, cells, entries)
        if some:
            parts += _cost_panel(what, number * _COST_WIDTH, some)
    return "\n".join([*parts, "</svg>", ""])


def _cost_panel(what: str, left: float, some: Sequence[Point]) -> Iterator[str]:
    low, high = left + _MARGIN, left + _COST_WIDTH - 16
    bottom, top = _COST_HEIGHT - 44, 56
    across, seconds = _axis([point.seconds for point in some], low + 8, high - 90)
    up, times = _axis([point.times for point in some] + [1.0], bottom - 8, top + 8)
    yield _text(left + _MARGIN, 44, f"{what}, times the default's", "start")
    yield _text((low + high) / 2, _COST_HEIGHT - 10, "seconds of one processor")
    for power in seconds:
        yield _rule(across(power), top, across(power), bottom)
        yield _text(across(power), bottom + 16, f"{power:g}")
    for power in times:
        yield _rule(low, up(power), high, up(power))
        yield _text(low - 6, up(power) + 4, f"{power:g}", "end")
    yield f'<path d="M{low:.1f} {up(1):.1f}H{high:.1f}" stroke="{_GREY}" stroke-dasharray="1 3"/>'
    dots = [(across(point.seconds), up(point.times)) for point in some]
    names = [point.entry.name.removesuffix(_USUAL) for point in some]
    for (x, y), level, name, point in zip(dots, apart(dots, names), names, some, strict=True):
        yield _dot(x, y, point.entry, f"{point.entry.name}: {point.seconds:.1f} s, {point.times:.2f}")
        if abs(level - y) > _LINE / 2:
            yield f'<path d="M{x + 4:.1f} {y:.1f}L{x + _BESIDE - 1:.1f} {level:.1f}" stroke="{_GREY}" stroke-width="0.5" fill="none"/>'
        yield f'<text x="{x + _BESIDE:.1f}" y="{level + 3:.1f}" font-size="9">{html.escape(name)}</text>'


def apart(dots: Sequence[tuple[float, float]], names: Sequence[str]) -> list[float]:
    """The height of each name beside its dot, moved up or down as little as keeps it off the other dots and the names that are placed."""
    placed = [(x - _DOT, x + _DOT, y) for x, y in dots]  # from, to, height
    heights = [0.0] * len(dots)
    for k in sorted(range(len(dots)), key=lambda k: dots[k][1]):
        start, end = dots[k][0] + _BESIDE, dots[k][0] + _BESIDE + _LETTER * len(names[k])
        steps = (dots[k][1] + sign * step for step in range(400) for sign in (1, -1))
        heights[k] = next(level for level in steps if _free(start, end, level, placed))
        placed.append((start, end, heights[k]))
    return heights


def _free(start: float, end: float, level: float, placed: Sequence[tuple[float, float, float]]) -> bool:
    """Whether a name fits there."""
    return all(abs(level - other) >= _LINE or start > right or end < left for left, right, other in placed)


# Parts of both


def _head(width: float, height: float) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" font-family="sans-serif" '
        f'font-size="11" fill="{_GREY}">'
    )


def _axis(values: Sequence[float], start: float, end: float) -> tuple[Callable[[float], float], list[float]]:
    """Logarithmic, from values to places; and the ticks, as many of them as can be told apart."""
    low, high = min(values) / 1.15, max(values) * 1.15
    width = math.log(high / low)
    return lambda value: start + (end - start) * math.log(value / low) / width, _ticks(low, high)


def _ticks(low: float, high: float) -> list[float]:
    """Multiples of powers of ten between two values: few of each power where there are many powers."""
    found: list[float] = []
    for factors in _FACTORS:
        found = [f * 10.0**power for power in range(-5, 5) for f in factors if low <= f * 10.0**power <= high]
        if len(found) >= _FEWEST_TICKS:
            break
    return found


def _rule(x: float, y: float, to_x: float, to_y: float) -> str:
    return f'<path d="M{x:.1f} {y:.1f}L{to_x:.1f} {to_y:.1f}" stroke="{_GREY}" stroke-width="0.4"/>'


def _text(x: float, y: float, said: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(said)}</text>'
