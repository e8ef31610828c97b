"""More of the docks in a real window: other arrays, export, excluded bands, pins, region means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QPushButton

from napari_unmix.plugin.facts.session import current_report


def test_an_array_that_a_user_added_can_be_chosen(window: Any) -> None:
    window.with_fakes(10)
    rng = np.random.default_rng(3)
    window.viewer.add_image(rng.uniform(size=(30, 60, 70)).astype(np.float32), name="by hand")
    window.wait_for(lambda: len(window.session.cubes) == 2)
    box = window.widget.panels[0]._cubes
    assert [box.itemText(k) for k in range(box.count())] == ["scene", "by hand"]
    box.setFocus()
    window.qtbot.keyClick(box, Qt.Key.Key_Down)
    window.wait_for(lambda: window.session.cube.name == "by hand")
    assert "60×70 pixels, 30 bands\nno wavelengths: bands are numbered" in window.texts()
    assert "• Taken from the layer by hand: its first axis holds the 30 bands." in window.texts()
    assert window.viewer.layers["by hand composite"].visible
    window.settle()


def choose_folder(folder: Any) -> None:
    """Choose a folder in the file dialog, when it is there."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog

    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, QFileDialog):
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(folder))
        dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Open).click()
    else:
        QTimer.singleShot(50, lambda: choose_folder(folder))


