"""The figure of the benchmark of the link: errors of both and the distance between them, against regions and against segments."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from unmix_benchmarks.common.link_rows import CUBES, FAILED, ROWS, Row

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 360, 260, 52, 34, 44
# Of mid-grey and two hues that can be told apart on white and on black, also by those who see no red or green.
_GREY = "#888888"
_CURVES = (("ivae", "iVAE", "#3b82c4", ""), ("contrast", "contrast", "#d97706", ""), ("apart", "apart", _GREY, "5 4"))
_PANELS = (
    (CUBES, "regions", "cubes: mean angle (degrees)", "painted regions"),
    (ROWS, "segments", "rows: 1 − MCC", "segments"),
)


def figure(rows: Sequence[Row]) -> str:
    """SVG of two panels, both axes logarithmic, means over the seeds; the line of what is called a failure is dotted."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {2 * _WIDTH} {_HEIGHT}" font-family="sans-serif" font-size="11" fill="{_GREY}">'
    ]
    for place, (kind, varied, title, under) in enumerate(_PANELS):
        ours = [row for row in rows if (row.kind, row.varied) == (kind, varied)]
        if ours:
            parts.append(f'<g transform="translate({place * _WIDTH} 0)">{_panel(ours, title, under)}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _panel(rows: Sequence[Row], title: str, under: str) -> str:
    values = sorted({int(row.value) for row in rows})
    curves = {
        name: [statistics.fmean(getattr(row, name) for row in rows if int(row.value) == value) for value in values]
        for name, *_ in _CURVES
    }
    line = FAILED[rows[0].kind]
    every = [value for curve in curves.values() for value in curve] + [line]
    low, high = 10 ** math.floor(math.log10(max(min(every), 1e-4))), 10 ** math.ceil(math.log10(max(every)))
    across = _scale(values[0], values[-1], _LEFT, _WIDTH - 16)
    up = _scale(low, high, _HEIGHT - _BOTTOM, _TOP)
    parts = [_text(_LEFT, 16, title, "start"), _text((_LEFT + _WIDTH) / 2, _HEIGHT - 8, under)]
    for value in values:
        parts.append(_text(across(value), _HEIGHT - _BOTTOM + 16, str(value)))
    for power in range(round(math.log10(low)), round(math.log10(high)) + 1):
        height = up(10.0**power)
        parts.append(f'<path d="M{_LEFT} {height:.1f}H{_WIDTH - 16}" stroke="{_GREY}" stroke-width="0.4"/>')
        parts.append(_text(_LEFT - 6, height + 4, f"{10.0**power:g}", "end"))
    parts.append(f'<path d="M{_LEFT} {up(line):.1f}H{_WIDTH - 16}" stroke="{_GREY}" stroke-dasharray="1 3"/>')
    for place, (name, label, colour, dashes) in enumerate(_CURVES):
        points = " ".join(f"{across(x):.1f},{up(max(y, low)):.1f}" for x, y in zip(values, curves[name], strict=True))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2" stroke-dasharray="{dashes}"/>'
        )
        parts.append(
            f'<text x="{_WIDTH - 20 - 70 * (2 - place)}" y="30" fill="{colour}" text-anchor="end">{label}</text>'
        )
    return "".join(parts)


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """Logarithmic, from values to places."""
    width = math.log(high / low) or 1.0
    return lambda value: start + (end - start) * math.log(value / low) / width


def _text(x: float, y: float, said: str, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{said}</text>'
