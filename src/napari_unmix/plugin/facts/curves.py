"""Which curves the plot of spectra draws: a pure function of the session's facts and of what the user wants to see. No Qt, no viewer.

What is drawn, copied and written is this one ``Drawing``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

import numpy as np

from napari_unmix.cube import Cube, FloatArray, SpectralAxis
from napari_unmix.identifiability.report import Grade, Word
from napari_unmix.output.bands import BANDS
from napari_unmix.output.grades import Line, line_of, lines_told
from napari_unmix.plugin.facts.asking import composition_of
from napari_unmix.plugin.facts.colours import annotation_row_colours, pin_colours
from napari_unmix.plugin.facts.comparison import beside_curves
from napari_unmix.plugin.facts.endmember_spread import shown_spread
from napari_unmix.plugin.facts.matching import pin_label
from napari_unmix.plugin.facts.pixel_view import PixelView, contributions, pixel_view
from napari_unmix.plugin.facts.region_means import region_means
from napari_unmix.plugin.facts.session import Session, Theme, shown
from napari_unmix.plugin.facts.shapes import Shape, shape_title, shaped

Kind = Literal["measured", "reconstruction", "residual", "endmember", "pin", "region", "part", "beside"]

RECONSTRUCTION = {True: "#ff5fa8", False: "#c2185b"}  # by theme, dark or light; no endmember has it
OTHER_LABEL = "#999999"
MOST_SPREADS = 10  # endmembers: of more, their ± cover each other, and take the time of a click


class View(StrEnum):
    """Which curves are wanted."""

    BOTH = "Pixel and endmembers"
    PIXEL = "Pixel"
    ENDMEMBERS = "Endmembers"
    PARTS = "Contributions"
    REGIONS = "Region means"


@dataclass(frozen=True)
class Wishes:
    """What the user wants to see: which curves, in which shape, and whether with their ±."""

    view: View = View.BOTH
    shape: Shape = Shape.MEASURED
    spreads: bool = True


@dataclass(frozen=True, eq=False)
class Curve:
    """One curve.

    Attributes
    ----------
    kind, number : what it is of; ``number`` is the endmember's, the pin's (from 0) or the region's label
    name, colour : what it is called, and "#rrggbb"
    values : (B,) NaN where there are none
    deviation : (B,) ±, or None
    base : (B,) where a part of a stack begins, or None; ``values`` is then where it ends
    grade : of an endmember, or None
    line : how it is drawn, where its kind does not say
    """

    kind: Kind
    name: str
    colour: str
    values: FloatArray
    deviation: FloatArray | None = None
    base: FloatArray | None = None
    number: int = 0
    grade: Grade | None = None
    line: Line = "solid"


@dataclass(frozen=True, eq=False)
class Drawing:
    """All that the plot shows.

    Attributes
    ----------
    axis : where the bands lie
    curves : the lowest first
    left : the title of the vertical axis
    right : of the axis at the right, which endmembers are measured against, or "": they are drawn ``factor`` times as high as they are
    hint : what to do where there is nothing to be drawn
    view : the pixel that is read out, or None
    band : what the band around an endmember is, "" where there is none
    """

    axis: SpectralAxis
    curves: tuple[Curve, ...] = ()
    left: str = ""
    right: str = ""
    factor: float = 1.0
    hint: str = ""
    view: PixelView | None = None
    band: str = ""

    def of(self, kind: Kind) -> list[Curve]:
        """The curves of one kind."""
        return [curve for curve in self.curves if curve.kind == kind]

    def height(self, curve: Curve) -> float:
        """How many times as high as it is a curve is drawn."""
        return self.factor if curve.kind in ("endmember", "beside") else 1.0

    @property
    def lines(self) -> dict[Word, Line]:
        """What lines of endmembers that are not solid mean, {"shaky": "dashed"}."""
        return lines_told(curve.grade for curve in self.of("endmember") if curve.line != "solid")


NOTHING = Drawing(SpectralAxis("index", np.zeros(0)))


def read_out_place(session: Session) -> tuple[int, int] | None:
    """The pixel that is read out: the one under the pointer while Shift is held, else the selected one."""
    return session.hover if session.hover is not None else session.pixel


def read_out(session: Session) -> PixelView | None:
    """The pixel that is read out, with its fit."""
    cube, place, what = session.cube, read_out_place(session), shown(session)
    if cube is None or place is None or not (place[0] < cube.shape[0] and place[1] < cube.shape[1]):
        return None
    return pixel_view(cube, None if what is None else what.content, *place, session.averaging)


def drawing(session: Session, wishes: Wishes) -> Drawing:
    """What the plot shows of the session."""
    cube = session.cube
    if cube is None:
        return replace(NOTHING, hint="Open a cube: its spectra are drawn here.")
    view = read_out(session)
    curves = _curves(session, cube, wishes, view)
    band = _band(session, curves)
    made = Drawing(cube.spectral_axis, curves, shape_title(cube, wishes.shape), view=view, band=band)
    if not curves:
        return replace(made, hint=_hint(session, wishes.view))
    scaled = any(curve.kind == "endmember" for curve in curves) and composition_of(session)
    if wishes.shape is Shape.MEASURED and scaled:
        if wishes.view is View.ENDMEMBERS:
            return replace(made, left="Scaled to maximum 1")
        high = 1.0 if session.survey is None or not session.survey.high > 0 else session.survey.high
        return replace(made, right="Scaled to maximum 1", factor=high)
    return made


def _curves(session: Session, cube: Cube, wishes: Wishes, view: PixelView | None) -> tuple[Curve, ...]:
    if wishes.view is View.PARTS:
        return parts_of_pixel(session, cube, view)
    curves: list[Curve] = []
    if wishes.view is View.REGIONS:
        curves += _regions(session, cube)
    if wishes.view in (View.BOTH, View.ENDMEMBERS):
        beside = _beside(session)
        curves += [*beside, *_endmembers(session, cube, solid=bool(beside))]
    if wishes.view in (View.BOTH, View.PIXEL):
        curves += [*_pins(session, cube), *_pixel(session, cube, view, wishes.shape)]
    return tuple(_in_shape(cube, curve, wishes) for curve in curves)


def _in_shape(cube: Cube, curve: Curve, wishes: Wishes) -> Curve:
    values, deviation = shaped(cube.axis, curve.values, curve.deviation if wishes.spreads else None, wishes.shape)
    return curve if values is curve.values and deviation is curve.deviation else replace(
        curve, values=values, deviation=deviation
    )  # fmt: skip


def _pixel(session: Session, cube: Cube, view: PixelView | None, shape: Shape) -> list[Curve]:
    """The pixel with its fit, or the mean of the image. A residual has no continuum and no size: it is drawn as measured alone."""
    theme = session.theme
    if view is None:
        survey = session.survey
        if survey is None:
            return []
        mean = np.where(cube.good_bands, survey.mean, np.nan)  # it may be of before bands were excluded
        return [Curve("measured", "mean of the image", theme.text, mean)]
    name = "measured" if view.pixels == 1 else f"mean of {view.pixels} pixels"
    curves = [Curve("measured", name, theme.text, view.measured, view.deviation)]
    if view.reconstruction is not None:
        curves.append(_reconstruction(theme, view.reconstruction))
    if view.residual is not None and shape is Shape.MEASURED:
        curves.insert(0, Curve("residual", "residual", theme.muted, view.residual))
    return curves


def _reconstruction(theme: Theme, values: FloatArray) -> Curve:
    return Curve("reconstruction", "reconstruction", RECONSTRUCTION[theme.dark], values)


def _pins(session: Session, cube: Cube) -> list[Curve]:
    colours = pin_colours(len(session.pins))
    curves = []
    for number, (place, colour) in enumerate(zip(session.pins, colours, strict=True)):
        if place[0] < cube.shape[0] and place[1] < cube.shape[1]:  # else the session is just turning to another cube
            view = pixel_view(cube, None, *place, session.averaging)
            curves.append(Curve("pin", pin_label(session, place), colour, view.measured, view.deviation, number=number))
    return curves


def _band(session: Session, curves: Sequence[Curve]) -> str:
    """What the bands around endmembers are, where there are any."""
    what = shown(session)
    if what is None or not any(curve.kind == "endmember" and curve.deviation is not None for curve in curves):
        return ""
    return BANDS[shown_spread(what)[1]]


def _endmembers(session: Session, cube: Cube, *, solid: bool) -> list[Curve]:
    """The endmembers as they are, whatever the pixel: under free illumination their largest value is 1.

    Their lines say how far they can be believed; ``solid``: not where dashes tell the run beside.
    """
    what = shown(session)
    if what is None or what.content.endmembers.shape[1] != cube.shape[2]:
        return []
    few = len(what.names) <= MOST_SPREADS
    spread = shown_spread(what)[0] if few else None
    return [
        Curve(
            "endmember",
            name,
            colour,
            np.where(cube.good_bands, spectrum, np.nan),
            None if spread is None else np.where(cube.good_bands, spread[k], np.nan),
            number=k,
            grade=grade,
            line="solid" if solid else line_of(grade),
        )
        for k, (name, colour, spectrum, grade) in enumerate(
            zip(what.names, what.colours, what.content.endmembers, what.grades, strict=True)
        )
    ]


def _beside(session: Session) -> list[Curve]:
    """The endmembers of the run that is compared with, in the colours of their partners."""
    beside = beside_curves(session)
    if beside is None:
        return []
    named = zip(beside.names, beside.colours, beside.endmembers, strict=True)
    return [
        Curve("beside", f"{name} ({beside.title})", colour, spectrum, number=k)
        for k, (name, colour, spectrum) in enumerate(named)
    ]


def _regions(session: Session, cube: Cube) -> list[Curve]:
    annotation, palette = session.annotation, annotation_row_colours(session)
    if annotation is None:
        return []
    return [
        Curve(
            "region",
            annotation.meaning(label).name or f"region {label}",
            palette.get(label, OTHER_LABEL),
            found.mean,
            found.deviation,
            number=label,
        )
        for label, found in region_means(cube, annotation).items()
    ]


def parts_of_pixel(session: Session, cube: Cube, view: PixelView | None) -> tuple[Curve, ...]:
    """What each endmember adds to the pixel's spectrum, one on the other, up to the reconstruction; before it the measured spectrum."""
    what = shown(session)
    if what is None or view is None or what.content.endmembers.shape[1] != cube.shape[2]:
        return ()
    found = contributions(view, what.content.endmembers)
    if found is None or view.reconstruction is None:
        return ()
    parts, beyond = found
    curves, base = [], np.where(cube.good_bands, 0.0, np.nan)
    for k, (name, colour, part) in enumerate(zip(what.names, what.colours, parts, strict=True)):
        curves.append(Curve("part", name, colour, base + part, base=base, number=k))
        base = base + part
    if np.nanmax(np.abs(beyond), initial=0.0) > 1e-6 * np.nanmax(np.abs(view.reconstruction), initial=0.0):
        curves.append(Curve("part", "beyond linear mixing", session.theme.muted, base + beyond, base=base, number=-1))
    measured = Curve("measured", "measured", session.theme.text, view.measured)
    return (*curves, measured, _reconstruction(session.theme, view.reconstruction))