def choose(*words: str) -> None:
    """Choose an item of the menu that is open, when it is there."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QMenu

    menu = QApplication.activePopupWidget()
    if isinstance(menu, QMenu):
        item = next(action for action in menu.actions() if action.text() in words)
        menu.setActiveAction(item)
        QTest.keyClick(menu, Qt.Key.Key_Return)
    else:
        QTimer.singleShot(50, lambda: choose(*words))


def name_file(path: Any) -> None:
    """Write a name into the file dialog, when it is there, and save."""
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication, QDialogButtonBox, QFileDialog

    dialog = QApplication.activeModalWidget()
    if isinstance(dialog, QFileDialog):
        dialog.findChild(QLineEdit, "fileNameEdit").setText(str(path))
        dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Save).click()
    else:
        QTimer.singleShot(50, lambda: name_file(path))


@pytest.mark.parametrize(
    ("item", "name", "made"),
    [
        ("ENVI (.hdr)…", "maps.hdr", {"maps.hdr", "maps_endmembers.hdr"}),
        ("Table of pixels and of endmembers (.csv)…", "maps.csv", {"maps.csv", "maps_endmembers.csv"}),
    ],
)
def test_export_for_other_programs(window: Any, tmp_path: Any, item: str, name: str, made: set[str]) -> None:
    from qtpy.QtCore import QTimer

    window.with_fakes(5)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.controller.rename_endmember(1, "tree")
    QTimer.singleShot(50, lambda: choose(item))
    QTimer.singleShot(200, lambda: name_file(tmp_path / name))
    window.press("Export…")
    window.wait_for(lambda: window.session.exported is not None, 30)
    assert made <= {path.name for path in tmp_path.iterdir()}
    assert "tree" in (tmp_path / name).read_text(errors="replace")


def test_export_writes_a_new_folder_each_time(window: Any, tmp_path: Any) -> None:
    from qtpy.QtCore import QTimer

    window.with_fakes(5)
    assert not [b for b in window.widget.findChildren(QPushButton) if b.text() == "Export…" and b.isVisible()]
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.controller.rename_endmember(1, "tree")
    for number in (1, 2):
        QTimer.singleShot(50, lambda: choose("Folder of the run…"))
        QTimer.singleShot(200, lambda: choose_folder(tmp_path))
        window.press("Export…")
        folder = tmp_path / f"scene-ivae-{number}"
        window.wait_for(lambda folder=folder: window.session.exported == folder, 30)
        names = sorted(path.name for path in folder.iterdir())
        assert {"abundances.npy", "abundances.png", "endmembers.csv", "endmembers.png", "run.json"} <= set(names)
        assert (folder / "endmembers.csv").read_text().splitlines()[0] == "wavelength_nm,endmember 1,tree,endmember 3"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["scene-ivae-1", "scene-ivae-2"]
    assert any(text.replace("\u200b", "") == f"written to {tmp_path / 'scene-ivae-2'}" for text in window.texts())
    np.testing.assert_array_equal(
        np.load(tmp_path / "scene-ivae-1" / "abundances.npy"), window.session.run.unmixing.abundances
    )


def test_export_to_where_nothing_can_be_written_says_so(window: Any, tmp_path: Any) -> None:
    window.with_fakes(5)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    (tmp_path / "file").write_text("")
    window.controller.export(tmp_path / "file")
    window.wait_for(lambda: window.session.trouble is not None)
    assert window.session.trouble.step == "result"
    assert window.session.trouble.sentence.endswith("choose another folder.")
    assert "--" not in window.session.trouble.sentence
    assert window.session.trouble.sentence in window.texts()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert window.button("Export…").isEnabled()
    window.controller.export(tmp_path)
    window.wait_for(lambda: window.session.exported is not None, 30)
    assert window.session.trouble is None


def test_excluded_bands_are_gaps_and_make_the_result_out_of_date(window: Any) -> None:
    window.with_fakes(10)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.controller.select_pixel(3, 4)
    plot = window.spectra.panel.plot
    window.wait_for(lambda: "selected pixel" in window.viewer.layers and len(window.maps()) == 3)
    layers = list(window.viewer.layers)
    window.press("Bands…")
    line = window.widget.panels[0]._editor._line
    assert line.window().focusWidget() is line
    window.qtbot.keyClicks(line, "500-600, 2000")
    window.qtbot.keyClick(line, Qt.Key.Key_Return)
    assert "No band lies in 2000: the cube's bands lie in 450–900 nm." in window.texts()
    assert window.session.cube.good_bands.all()
    line.setText("500-600")
    window.qtbot.keyClick(line, Qt.Key.Key_Return)
    window.wait_for(lambda: not window.session.cube.good_bands.all())
    axis = window.session.cube.wavelengths
    inside = (axis >= 500) & (axis <= 600)
    np.testing.assert_array_equal(np.isnan(plot.measured.getData()[1]), inside)
    np.testing.assert_array_equal(np.isnan(plot.reconstruction.getData()[1]), inside)
    assert all(np.array_equal(np.isnan(curve.getData()[1]), inside) for curve in plot.endmembers)
    assert "out of date: bands changed since" in window.texts()
    assert window.session.trouble is None
    assert window.session.pixel == (3, 4)
    assert line.text() == "500-600"
    assert list(window.viewer.layers) == layers
    assert len(window.session.cubes) == 1
    line.clear()
    window.press("Apply")
    window.wait_for(lambda: window.session.cube.good_bands.all())
    assert "out of date: bands changed since" not in window.texts()
    window.settle()


def spectra_button(window: Any, label: str) -> Any:
    """The button of the spectra dock that reads so."""
    return next(b for b in window.spectra.panel.findChildren(QPushButton) if b.text() == label)


def test_pins_keep_pixels_with_their_curves(window: Any) -> None:
    window.with_fakes(10)
    cube, plot = window.session.cube, window.spectra.panel.plot
    pin, clear = spectra_button(window, "Pin"), spectra_button(window, "Clear pins")
    assert not pin.isEnabled()
    assert not clear.isVisible()
    for place in ((5, 6), (20, 31)):
        window.click(*place)
        window.qtbot.mouseClick(pin, Qt.MouseButton.LeftButton)
        assert not pin.isEnabled()
    layer = window.viewer.layers["pins"]
    np.testing.assert_array_equal(layer.data, [[5, 6], [20, 31]])
    assert list(layer.text.values) == ["1", "2"]
    for curve, point, colour in zip(plot.pins, layer.data.astype(int), layer.face_color, strict=True):
        np.testing.assert_allclose(curve.getData()[1], cube.spectra[tuple(point)])
        shown = curve.opts["pen"].color()
        np.testing.assert_allclose(colour[:3], [shown.redF(), shown.greenF(), shown.blueF()], atol=0.01)
    assert window.viewer.layers.selection.active != layer
    window.qtbot.mouseClick(clear, Qt.MouseButton.LeftButton)
    window.wait_for(lambda: "pins" not in window.viewer.layers)  # marks go one turn later
    assert plot.pins == []
    window.qtbot.mouseClick(pin, Qt.MouseButton.LeftButton)
    window.viewer.layers.remove("pins")
    assert window.session.pins == ()


def test_region_means_are_the_means_of_what_is_painted(window: Any) -> None:
    from napari_unmix.cube import Annotation, Meaning
    from napari_unmix.plugin.facts.colours import annotation_row_colours

    window.with_fakes(10)
    cube, panel = window.session.cube, window.spectra.panel
    panel._view.setFocus()
    window.qtbot.keyClick(panel._view, Qt.Key.Key_End)
    assert panel.plot.hint.startswith("Nothing is painted yet")
    labels = np.zeros(cube.shape[:2], np.int32)
    labels[:5], labels[10:20, :7], labels[30:] = 1, 2, 3
    window.controller.set_annotation(Annotation(labels, {2: Meaning("region", "shore"), 3: Meaning("ignore")}))
    colours = annotation_row_colours(window.session)
    assert len(panel.plot.regions) == 2
    for label, curve in zip((1, 2), panel.plot.regions, strict=True):
        np.testing.assert_allclose(curve.getData()[1], cube.spectra[labels == label].mean(axis=0), rtol=1e-5)
        assert curve.opts["pen"].color().name() == colours[label]
    assert "shore" in panel._legend.text()
    window.qtbot.keyClick(panel._view, Qt.Key.Key_Home)
    assert panel.plot.regions == []
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    drawn = []
    for _ in range(panel._view.count()):
        drawn.append((len(panel.plot.endmembers), len(panel.plot.regions)))
        window.qtbot.keyClick(panel._view, Qt.Key.Key_Down)
    assert drawn == [(3, 0), (0, 0), (3, 0), (0, 0), (0, 2)]
