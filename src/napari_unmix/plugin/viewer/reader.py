"""The reader: hands a path to ``io`` and turns the cube into layers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_unmix.plugin.viewer.layers import LayerData, cube_layers


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """A reader for a hyperspectral file, or None: other people's arrays are not taken."""
    from napari_unmix.io import can_read

    paths = [path] if isinstance(path, (str, Path)) else list(path)
    return read_layers if paths and all(can_read(Path(one)) for one in paths) else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Composite and bands of each file; both carry the cube in their metadata."""
    from napari_unmix.io import read_cube

    paths = [path] if isinstance(path, (str, Path)) else list(path)
    return [layer for one in paths for layer in cube_layers(read_cube(Path(one)))]
