"""From cubes, maps and paint to what napari shows, and back. Only here is napari's axis order (B, Y, X) known."""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.identifiability.report import Grade
from napari_unmix.output.composite import composite, sampled
from napari_unmix.output.palette import rgb
from napari_unmix.plugin.facts.derived import View
from napari_unmix.plugin.facts.images import same_image
from napari_unmix.plugin.facts.seen import COLORMAPS

LayerData = tuple[Any, dict[str, Any], str]

ROLE = "napari_unmix"  # metadata key: what the layer is to us
ADOPTED = "napari_unmix_adopted"  # metadata key: the layer was another's before
ADVICE = "napari_unmix_advice"  # metadata key: settings that suit the cube
PREFIX = "napari_unmix_prefix"  # metadata key: what stands before the layer's name, of its cube
GRADE = "napari_unmix_grade"  # metadata key: how far the endmember of a map can be believed, and why; absent where nobody knows
LEFT = "napari_unmix_left"  # metadata key: runs and settings that a closed dock left
PAINT = ("annotation", "mark", "places")  # roles of what lies above all maps
MARK_PIXELS, MARK_MIDDLE, MARK_HALF_WIDTH = 41, 0.8, 0.18


def cube_layers(cube: Cube, advice: Mapping[str, Any] | None = None) -> list[LayerData]:
    """The layers of a cube: its bands, hidden, and above them the composite, visible.

    Both carry the cube, and the settings of the method that suit it.
    """
    carried = {"cube": cube, ADVICE: dict(advice or {})}
    low, high = band_limits(cube)
    bands = {
        "name": f"{cube.name} bands",
        "rgb": False,
        "visible": False,
        "contrast_limits": (low, high),
        "axis_labels": ("band", "row", "column"),
        "metadata": {**carried, ROLE: "bands"},
        **placement(cube, 3),
    }
    composite_options = {
        "name": f"{cube.name} composite",
        "rgb": True,
        "metadata": {**carried, ROLE: "composite"},
        **placement(cube, 2),
    }
    return [(planes(cube), bands, "image"), (composite(cube), composite_options, "image")]


def planes(cube: Cube) -> FloatArray:
    """(B, H, W) the bands as napari shows them; the spectra themselves, not a copy. Of a cube that stays in its file, its ``overview``."""
    return np.moveaxis(cube.overview.spectra, 2, 0)


