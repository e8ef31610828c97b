"""A small run to read, to replace and to damage."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_unmix.answer import Contribution, Unmixing
from napari_unmix.cube import Annotation, Cube, Georeference, Meaning
from napari_unmix.findings import Note, NoteKind
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.run import write_run

REPORT = Report(
    "partly", "Partly: a test.", (Check("regions", "doubtful", 2.0, 3.0, "Two.", "Paint one more.", role="required"),)
)


def full_result(cube: Cube) -> Unmixing:
    """A result with every part that a run's folder has a file for."""
    generator = np.random.default_rng(0)
    height, width, bands = cube.shape
    abundances = generator.dirichlet(np.ones(2), size=(height, width)).astype(np.float32)
    abundances[~cube.valid_pixels] = np.nan
    endmembers = generator.random((2, bands))
    endmembers[:, ~cube.good_bands] = np.nan
    return Unmixing(
        endmembers=endmembers,
        abundances=abundances,
        abundance_std=0.1 * abundances,
        illumination=np.where(cube.valid_pixels, 1.5, np.nan).astype(np.float32),
        reconstruction_error=np.where(cube.valid_pixels, 0.02, np.nan).astype(np.float32),
        names=("rock", "tree"),
        spec=spec_class("ivae")(endmembers=2, seed=5, epochs=3),
        notes=(Note(NoteKind.METHOD, "A note."),),
        history=(("training", 1, float("nan")), ("training", 2, 0.5)),
        regions=generator.integers(0, 3, (height, width)),
        model={"noise.variance": generator.random(22)},
        seconds=1.25,
        contribution=Contribution(
            generator.random((height, width, 3)).astype(np.float32), generator.random((3, bands))
        ),
    )


@pytest.fixture
def run(small_cube: Cube, tmp_path: Path) -> Path:
    """The folder of a run that has every file, of 16×12 pixels, 24 bands and 2 endmembers."""
    labels = np.zeros((16, 12), int)
    labels[0] = 1
    annotation = Annotation(labels, {1: Meaning("material", "rock")})
    placed = Cube(
        small_cube.spectra,
        small_cube.wavelengths,
        small_cube.good_bands,
        small_cube.valid_pixels,
        georeference=Georeference((20.0, 0.0, 5e5, 0.0, -20.0, 5.4e6), "EPSG:32633"),
    )
    return write_run(tmp_path / "run", placed, full_result(placed), REPORT, annotation=annotation)
