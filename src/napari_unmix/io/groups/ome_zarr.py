"""OME-Zarr, 0.4 and 0.5: the full resolution of an image, its axes by name, and wavelengths from the names of its channels.

https://ngff.openmicroscopy.org/0.5/ (multiscales, omero)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_unmix.io.groups.tree import Attributes, Axis, Tree
from napari_unmix.io.raster.band_names import wavelengths_of_names


def with_ome_axes(tree: Tree) -> Tree:
    """The same tree with the axes of each image described; lower resolutions of an image are left out, and so are labels."""
    variables = dict(tree.variables)
    for group, attributes in tree.groups.items():
        for image in _images(attributes):
            names = [str(part.get("path", "")) for part in image.get("datasets", ()) if isinstance(part, dict)]
            paths = [f"{group}/{name}".strip("/") for name in names]
            for path in paths[1:] if "labels" not in group.split("/") else paths:
                variables.pop(path, None)
            if paths and paths[0] in variables:
                full = variables[paths[0]]
                variables[paths[0]] = replace(full, axes=_axes(image, attributes, full.shape) or full.axes)
    return Tree(variables, tree.groups)


def _images(attributes: Attributes) -> list[dict[str, Any]]:
    """``multiscales`` of 0.4, or under ``ome`` of 0.5."""
    found = (
        (attributes.get("ome") or {}).get("multiscales")
        if isinstance(attributes.get("ome"), dict)
        else attributes.get("multiscales")
    )
    return [image for image in found if isinstance(image, dict)] if isinstance(found, list) else []


def _axes(image: dict[str, Any], attributes: Attributes, shape: tuple[int, ...]) -> tuple[Axis, ...]:
    listed = image.get("axes")
    if not isinstance(listed, list) or len(listed) != len(shape):
        return ()
    scale, shift = _coordinates(image, len(shape))
    axes = []
    for place, axis in enumerate(listed):
        known = axis if isinstance(axis, dict) else {"name": axis}  # 0.3 lists names only
        name, unit = str(known.get("name", "")), str(known.get("unit") or "")
        values = None
        if known.get("type") == "channel" or name in ("c", "lambda"):
            named = wavelengths_of_names(_channels(attributes)) if len(_channels(attributes)) == shape[place] else None
            values, unit = (np.array(named[0]), named[1]) if named else (None, unit)
        if values is None and name not in ("x", "y", "z", "t", "c") and unit:
            values = shift[place] + scale[place] * np.arange(shape[place])
        axes.append(Axis(name, unit, values))
    return tuple(axes)


def _channels(attributes: Attributes) -> list[str]:
    within = attributes.get("ome") if isinstance(attributes.get("ome"), dict) else attributes
    channels = ((within or {}).get("omero") or {}).get("channels") or []
    return [str(channel.get("label", "")) for channel in channels if isinstance(channel, dict)]


def _coordinates(image: dict[str, Any], axes: int) -> tuple[list[float], list[float]]:
    """Scale and translation of the full resolution."""
    scale, shift = [1.0] * axes, [0.0] * axes
    first = next(iter(image.get("datasets") or [{}]))
    for step in first.get("coordinateTransformations") or []:
        for kind, target in (("scale", scale), ("translation", shift)):
            listed = step.get(kind)
            if step.get("type") == kind and isinstance(listed, list) and len(listed) == axes:
                target[:] = [float(value) for value in listed]
    return scale, shift
