"""The reader: hands a path to ``io`` and turns the cube into layers; of a run's folder, the cube of the run, which remembers the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_unmix.plugin.viewer.layers import LayerData, cube_layers

RUN = "napari_unmix_run"  # metadata key: the folder of the run that is to be opened with the cube
# A viewer with docks, by its hash -> who opens a run there: with a cube that is open already, and not in the thread of the window.
OPENERS: dict[int, Callable[[Path], None]] = {}


def get_reader(path: str | list[str]) -> Callable[[Any], list[LayerData]] | None:
    """A reader for a hyperspectral file or a run's folder, or None: other people's arrays are not taken."""
    from napari_unmix.io import can_read

    paths = [path] if isinstance(path, (str, Path)) else list(path)
    return read_layers if paths and all(run_folder(Path(one)) or can_read(Path(one)) for one in paths) else None


def run_folder(path: Path) -> Path | None:
    """The folder of a run, of its own path or that of its ``run.json``; None where there is none. Whether it can be read is seen when it is."""
    path = path.expanduser()
    folder = path.parent if path.name == "run.json" else path
    return folder.absolute() if (folder / "run.json").is_file() else None


def read_layers(path: str | list[str]) -> list[LayerData]:
    """Composite and bands of each file; both carry the cube in their metadata. A run of a viewer with docks is opened by these."""
    paths = [path] if isinstance(path, (str, Path)) else list(path)
    made = [layer for one in paths for layer in _layers(Path(one))]
    return made or [(None,)]  # type: ignore[list-item] # what napari takes as: nothing to add


def _layers(path: Path) -> list[LayerData]:
    from napari_unmix.io import read_cube

    folder = run_folder(path)
    if folder is None:
        return cube_layers(read_cube(path))
    import napari

    opener = OPENERS.get(hash(napari.current_viewer()))
    if opener is not None:
        opener(folder)
        return []
    from napari_unmix.output.run import read_origin

    layers = cube_layers(read_origin(folder).cube())
    layers[-1][1]["metadata"][RUN] = folder
    return layers
