"""*Probe classes…*: two classes painted with the mouse are told apart by the maps, in the real window; undo, a second cube, a cancel."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QPushButton, QTableWidget

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.plugin.viewer.layers import cube_layers
from napari_unmix.plugin.window.panels.probe import CANCEL, PROBE, ProbePart, ProbeWindow
from napari_unmix.progress import Fit, Progress

SPECTRA = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20))
# Mostly the first material above, mostly the second below; the third is everywhere alike.
SHARES = np.random.default_rng(1).dirichlet(np.ones(3), (40, 50)).astype(np.float32)
SHARES = 0.4 * SHARES + 0.6 * np.eye(3, dtype=np.float32)[(np.arange(40) >= 20).astype(int)][:, None]
NAMES = ("water", "tree", "soil")


def unmix(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """The truth."""
    yield Progress("mixing", 0, 1, 0.0)
    error = np.zeros(cube.shape[:2], np.float32)
    return Unmixing(SPECTRA, SHARES, None, None, error, NAMES, spec, seconds=1.0)


def add(window: Any, name: str) -> None:
    noise = np.random.default_rng(len(name)).normal(0, 0.01, (40, 50, 20))
    for data, options, _ in cube_layers(Cube(SHARES @ SPECTRA + noise, np.linspace(450, 900, 20), name=name)):
        window.viewer.add_image(data, **options)
    window.ready()


def key(window: Any, which: Any, *, shift: bool = False) -> None:
    control = Qt.KeyboardModifier.ControlModifier
    modifiers = control | Qt.KeyboardModifier.ShiftModifier if shift else control
    window.qtbot.keyClick(window.viewer.window._qt_viewer.canvas.native, which, modifiers)
    window.qtbot.wait(50)


@pytest.fixture
def place(window: Any) -> Any:
    """A cube with a run, of which two classes are painted: mostly the first material, mostly the second."""
    window.with_fakes(1)
    window.seam.put(unmix=unmix)
    window.viewer.layers.clear()
    window.settle()
    add(window, "field")
    window.press("New annotation")
    window.drag((6, 3), (6, 25), (6, 46))
    window.press("Next region")
    window.drag((32, 3), (32, 25), (32, 46))
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    return window


def probe_button(window: Any) -> Any:
    return next(b for b in window.widget.findChild(ProbePart).findChildren(QPushButton) if b.text() in (PROBE, CANCEL))


def table(window: Any, name: str) -> list[list[str]]:
    seen = window.widget.findChild(ProbeWindow)
    found = next(one for one in seen.findChildren(QTableWidget) if one.accessibleName() == name)
    cells = [[found.item(line, k) for k in range(found.columnCount())] for line in range(found.rowCount())]
    return [[cell.text() for cell in line] for line in cells]


def test_classes_are_probed_undone_and_each_cube_keeps_its_table(place: Any) -> None:
    window = place
    # 1. The maps tell both apart, and the second material speaks for the class below.
    window.press(PROBE)
    window.wait_for(lambda: window.session.probing is None)
    assert window.session.trouble is None
    seen = window.widget.findChild(ProbeWindow)
    assert seen.isVisible()
    rows = table(window, "Balanced accuracy")
    assert [line[0] for line in rows] == ["raw spectra", f"{window.session.run.title}, abundances"]
    assert all(int(line[2].removesuffix(" %")) >= 95 for line in rows)
    spoken = table(window, "Materials that speak for each class")
    assert [line[1] for line in spoken] == ["class 1", "class 2"]
    assert spoken[0][3].startswith("water +")
    assert spoken[0][4].startswith("tree −")
    assert spoken[1][3].startswith("tree +")
    assert any(text.startswith("best: ") for text in window.texts())
    # 2. As text for other programs; Escape closes the window.
    copy = next(one for one in seen.findChildren(QPushButton) if one.text() == "Copy as CSV")
    window.qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    lines = QApplication.clipboard().text().splitlines()
    assert lines[0].startswith("Features,Numbers,Balanced accuracy")
    assert len(lines) == 1 + 2 + 1 + 1 + 2 * 3
    window.qtbot.keyClick(seen, Qt.Key.Key_Escape)
    assert not seen.isVisible()
    # 3. The stroke is undone: the table says so, and the button why it can't be asked again; done again, all is as it was.
    key(window, Qt.Key.Key_Z)
    assert any("out of date: painted since" in text for text in window.texts())
    assert not probe_button(window).isEnabled()
    assert "only one class is painted" in probe_button(window).toolTip()
    key(window, Qt.Key.Key_Z, shift=True)
    assert not any("painted since" in text for text in window.texts() if text.startswith("best"))
    assert probe_button(window).isEnabled()
    # 4. Another cube has no table; the first has its own when it is chosen again.
    first = window.session.cube
    add(window, "meadow")
    assert window.session.cube is not first
    assert window.session.probed is None
    window.controller.set_cube(first)
    assert window.session.probed is not None
    assert window.session.trouble is None


def test_a_probe_is_cancelled_and_too_few_places_are_a_sentence(place: Any) -> None:
    window = place
    labels = window.session.annotation.labels.copy()
    labels[labels == 2] = 0
    labels[30:33, 4:7] = 2
    window.viewer.layers["annotation"].data = labels
    window.qtbot.wait(100)
    window.press(PROBE)
    window.wait_for(lambda: window.session.trouble is not None)
    assert "class 2 is painted in" in window.session.trouble.sentence
    assert window.session.trouble.step == "result"
    closed: list[bool] = []

    def endless(*_: Any) -> Fit[Any]:
        try:
            while True:
                yield Progress("learning from raw spectra", 1, 4, 0.25)
        finally:
            closed.append(True)

    window.seam.put(probe=endless)
    window.press(PROBE)
    window.wait_for(lambda: window.session.probing is not None and window.session.probing.done == 0.25, 20)
    assert any(text.endswith("learning from raw spectra …") for text in window.texts())
    window.press(CANCEL)
    window.wait_for(lambda: bool(closed), 20)
    assert window.session.probing is None
    assert window.session.probed is None
    assert probe_button(window).text() == PROBE
