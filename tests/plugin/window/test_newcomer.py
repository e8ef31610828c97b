"""The way of a newcomer, by mouse and keys, with every press counted: from an empty window to named maps, and from a drop to a GeoTIFF."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLineEdit, QScrollArea

from napari_unmix.plugin.facts.session import current_report, shown
from napari_unmix.plugin.window.panels.endmember_row import NameEdit

MATERIALS = ("calcite", "grass", "soil")


class Person:
    """Does what a person does, and counts what the mouse does."""

    def __init__(self, window: Any) -> None:
        self.window, self.actions = window, 0

    def press(self, label: str) -> None:
        """Press a button."""
        self.window.press(label)
        self.actions += 1

    def name(self, index: int, name: str) -> None:
        """Double-click an endmember's name, write, Enter."""
        edits = [e for e in self.window.widget.findChildren(QLineEdit) if isinstance(e, NameEdit) and e.isVisible()]
        self.window.widget.findChild(QScrollArea).ensureWidgetVisible(edits[index])
        self.window.qtbot.mouseDClick(edits[index], Qt.MouseButton.LeftButton)
        self.window.qtbot.keyClicks(edits[index], name)
        self.window.qtbot.keyClick(edits[index], Qt.Key.Key_Return)
        self.actions += 1

    def wait_for_the_result(self) -> None:
        """Watch."""
        self.window.wait_for(lambda: current_report(self.window.session) is not None, 30)
        self.window.wait_for(lambda: self.window.session.state == "idle")
        self.window.wait_for(lambda: len(self.window.maps()) == len(shown(self.window.session).names))  # one a turn
        self.window.qtbot.wait(100)


def test_from_the_sample_to_named_maps_in_under_ten_clicks(window: Any) -> None:
    person = Person(window)
    person.press("Try the sample")
    window.wait_for(lambda: window.session.annotation is not None, 60)
    window.ready()
    cube = window.session.cube
    rng = np.random.default_rng(0)
    three = rng.uniform(0.1, 0.9, (3, cube.shape[2]))
    window.seam.put(unmix=fit_of(three), assess=checks)
    person.press("Train")
    person.wait_for_the_result()
    for index, name in enumerate(MATERIALS):
        person.name(index, name)
    assert shown(window.session).names == MATERIALS
    assert [layer.name for layer in window.maps()] == list(MATERIALS)
    assert person.actions < 10


def test_from_a_dropped_scene_to_a_geotiff(window: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No question is asked on the way, and the map stands where the scene stands."""
    import tifffile

    person = Person(window)
    window.drop(scene_with_a_place(tmp_path))
    person.actions += 1
    window.wait_for(lambda: window.session.cube is not None, 30)
    window.ready()
    three = np.random.default_rng(0).uniform(0.1, 0.9, (3, window.session.cube.shape[2]))
    window.seam.put(unmix=fit_of(three), assess=checks)
    person.press("Train")
    person.wait_for_the_result()
    person.name(0, "tree")
    path = tmp_path / "maps.tif"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, **__: (str(path), ""))
    export = window.button("Export…")
    entry = next(action for action in export.menu().actions() if "GeoTIFF" in action.text())
    entry.trigger()  # the menu, and the file's name
    person.actions += 3
    window.wait_for(lambda: window.session.exported is not None, 30)
    with tifffile.TiffFile(path) as file:
        tags = file.pages[0].tags
        assert tuple(tags["ModelTiepointTag"].value)[3:5] == (500000.0, 4100000.0)
        assert file.series[0].shape[-2:] == (12, 14) or file.series[0].shape[:2] == (12, 14)
    assert person.actions < 10


def scene_with_a_place(folder: Path) -> Path:
    """A small ENVI scene with map information."""
    values = np.random.default_rng(0).uniform(0.1, 0.9, (12, 14, 10)).astype("<f4")
    (folder / "scene.img").write_bytes(values.transpose(2, 0, 1).tobytes())
    lines = [
        "ENVI",
        "samples = 14",
        "lines = 12",
        "bands = 10",
        "data type = 4",
        "interleave = bsq",
        "byte order = 0",
        "header offset = 0",
        "map info = {UTM, 1, 1, 500000, 4100000, 30, 30, 11, North, WGS-84, units=Meters}",
        f"wavelength = {{{', '.join(str(400 + 50 * k) for k in range(10))}}}",
        "wavelength units = Nanometers",
    ]
    (folder / "scene.hdr").write_text("\n".join(lines) + "\n")
    return folder / "scene.hdr"


def fit_of(endmembers: np.ndarray) -> Any:
    """A fit that finds these at once."""
    from napari_unmix.answer import Unmixing
    from napari_unmix.progress import Fit, Preview, Progress

    def fit(cube: Any, spec: Any, annotation: Any) -> Fit[Unmixing]:
        height, width, _ = cube.shape
        abundances = np.random.default_rng(0).dirichlet(np.ones(3), (height, width)).astype(np.float32)
        yield Progress("finding", 0, 1, 0.5, 1.0, lambda: Preview(endmembers, abundances))
        names = ("endmember 1", "endmember 2", "endmember 3")
        error = np.zeros((height, width), np.float32)
        return Unmixing(endmembers, abundances, None, None, error, names, spec, seconds=1.0)

    return fit


def checks(cube: Any, result: Any) -> Any:
    """One check that passed."""
    from napari_unmix.identifiability.report import Check, Report
    from napari_unmix.progress import Progress

    yield Progress("checking", 0, 1, 0.0)
    return Report("partly", "Partly: so.", (Check("stable", "pass", 0.2, 1.0, "So.", role="veto"),))
