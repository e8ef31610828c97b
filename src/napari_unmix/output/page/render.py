"""The identifiability report for reading: one page of text, or one self-contained HTML file with pictures.

The HTML loads nothing from anywhere, follows the reader's light or dark scheme, and prints. Whatever a user or a file named is escaped.
"""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.output.composite import COMPOSITES, composite, has_colours
from napari_unmix.output.page.style import CURVES, STYLE
from napari_unmix.output.palette import endmember_colours, rgb
from napari_unmix.spec import MethodSpec

MARKS = {"pass": "✓", "doubtful": "◐", "fail": "✗", "not applicable": "–"}
_WIDTH = 92
_LARGEST_MAP = 640  # pixels of the longer side: larger maps are thinned
_FULL_COLOUR = 0.6  # the abundance that is shown in the endmember's pure colour
_GAP = 4.0  # times the usual spacing of bands: a curve is broken there
_VERDICTS = {"identified": "pass", "partly": "doubtful", "not identified": "fail"}


@dataclass(frozen=True, eq=False)
class Page:
    """What the page shows beside the report.

    Attributes
    ----------
    name : of the cube
    spec : of the run
    names : (P,) of the endmembers
    endmembers : (P, B), NaN in excluded bands
    axis : (B,) wavelengths in nm or band numbers; ``axis_name`` says which
    abundances : (H, W, P), NaN in invalid pixels
    spread : (H, W, P) or None
    illumination : (H, W) or None
    picture : (H, W, 3) composite from 0 to 1, or None where the cube is not at hand; ``caption`` says what it shows
    notes : sentences for the user
    """

    name: str
    spec: MethodSpec
    names: tuple[str, ...]
    endmembers: FloatArray
    axis: FloatArray
    axis_name: str
    abundances: FloatArray
    spread: FloatArray | None = None
    illumination: FloatArray | None = None
    picture: FloatArray | None = None
    caption: str = ""
    notes: tuple[str, ...] = ()


def write_report_page(folder: Path, cube: Cube, result: Unmixing, report: Report) -> Path:
    """Write ``report.html`` into a folder and return its path."""
    path = Path(folder) / "report.html"
    path.write_text(page_html(page_of(cube, result), report), encoding="utf-8")
    return path


def page_of(cube: Cube, result: Unmixing) -> Page:
    """What the page of this result shows."""
    return Page(
        cube.name,
        result.spec,
        result.names,
        result.endmembers,
        cube.axis,
        axis_name(cube.wavelengths),
        result.abundances,
        result.abundance_std,
        result.illumination,
        composite(cube),
        COMPOSITES[0] if has_colours(cube, COMPOSITES[0]) else "false colour",
        (*cube.repairs, *map(str, result.notes)),
    )


def axis_name(wavelengths: FloatArray | None) -> str:
    """The name of the curves' horizontal axis."""
    return "band" if wavelengths is None else "wavelength (nm)"


# Text


def report_text(report: Report, names: tuple[str, ...]) -> str:
    """One page of text: verdict, expected errors, and every check with its number, its sentence and what to do."""
    lines = [report.verdict.upper(), *_wrapped(report.summary, "")]
    expected = expected_errors(report)
    lines += _wrapped(expected, "") if expected else []
    lines += _wrapped(f"Endmembers: {', '.join(names)}.", "")
    for check in report.checks:
        number = "  " if check.number is None else f"{check.number:2d}"
        lines += ["", f"{number} {MARKS[check.status]} {_titled(check.name)}{_held(check)}"]
        lines += _wrapped(check.sentence, "     ")
        lines += _wrapped(f"→ {check.remedy}", "     ") if check.remedy else []
    return "\n".join(lines)


def expected_errors(report: Report) -> str:
    """What errors to expect, in one sentence; "" where none were predicted."""
    angle, error = report.expected_angle_degrees, report.expected_abundance_rmse
    if angle is None or error is None:
        return ""
    size = f"about {angle:.1f}° in endmembers and {100 * error:.1f} % in abundances (root mean square)"
    if report.verdict == "identified":
        return f"If the assumptions hold, expect errors of {size}."
    return (
        f"Noise and sampling alone make errors of {size}; what is not identified comes on top, and may be much larger."
    )


def _titled(name: str) -> str:
    return name[:1].upper() + name[1:]


def _held(check: Check) -> str:
    """The number and what it was held against, in brackets."""
    if check.value is None:
        return "" if check.status != "not applicable" else " (not applicable)"
    return (
        f" ({check.value:.3g}; threshold {check.threshold:.3g})"
        if check.threshold is not None
        else f" ({check.value:.3g})"
    )


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _WIDTH, initial_indent=indent, subsequent_indent=indent)