def _hint(session: Session, view: View) -> str:
    """What to do, in one line."""
    if view is View.REGIONS:
        return "Nothing is painted yet: paint a few places first."
    if shown(session) is None and view in (View.ENDMEMBERS, View.PARTS):
        return "Train first: the endmembers take shape here."
    if view is View.PARTS:
        fitted = read_out_place(session) is not None
        return "This pixel took no part in the fit: click another one." if fitted else "Click a pixel in the image."
    return "Looking at the spectra …"


def table(drawn: Drawing) -> list[list[str]]:
    """What is drawn as a table: a row of titles with units, then a row for each band; ± in a column of its own, nothing where there is no value."""
    columns: list[tuple[str, FloatArray]] = [(drawn.axis.column, drawn.axis.values)]
    for curve in drawn.curves:
        unit = drawn.right if drawn.right and curve.kind in ("endmember", "beside") else drawn.left
        own = curve.values if curve.base is None else curve.values - curve.base
        columns.append((f"{curve.name} [{unit}]", own))
        if curve.deviation is not None:
            columns.append((f"{curve.name} ± [{unit}]", curve.deviation))
    rows = zip(*(_texts(values) for _, values in columns), strict=True)
    return [[name for name, _ in columns], *(list(row) for row in rows)]


def _texts(values: FloatArray) -> list[str]:
    return [f"{value:.7g}" if np.isfinite(value) else "" for value in np.asarray(values, dtype=np.float64).tolist()]


def nearest(drawn: Drawing, place: float, height: float, scale: tuple[float, float]) -> Curve | None:
    """The curve that a pointer at (place, height) is on, the uppermost of several; ``scale`` is what a reach of 1 is in each direction."""
    best, found = 1.0, None
    for curve in drawn.curves:
        if curve.base is not None:
            continue
        distance = _distance(drawn.axis.values, curve.values * drawn.height(curve), place, height, scale)
        if distance <= best:
            best, found = distance, curve
    return found


def _distance(axis: FloatArray, values: FloatArray, place: float, height: float, scale: tuple[float, float]) -> float:
    """How far a point is from a curve, from its pieces between neighbouring bands."""
    order = np.argsort(axis, kind="stable")
    x, y = (axis[order] - place) / scale[0], (values[order] - height) / scale[1]
    across, up = np.diff(x), np.diff(y)  # NaN at a gap: no piece
    along = np.clip(-(x[:-1] * across + y[:-1] * up) / np.maximum(across**2 + up**2, 1e-300), 0, 1)
    pieces = np.hypot(x[:-1] + along * across, y[:-1] + along * up)
    return float(np.nanmin(np.concatenate([pieces, np.hypot(x, y), [np.inf]])))
