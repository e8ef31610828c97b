"""What the page and the pictures of a run show, as values; ``drawing`` draws them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import BoolArray, Cube, FloatArray
from napari_unmix.identifiability.report import Grade, Report
from napari_unmix.io.place.ground import ground_of
from napari_unmix.output.bands import BANDS, Means, standard_errors
from napari_unmix.output.composite import composite, composite_name
from napari_unmix.output.drawing import GREY, ByteArray, Curves, opaque, shaded
from napari_unmix.output.grades import grades_of, line_of, lines_in_words, renamed, spreads_of
from napari_unmix.output.palette import endmember_colours
from napari_unmix.rows.inversion import FreeLight, Inversion, inversion
from napari_unmix.spec import MethodSpec


@dataclass(frozen=True, eq=False)
class Page:
    """What the page shows beside the report.

    Attributes
    ----------
    name : of the cube
    spec : of the run
    names : (P,) of the endmembers
    endmembers : (P, B), NaN in excluded bands
    axis : (B,) where the bands lie; ``axis_name`` says in what
    abundances : (H, W, P), NaN in invalid pixels
    spread : (H, W, P) or None
    illumination : (H, W) or None
    picture : (H, W, 3) composite from 0 to 1, or None where the cube is not at hand; ``caption`` says what it shows
    notes : sentences for the user
    colours : (P,) of the endmembers, as "#rrggbb"; () for the palette's
    metres : how long a pixel's upper side is on the ground, None where that is not known
    grades : (P,) how far each endmember can be believed, None where nobody knows; () for none of all
    errors : (P, B) the method's standard errors of the endmembers, or None where it states none
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
    colours: tuple[str, ...] = ()
    metres: float | None = None
    grades: tuple[Grade | None, ...] = ()
    errors: FloatArray | None = None

    @property
    def palette(self) -> tuple[str, ...]:
        """(P,) the colours of the endmembers."""
        return self.colours or tuple(endmember_colours(len(self.names)))

    @property
    def known(self) -> BoolArray:
        """(H, W), False where there are no data."""
        return np.asarray(np.isfinite(self.abundances).all(axis=2))

    @property
    def inversion(self) -> Inversion:
        """How abundances follow from spectra, and what they mean."""
        lit, spec = self.illumination is not None, self.spec
        return inversion(free_light=lit, own_brightness=spec.own_brightness, maps=spec.maps)

    @property
    def curves(self) -> Curves:
        """The endmembers' spectra, with the names of both axes."""
        units = "maximum 1" if self.inversion == FreeLight() else "in the cube's units"
        lines = tuple(line_of(grade) for grade in self.grades)
        return Curves(
            self.axis, self.endmembers, self.axis_name, f"spectrum ({units})", self.palette, self._bands[0], lines
        )

    @property
    def _bands(self) -> tuple[FloatArray | None, Means]:
        """(P, B) around the curves, and what they are: what was measured by the report before what the method states."""
        moved = spreads_of(self.grades, np.asarray(np.isfinite(self.endmembers).all(axis=0)))
        return (self.errors, "standard error") if moved is None else (moved, "left out")

    @property
    def lines_said(self) -> str:
        """What the lines and bands of the curves mean, in a sentence; "" where there is nothing to be said."""
        lines = lines_in_words(self.grades)
        spread, means = self._bands
        band = "" if spread is None else BANDS[means]
        return f"{lines[:1].upper()}{lines[1:]}. {band}".strip() if lines else band

    def grade(self, index: int) -> Grade | None:
        """Of one endmember."""
        return self.grades[index] if self.grades else None


@dataclass(frozen=True, eq=False)
class Map:
    """One map of the scene: ``image`` (H, W, 4), ``fact`` the one number or word beside its name, ``colour`` of its endmember or None.

    ``grade`` is how far the endmember can be believed, None where nobody knows.
    """

    name: str
    fact: str
    image: ByteArray
    colour: str | None = None
    grade: Grade | None = None


def page_of(cube: Cube, result: Unmixing, colours: tuple[str, ...] = ()) -> Page:
    """What the page of this result shows; its endmembers in these ``colours`` ("#rrggbb"), () for the palette's."""
    ground = ground_of(cube.georeference)
    return Page(
        cube.name,
        result.spec,
        result.names,
        result.endmembers,
        cube.axis,
        cube.spectral_axis.title,
        result.abundances,
        result.abundance_std,
        result.illumination,
        composite(cube),
        composite_name(cube),
        (*cube.repairs, *map(str, result.notes)),
        colours,
        ground.right or None,
        errors=standard_errors(result),
    )


def graded(page: Page, report: Report) -> tuple[Page, Report]:
    """The page with the grades of a report, and the report by the page's names."""
    told = renamed(report, page.names)
    grades = grades_of(told, len(page.names))
    return (replace(page, grades=grades), told) if any(grades) else (page, told)


def scene_maps(page: Page) -> list[Map]:
    """The cube's composite, where there is one, and the abundance map of every endmember."""
    cube = [] if page.picture is None else [Map("Cube", page.caption, opaque(page.picture, page.known))]
    shares = np.moveaxis(page.abundances, 2, 0)  # (P, H, W)
    return cube + [
        Map(
            name,
            f"{100 * float(np.nanmean(share, dtype=np.float64)):.0f} %",
            shaded(share, colour),
            colour,
            page.grade(k),
        )
        for k, (name, share, colour) in enumerate(zip(page.names, shares, page.palette, strict=True))
    ]


def further_maps(page: Page) -> list[Map]:
    """The abundances' spread, root mean square over the endmembers, and the illumination, from 0 to their 99th percentiles."""
    found = []
    if page.spread is not None:
        spread = np.sqrt(np.mean(np.square(page.spread, dtype=np.float64), axis=2))
        top = max(float(np.nanpercentile(spread, 99)), 1e-6)
        found.append(Map("Spread", f"0–{100 * top:.1f} %", shaded(spread / top, GREY)))
    if page.illumination is not None:
        top = max(float(np.nanpercentile(page.illumination, 99)), 1e-12)
        found.append(Map("Illumination", f"0–{top:.2g}", shaded(page.illumination / top, GREY)))
    return found