# HTML


def page_html(page: Page, report: Report) -> str:
    """The whole page."""
    title = f"{page.name} · {type(page.spec).title}"
    parts = [
        f"<header><p class='facts'>{escape(_facts(page))}</p><h1>{escape(page.name)}</h1>{_verdict(report)}</header>",
        f"<section><h2>Abundances</h2>{_maps(page)}</section>",
        f"<section><h2>Endmembers</h2>{curves(page)}</section>",
        f"<section><h2>Checks</h2>{_checks(report)}</section>",
        _notes(page),
        f"<section><h2>Settings</h2>{_settings(page.spec)}</section>",
    ]
    body = "\n".join(part for part in parts if part)
    return (
        "<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'>\n"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>\n"
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )


def _facts(page: Page) -> str:
    height, width, count = page.abundances.shape
    return f"Identifiability report · {type(page.spec).title} · {height} × {width} pixels, {len(page.axis)} bands, {count} endmembers"


def _verdict(report: Report) -> str:
    # The summary begins with the verdict: the badge says it, the sentence goes on.
    expected = expected_errors(report)
    return (
        f"<p class='verdict {_VERDICTS[report.verdict]}'><span>{MARKS[_VERDICTS[report.verdict]]} {escape(_titled(report.verdict))}</span></p>"
        f"<p class='summary'>{escape(report.summary)}</p>"
        + (f"<p class='expected'>{escape(expected)}</p>" if expected else "")
    )


def _maps(page: Page) -> str:
    figures = []
    if page.picture is not None:
        figures.append(_figure(_png(_opaque(page.picture, page.abundances)), "Cube", page.caption))
    for name, colour, k in zip(page.names, endmember_colours(len(page.names)), range(len(page.names)), strict=True):
        shares = page.abundances[:, :, k]
        mean = f"{100 * float(np.nanmean(shares, dtype=np.float64)):.0f} %"
        figures.append(_figure(_png(coloured(shares, colour)), name, mean, colour))
    if page.spread is not None:
        spread = np.sqrt(np.mean(page.spread.astype(np.float64) ** 2, axis=2))
        top = max(float(np.nanpercentile(spread, 99)), 1e-6)
        figures.append(_figure(_png(coloured(spread / top, "#9a9a9a")), "Spread", f"white: {100 * top:.1f} %"))
    if page.illumination is not None:
        light = page.illumination.astype(np.float64)
        top = max(float(np.nanpercentile(light, 99)), 1e-12)
        figures.append(_figure(_png(coloured(light / top, "#9a9a9a")), "Illumination", f"white: {top:.2g}"))
    scale = "<p class='hint'>Black is none of a material, white is all of it; per cent: its mean over the scene."
    scale += " Spread: one standard deviation, root mean square over the endmembers." if page.spread is not None else ""
    return f"<div class='maps'>{''.join(figures)}</div>{scale}</p>"


def _figure(picture: str, name: str, fact: str, colour: str | None = None) -> str:
    swatch = "" if colour is None else f"<i style='background:{colour}'></i>"
    return (
        f"<figure><figcaption>{swatch}<b>{escape(name)}</b><span>{escape(fact)}</span></figcaption>"
        f"<img alt='{escape(name, quote=True)}' src='data:image/png;base64,{picture}'></figure>"
    )


def coloured(values: FloatArray, colour: str) -> FloatArray:
    """(H, W) from 0 to 1 -> (H, W, 4): black over the colour to white, transparent where there are no data."""
    known = np.asarray(np.isfinite(values))
    level: FloatArray = np.asarray(np.clip(np.where(known, values, 0.0), 0.0, 1.0))[..., None]
    pure = np.array(rgb(colour))
    dark, bright = level / _FULL_COLOUR * pure, pure + (level - _FULL_COLOUR) / (1 - _FULL_COLOUR) * (1 - pure)
    return np.concatenate([np.where(level < _FULL_COLOUR, dark, bright), known[..., None].astype(float)], axis=2)


def _opaque(picture: FloatArray, abundances: FloatArray) -> FloatArray:
    known = np.asarray(np.isfinite(abundances).all(axis=2))
    return np.concatenate([picture, known[..., None].astype(float)], axis=2)


