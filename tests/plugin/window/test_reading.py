"""Correcting how a file is read, in the window: every option, undone, with two cubes, with a painting, with a result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit
from tests.plugin.window.conftest import scene

from napari_unmix.plugin.facts.session import current_report

BORDER = 6  # columns of 7, which the user knows to be no data


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A scene with a border, bands first."""
    spectra = scene().spectra * 100
    spectra[:, :BORDER] = np.linspace(7, 8, spectra.shape[2])
    np.savez(tmp_path / "bordered.npz", stack=np.moveaxis(spectra, 2, 0), wavelength=np.linspace(450, 900, 20))
    return tmp_path / "bordered.npz"


def lines(window: Any) -> dict[str, QLineEdit]:
    """The lines of the form, by title."""
    return {line.accessibleName(): line for line in window.widget.panels[0]._reader.findChildren(QLineEdit)}


def write(window: Any, title: str, text: str) -> None:
    """Click into a line, replace what it says, press Enter."""
    line = lines(window)[title]
    window.qtbot.mouseClick(line, Qt.MouseButton.LeftButton)
    line.selectAll()
    window.qtbot.keyClicks(line, text) if text else line.clear()
    window.qtbot.keyClick(line, Qt.Key.Key_Return)


def open_file(window: Any, file: Path) -> None:
    """Open a file beside the cube that is open."""
    window.with_fakes(10)
    window.controller.open(file)
    window.wait_for(lambda: window.session.cube is not None and window.session.cube.name == file.stem)


def test_a_scale_is_corrected_and_undone(window: Any, file: Path) -> None:
    open_file(window, file)
    count = len(window.viewer.layers)
    first = window.session.cube
    window.press("Reading…")
    assert not window.button("Undo").isEnabled()
    write(window, "Scale", "100")
    window.wait_for(lambda: window.session.cube is not first)
    cube = window.session.cube
    np.testing.assert_allclose(cube.spectra, first.spectra / 100, rtol=1e-6)
    assert len(window.session.cubes) == 2
    assert len(window.viewer.layers) == count
    bands = window.viewer.layers["bordered bands"]
    np.testing.assert_array_equal(bands.data, np.moveaxis(cube.spectra, 2, 0))
    assert bands.metadata["cube"] is cube
    assert bands.contrast_limits[1] < 1.5
    assert lines(window)["Scale"].text() == "100.0"
    window.press("Undo")
    window.wait_for(lambda: window.session.cube.scale == 1)
    np.testing.assert_array_equal(window.session.cube.spectra, first.spectra)
    assert lines(window)["Scale"].text() == ""
    assert not window.button("Undo").isEnabled()
    window.settle()


def test_a_painting_and_the_other_cube_stay(window: Any, file: Path) -> None:
    open_file(window, file)
    window.controller.new_annotation()
    window.qtbot.wait(50)
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 20:30] = 3
    window.controller.set_labels(labels)
    other = window.session.cubes[0]
    window.press("Reading…")
    write(window, "Scale", "10")
    window.wait_for(lambda: window.session.cube.scale == 10)
    np.testing.assert_array_equal(window.session.annotation.labels, labels)
    assert window.session.cubes[0] is other
    window.controller.set_cube(other)
    assert lines(window)["Scale"].text() == "" or not lines(window)["Scale"].isVisible()
    window.controller.set_cube(window.session.cubes[1])
    assert lines(window)["Scale"].text() == "10.0"
    np.testing.assert_array_equal(window.session.annotation.labels, labels)
    window.settle()


def test_a_word_that_is_no_number_is_a_sentence_in_the_step(window: Any, file: Path) -> None:
    open_file(window, file)
    first = window.session.cube
    window.press("Reading…")
    write(window, "Scale", "many")
    assert any(text.startswith("“Scale” is many: give the positive number") for text in window.texts())
    assert window.session.cube is first
    write(window, "Scale", "")
    assert window.session.trouble is None
    assert window.session.cube is first
    window.settle()


def test_a_file_that_went_away_leaves_the_cube(window: Any, file: Path) -> None:
    open_file(window, file)
    first = window.session.cube
    window.press("Reading…")
    file.unlink()
    write(window, "Scale", "10")
    window.wait_for(lambda: window.session.trouble is not None)
    assert "There is no file" in window.session.trouble.sentence
    assert window.session.cube is first
    assert not window.button("Undo").isEnabled()
    window.settle()


def test_another_size_turns_the_image(window: Any, file: Path) -> None:
    open_file(window, file)
    window.press("Reading…")
    write(window, "Bands axis", "last")
    window.wait_for(lambda: window.session.cube.shape == (20, 40, 50))
    assert window.viewer.layers["bordered bands"].data.shape == (50, 20, 40)
    window.press("Undo")
    window.wait_for(lambda: window.session.cube.shape == (40, 50, 20))
    window.settle()


def test_a_result_is_out_of_date_and_kept(window: Any, file: Path) -> None:
    open_file(window, file)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    answer = window.session.run
    window.press("Reading…")
    write(window, "Scale", "10")
    window.wait_for(lambda: window.session.cube.scale == 10)
    assert (window.session.run.number, window.session.run.unmixing) == (answer.number, answer.unmixing)
    assert any("read in another way since" in text for text in window.texts())
    window.settle()


def test_excluded_bands_are_kept_with_the_cube(window: Any, file: Path) -> None:
    open_file(window, file)
    window.controller.exclude_bands("500-600")
    window.wait_for(lambda: not window.session.cube.good_bands.all())
    good = window.session.cube.good_bands
    assert window.session.cube.reading.bands == "all,1-3,8-20"
    window.press("Reading…")
    write(window, "Scale", "10")
    window.wait_for(lambda: window.session.cube.scale == 10)
    np.testing.assert_array_equal(window.session.cube.good_bands, good)
    window.settle()
