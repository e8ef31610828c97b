"""HyperSpy's files (.hspy, .zspy): ``Experiments/NAME/data``, its axes in groups ``axis-0`` … beside it.

Layout: https://hyperspy.org/rosettasciio/file_specification/hspy.html; places are offset + scale · k, or an array ``axis``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_unmix.io.groups.conventions import number
from napari_unmix.io.groups.tree import Attributes, Axis, Tree, Variable, numbers

_UNNAMED = ("", "None", "<undefined>", "_None_", "Undefined")


def with_hyperspy_axes(tree: Tree) -> Tree:
    """The same tree, the axes of each experiment's data described."""
    found = {name: replace(v, axes=axes) for name, v in tree.variables.items() if (axes := _axes(v, tree)) is not None}
    return Tree({**tree.variables, **found}, tree.groups) if found else tree


def _axes(variable: Variable, tree: Tree) -> tuple[Axis, ...] | None:
    experiment, _, name = variable.name.rpartition("/")
    groups = [tree.groups.get(f"{experiment}/axis-{axis}") for axis in range(len(variable.shape))]
    if not experiment.startswith("Experiments/") or name != "data" or None in groups:
        return None
    described = [
        _axis(f"{experiment}/axis-{at}", group or {}, variable.shape[at], tree) for at, group in enumerate(groups)
    ]
    signal = [
        axis
        for axis, group in enumerate(groups)
        if not _truth((group or {}).get("navigate", _navigates(tree, experiment, axis, groups)))
    ]
    if len(signal) == 1 and not described[signal[0]].name:  # the only axis of the signal is the spectral one
        described[signal[0]] = replace(described[signal[0]], name="spectrum")
    return tuple(described)


def _axis(path: str, group: Attributes, length: int, tree: Tree) -> Axis:
    name, unit = (str(group.get(key, "")) for key in ("name", "units"))
    stored = tree.variables.get(f"{path}/axis")
    scale, offset = number(group.get("scale")), number(group.get("offset"))
    values: Any = None
    if stored is not None and stored.shape == (length,):
        values = numbers(stored, path).astype(float)
    elif scale is not None and offset is not None and (scale, offset) != (1.0, 0.0):  # HyperSpy's preset: nobody set it
        values = offset + scale * np.arange(length)
    return Axis("" if name in _UNNAMED else name, "" if unit in _UNNAMED else unit, values)


def _navigates(tree: Tree, experiment: str, axis: int, groups: list[Any]) -> bool:
    """Files of HyperSpy before 1.0 say only what they are recorded by: of a spectrum the last axis is the signal's."""
    records = [
        tree.groups.get(f"{experiment}/{where}", {}).get("record_by")
        for where in ("metadata/Signal", "mapped_parameters")
    ]
    return "spectrum" in records and axis < len(groups) - 1


def _truth(value: Any) -> bool:
    return str(value).lower() in ("true", "1")
