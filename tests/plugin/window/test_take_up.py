"""A training that a crash ended is offered when its cube is opened again, and the mouse takes it up."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.plugin.window.conftest import fake_assess, scene

from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.io import read_cube
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.plugin.verbs.shelf import Shelf
from napari_unmix.progress import drain

SPEC = spec_class("vae").model_validate({"method": "vae", "endmembers": 3, "epochs": 3, "seed": 5})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.savez(tmp_path / "scene.npz", cube=scene().spectra, wavelengths=scene().wavelengths)
    return tmp_path / "scene.npz"


def killed(shelf: Shelf, cube: Cube, painting: Annotation) -> None:
    """A training that went as far as its 12th step, and then without a word."""
    fit = shelf.kept(cube, SPEC, painting, unmix(cube, SPEC, painting))
    for _ in range(12):
        next(fit)
    (file,) = shelf.folder.iterdir()
    content = file.read_bytes()
    fit.close()
    file.write_bytes(content)


def test_the_mouse_takes_up_what_was_interrupted(window: Any, file: Path, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "trainings", every=0.0)
    cube, labels = read_cube(file), np.zeros((40, 50), np.int32)
    labels[5:10] = 1
    painting = Annotation(labels, {1: Meaning("material", "rock")})
    whole = drain(unmix(cube, SPEC, painting))
    killed(shelf, cube, painting)
    later = replace(shelf, every=60.0)
    window.seam.put(
        unfinished=later.unfinished, unmix=lambda *what: later.kept(*what, unmix(*what)), assess=fake_assess
    )
    window.drop(file)
    window.ready()
    (button,) = [b for b in window.widget.panels[3].findChildren(type(window.button("Train"))) if "%" in b.text()]
    assert button.isVisible()
    assert button.text().startswith("Resume the training of ")
    window.press(button.text())
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None, 60)
    assert not button.isVisible()
    assert window.session.spec == SPEC
    (painted,) = [layer for layer in window.viewer.layers if type(layer).__name__ == "Labels"]
    np.testing.assert_array_equal(painted.data, labels)
    assert window.session.run.unmixing.abundances.tobytes() == whole.abundances.tobytes()
    assert window.session.run.unmixing.history == whole.history
    assert list(shelf.folder.iterdir()) == []


def test_without_one_nothing_is_offered(window: Any) -> None:
    window.with_fakes(3)
    assert not [b for b in window.widget.panels[3].findChildren(type(window.button("Train"))) if "%" in b.text()]