def placement(cube: Cube, axes: int) -> dict[str, tuple[float, ...]]:
    """Where an image of a cube lies, so that a step on the canvas is a pixel: the overview of a cube in its file is drawn larger."""
    step = cube.overview_step
    before = axes - 2
    return {"scale": (*(1.0,) * before, step, step), "translate": (*(0.0,) * before, step // 2, step // 2)}


def to_pixel(cube: Cube, place: FloatArray) -> FloatArray:
    """(row, column) in a cube of a place (2,) in the data of its image."""
    return place * cube.overview_step + cube.overview_step // 2


def from_pixel(cube: Cube, pixel: tuple[int, int]) -> tuple[float, float]:
    """The reverse."""
    step = cube.overview_step
    return (pixel[0] - step // 2) / step, (pixel[1] - step // 2) / step


def annotation_layer(annotation: Annotation, cube: Cube) -> LayerData:
    """The painting as a 2-D labels layer in the cube's plane."""
    options = {"name": "annotation", "metadata": {"cube": cube, "annotation": annotation, ROLE: "annotation"}}
    return annotation.labels.astype(np.int32), options, "labels"


def mark_layer(pixel: tuple[int, int], size: int, cube: Cube | None) -> LayerData:
    """A ring around the selected pixel, as a small picture: napari takes 0.4 s for the first points layer."""
    across = np.linspace(-1, 1, MARK_PIXELS)
    radius = np.hypot(across[:, None], across[None, :])
    ring = np.zeros((MARK_PIXELS, MARK_PIXELS, 4), np.float32)
    ring[..., :3] = (radius < MARK_MIDDLE)[..., None]  # white inside, black outside: seen on any map
    ring[..., 3] = np.clip(1 - np.abs(radius - MARK_MIDDLE) / MARK_HALF_WIDTH, 0, 1) ** 0.5
    options = {
        "name": "selected pixel",
        "rgb": True,
        "scale": (size / MARK_PIXELS,) * 2,
        "translate": mark_place(pixel, size),
        "interpolation2d": "linear",
        "metadata": {"cube": cube, ROLE: "mark"},
    }
    return ring, options, "image"


def mark_place(pixel: tuple[int, int], size: int) -> tuple[float, float]:
    """Where the ring's first pixel lies, so that its middle is the selected pixel."""
    half = size * (MARK_PIXELS - 1) / MARK_PIXELS / 2
    return pixel[0] - half, pixel[1] - half


def layer_role(layer: Any) -> str:
    """What a layer is to us, "" for other people's."""
    return str(layer.metadata.get(ROLE, ""))


def layer_cube(layer: Any) -> Cube | None:
    """The cube that a layer carries; None also where it was closed since."""
    cube = layer.metadata.get("cube")
    if isinstance(cube, weakref.ref):
        cube = cube()
    return cube if isinstance(cube, Cube) else None


def of_closed_cube(layer: Any) -> bool:
    """Whether a layer stayed of a cube that is closed."""
    return "cube" in layer.metadata and layer_cube(layer) is None


def hold(layer: Any, *, strongly: bool) -> None:
    """Hold the cube that a layer carries, or only know it while others hold it."""
    cube = layer_cube(layer)
    if "cube" in layer.metadata:
        layer.metadata["cube"] = cube if strongly or cube is None else weakref.ref(cube)


def let_go(layer: Any) -> None:
    """The cube of a layer that stays was closed: carry it no longer."""
    layer.metadata["cube"] = None


def band_limits(cube: Cube) -> tuple[float, float]:
    """Contrast limits of the band stack, from evenly spread pixels: napari's own search would read the whole cube."""
    values = sampled(cube)[:, cube.good_bands]
    values = values[np.isfinite(values)]
    low, high = np.percentile(values[:: max(1, values.size // 500_000)], [1, 99.5]) if values.size else (0.0, 1.0)
    return (float(low), float(high)) if high > low else (float(low), float(low) + 1.0)


def abundance_options(cube: Cube, index: int, name: str, colour: str) -> dict[str, Any]:
    """Options of one abundance layer: 2-D, additive, black to the endmember's colour, limits 0–1."""
    return {
        "name": name,
        "rgb": False,
        "colormap": black_to(colour),
        "blending": "additive",
        "contrast_limits": (0.0, 1.0),
        "metadata": {"cube": cube, ROLE: "abundance", "endmember": index, "colour": colour},
    }


def put_grade(layer: Any, grade: Grade | None) -> None:
    """Say in the metadata of a map how far its endmember can be believed: its name has to stay the endmember's."""
    if grade is None:
        layer.metadata.pop(GRADE, None)
    else:
        layer.metadata[GRADE] = {"word": grade.word, "sentence": grade.sentence, "remedy": grade.remedy}


def abundance_plane(abundances: FloatArray, index: int) -> FloatArray:
    """(H, W) contiguous map of one endmember, 0 where there is no data."""
    return np.nan_to_num(np.ascontiguousarray(abundances[:, :, index], dtype=np.float32), nan=0.0)


def derived_options(cube: Cube, view: View, title: str) -> dict[str, Any]:
    """Options of the layer of a further map: it covers what is below."""
    options: dict[str, Any] = {"name": title, "metadata": {"cube": cube, ROLE: "derived", "napari_unmix_title": title}}
    if view.kind == "dominant":
        return {**options, "opacity": 1.0}
    return {**options, "rgb": False, "colormap": COLORMAPS[view.kind]}


def place_below(layers: Sequence[Any], cube: Cube | None, roles: Sequence[str]) -> int:
    """Where a layer goes so that this cube's layers of these roles stay above it."""
    above = (k for k, layer in enumerate(layers) if layer_role(layer) in roles and same_image(layer_cube(layer), cube))
    return min(above, default=len(layers))


def black_to(colour: str) -> Any:
    """A colormap from black to a colour."""
    from napari.utils import Colormap

    return Colormap([[0.0, 0.0, 0.0, 1.0], [*rgb(colour), 1.0]], name=f"to {colour}")


def label_colormap(colours: dict[int, str]) -> Any:
    """A labels colormap: unpainted is clear, each label has its colour."""
    from napari.utils import DirectLabelColormap

    table: dict[int | None, Any] = {label: [*rgb(colour), 1.0] for label, colour in colours.items()}
    return DirectLabelColormap(color_dict={0: [0, 0, 0, 0], None: [0.6, 0.6, 0.6, 1.0], **table})
