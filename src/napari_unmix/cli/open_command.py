"""Open napari with the docks, and with a cube where one is given."""

from __future__ import annotations

import argparse
from pathlib import Path

from napari_unmix.cli.parsing import add_reading_options, reading_from
from napari_unmix.cli.window import open_window, why_no_window
from napari_unmix.sentences import UnmixError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's options."""
    parser.add_argument(
        "cube",
        metavar="CUBE",
        nargs="?",
        help="a file or folder: ENVI, TIFF, HDF5, NetCDF, MATLAB, NumPy, Zarr and others",
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
        if not can_read(path):
            raise UnmixError(f"{path.name} is no cube that can be read: napari-unmix info {path.name} says why.")
    problem = why_no_window()
    if problem is not None:
        raise UnmixError(problem)
    open_window(arguments.cube, reading=reading)
    return 0