def _png(values: FloatArray) -> str:
    """(H, W, 4) from 0 to 1 as a base64 PNG, thinned to ``_LARGEST_MAP``."""
    from PIL import Image

    step = -(-max(values.shape[:2]) // _LARGEST_MAP)
    stream = io.BytesIO()
    Image.fromarray((255 * values[::step, ::step]).round().astype(np.uint8), "RGBA").save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode("ascii")


def _checks(report: Report) -> str:
    rows = []
    for check in report.checks:
        number = "" if check.number is None else str(check.number)
        remedy = f"<p class='remedy'>{escape(check.remedy)}</p>" if check.remedy else ""
        rows.append(
            f"<tr class='{check.status.replace(' ', '-')}'><td class='number'>{number}</td>"
            f"<td class='mark' title='{check.status}'>{MARKS[check.status]}</td>"
            f"<td><b>{escape(_titled(check.name))}</b><p>{escape(check.sentence)}</p>{remedy}</td>"
            f"<td class='value'>{_short(check.value)}</td><td class='value'>{'' if check.value is None else _short(check.threshold)}</td></tr>"
        )
    head = "<tr><th></th><th></th><th>Check</th><th class='value'>Number</th><th class='value'>Threshold</th></tr>"
    return f"<table class='checks'><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _notes(page: Page) -> str:
    if not page.notes:
        return ""
    return f"<section><h2>Notes</h2><ul>{''.join(f'<li>{escape(note)}</li>' for note in page.notes)}</ul></section>"


def _settings(spec: MethodSpec) -> str:
    fields = type(spec).model_fields
    rows = (
        f"<tr><th>{escape(str(fields[name].title or name))}</th><td>{escape(_plain(value))}</td></tr>"
        for name, value in spec.model_dump(mode="json").items()
    )
    return f"<table class='settings'>{''.join(rows)}</table>"


def _plain(value: object) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


# Curves: vectors, so that they are sharp in print and take the page's ink


def curves(page: Page) -> str:
    """The endmembers' spectra as inline SVG, with their names at the side."""
    width, height, left, bottom = CURVES
    finite = page.endmembers[np.isfinite(page.endmembers)]
    if not finite.size:
        return ""
    low, high = min(0.0, float(finite.min())), max(float(finite.max()), 1e-12)
    first, last = float(page.axis.min()), float(page.axis.max())
    across = (width - left) / max(last - first, 1e-12)
    down = (height - bottom) / (high - low)
    lines = [
        f"<path d='{path(left + across * (page.axis - first), down * (high - spectrum))}' stroke='{colour}'/>"
        for spectrum, colour in zip(page.endmembers, endmember_colours(len(page.names)), strict=True)
    ]
    ticks = [
        f"<text x='{left + across * (place - first):.0f}' y='{height - bottom + 18}' text-anchor='middle'>{place:g}</text>"
        for place in nice_ticks(first, last)
    ]
    ticks += [
        f"<text x='{left - 8}' y='{down * (high - value) + 4:.0f}' text-anchor='end'>{value:g}</text>"
        for value in nice_ticks(low, high)
    ]
    frame = f"<path class='axis' d='M{left} 0V{height - bottom}H{width}'/>"
    label = f"<text x='{(width + left) / 2:.0f}' y='{height - 4}' text-anchor='middle'>{escape(page.axis_name)}</text>"
    picture = (
        f"<svg viewBox='0 -8 {width + 8} {height + 8}' role='img' aria-label='Spectra of the endmembers'>{frame}{''.join(ticks)}{label}"
        f"<g>{''.join(lines)}</g></svg>"
    )
    keys = (
        f"<li><i style='background:{colour}'></i>{escape(name)}</li>"
        for name, colour in zip(page.names, endmember_colours(len(page.names)), strict=True)
    )
    return f"<div class='curves'>{picture}<ul class='keys'>{''.join(keys)}</ul></div>"


def path(across: FloatArray, down: FloatArray) -> str:
    """SVG path through the points in the order of the first axis, broken where values or many bands are missing."""
    order = np.argsort(across, kind="stable")
    spacing = np.diff(across[order])
    usual = _GAP * float(np.median(spacing)) if spacing.size else 0.0
    pieces, pen = [], "M"
    for position, k in enumerate(order):
        if position and spacing[position - 1] > usual:
            pen = "M"
        if not np.isfinite(down[k]):
            pen = "M"
            continue
        pieces.append(f"{pen}{across[k]:.1f} {down[k]:.1f}")
        pen = "L"
    return "".join(pieces)


def nice_ticks(low: float, high: float) -> Iterable[float]:
    """Round numbers in steps of 1, 2 or 5, four to nine of them."""
    span = max(high - low, 1e-12)
    step = 10.0 ** np.floor(np.log10(span / 4))
    step *= next(factor for factor in (5, 2, 1) if span / (factor * step) >= 4)
    return [
        round(float(k * step), 10)
        for k in range(int(np.ceil(low / step - 1e-9)), int(np.floor(high / step + 1e-9)) + 1)
    ]
