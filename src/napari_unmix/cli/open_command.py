"""Open napari with the docks, and with a cube, or a run and its cube, where one is given."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from napari_unmix.cli.parsing import add_reading_options, option_name, reading_from
from napari_unmix.cli.window import open_window, why_no_window
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.cube import Reading


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "cube",
        metavar="CUBE|RUN",
        nargs="?",
        help="a file or folder: ENVI, TIFF, HDF5, NetCDF, MATLAB, NumPy, Zarr and others; or the folder of a run, which opens with its cube",
    )
    add_reading_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command; returns when the window is closed."""
    from napari_unmix.io import can_read

    reading = reading_from(arguments)
    if arguments.cube is not None:
        path = Path(arguments.cube).expanduser()
        if not path.exists():
            raise UnmixError(f"there is no file {path}: check the path.")
        if path.name == "run.json" or (path / "run.json").is_file():
            _check_run(path.parent if path.name == "run.json" else path, reading)
        elif not can_read(path):
            raise UnmixError(f"{path.name} is no cube that can be read: napari-unmix info {path.name} says why.")
    problem = why_no_window()
    if problem is not None:
        raise UnmixError(problem)
    open_window(arguments.cube, reading=reading)
    return 0


def _check_run(path: Path, reading: Reading) -> None:
    """Raise UnmixError before a window opens: where it is no run of ours, or something is said that the run knows itself."""
    from napari_unmix.output.run import read_origin
    from napari_unmix.reading import written_as

    said = next(iter(written_as(reading)), None)
    if said is not None:
        raise UnmixError(
            f"{shown(path.name)} is a run, whose cube is read as it was: leave {option_name(said)} out, or open the cube itself."
        )
    read_origin(path)
