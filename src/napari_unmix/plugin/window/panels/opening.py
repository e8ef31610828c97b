"""Choosing the file of a cube."""

from __future__ import annotations

from qtpy.QtWidgets import QFileDialog, QWidget

from napari_unmix.io import SUFFIXES
from napari_unmix.plugin.verbs.controller import Controller

FILES = f"Hyperspectral cubes ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"
OPEN_TIP = "Open a hyperspectral file: ENVI, TIFF, HDF5, NetCDF, MATLAB, NumPy, Zarr and others."
SAMPLE_TIP = "Open a synthetic mixture of measured spectra (5 materials, 128×128 pixels) with a first painting."


def choose_cube(parent: QWidget, controller: Controller) -> None:
    """Ask for a file, and open it."""
    path, _ = QFileDialog.getOpenFileName(parent, "Open a hyperspectral cube", "", FILES)
    if path:
        controller.open(path)
