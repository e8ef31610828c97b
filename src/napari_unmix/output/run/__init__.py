"""The folder of a run: written whole or not at all, and read back.

========================  ===============================================================================
run.json                  spec, seed, title, date, colours, pins, versions, hash of the cube, timings, names, notes, history, how it was found
abundances.npy            (H, W, P) float32, NaN in invalid pixels
abundance_std.npy         (H, W, P) float32, where the method has a spread; run.json says so where not
illumination.npy          (H, W) float32, where the per-pixel scale was free
side_information.npy      (H, W) int32, the auxiliary variable u that was used, 0 = unknown
annotation.npy            (H, W) int32, what was painted; what its labels mean stands in run.json
valid_pixels.npy          (H, W) bool, the pixels that took part
sample.npy                (H, W, B) float32, the cube itself where that is a sample of several; which of them a pixel is of: acquisitions.npy
endmembers.csv            one row per band (``nan`` in excluded ones), first its place: ``wavelength_nm``, ``wavenumber_cm-1``, ``band`` …
pins.csv                  the measured spectra of pins, where the window's export wrote the run and there were any
endmembers.sli, .hdr      the same as an ENVI spectral library
report.json               the identifiability report; run.json says so where the run was written before it was checked
report.html               the same as a page, where ``napari-unmix report`` wrote it
model.safetensors         the fitted parameters
again.py                  a script that repeats the run, for people; nothing of ours runs it
========================  ===============================================================================

``schema`` says what may stand in the two JSON files, ``arrays`` and ``table`` what in the others; ``place`` says where a run may be written,
``identity`` which data it belongs to, ``keeping`` has those that no file has, ``origin`` how to have
them again, ``recipe`` how to say the run as a command or in Python.
"""

from napari_unmix.output.run.card import Card
from napari_unmix.output.run.folder import Run
from napari_unmix.output.run.identity import annotation_hash, cube_hash
from napari_unmix.output.run.origin import Origin
from napari_unmix.output.run.place import OURS, DestinationTaken, check_destination, free_folder, holds_run
from napari_unmix.output.run.plain import json_text, write_json
from napari_unmix.output.run.read import read_origin, read_run
from napari_unmix.output.run.schema import FORMAT
from napari_unmix.output.run.table import write_pins
from napari_unmix.output.run.write import mean_abundances, rewrite_card, write_run

__all__ = [
    "FORMAT",
    "OURS",
    "Card",
    "DestinationTaken",
    "Origin",
    "Run",
    "annotation_hash",
    "check_destination",
    "cube_hash",
    "free_folder",
    "holds_run",
    "json_text",
    "mean_abundances",
    "read_origin",
    "read_run",
    "rewrite_card",
    "write_json",
    "write_pins",
    "write_run",
]
