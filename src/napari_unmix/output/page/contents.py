"""What the page and the pictures of a run show, as values; ``drawing`` draws them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import BoolArray, Cube, FloatArray
from napari_unmix.io.place.ground import ground_of
from napari_unmix.output.composite import composite, composite_name
from napari_unmix.output.drawing import GREY, ByteArray, Curves, opaque, shaded
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
        return inversion(free_light=self.illumination is not None, own_brightness=self.spec.own_brightness)

    @property
    def curves(self) -> Curves:
        """The endmembers' spectra, with the names of both axes."""
        units = "maximum 1" if self.inversion == FreeLight() else "in the cube's units"
        return Curves(self.axis, self.endmembers, self.axis_name, f"spectrum ({units})", self.palette)


@dataclass(frozen=True, eq=False)
class Map:
    """One map of the scene: ``image`` (H, W, 4), ``fact`` the one number or word beside its name, ``colour`` of its endmember or None."""

    name: str
    fact: str
    image: ByteArray
    colour: str | None = None


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
    )


def scene_maps(page: Page) -> list[Map]:
    """The cube's composite, where there is one, and the abundance map of every endmember."""
    cube = [] if page.picture is None else [Map("Cube", page.caption, opaque(page.picture, page.known))]
    shares = np.moveaxis(page.abundances, 2, 0)  # (P, H, W)
    return cube + [
        Map(name, f"{100 * float(np.nanmean(share, dtype=np.float64)):.0f} %", shaded(share, colour), colour)
        for name, share, colour in zip(page.names, shares, page.palette, strict=True)
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
