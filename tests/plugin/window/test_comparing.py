"""Two runs side by side in the real window, by mouse and keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLabel, QScrollArea, QSlider, QTableWidget, QToolButton

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Report
from napari_unmix.plugin.window.panels.compare import ComparePart
from napari_unmix.plugin.window.panels.compare_table import FigureGrid, PairList, RunTable
from napari_unmix.progress import Fit, Progress

BANDS = 20
SPECTRA = np.random.default_rng(0).uniform(0.1, 0.9, (4, BANDS))
NAMES = ("water", "tree", "rock", "soil")


def unmix(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """Another seed, other maps; as many endmembers as are asked for."""
    yield Progress("mixing", 0, 1, 0.0)
    count = 3 if spec.endmembers == "auto" else int(spec.endmembers)
    height, width, _ = cube.shape
    maps = np.random.default_rng(spec.seed).dirichlet(np.ones(count), (height, width)).astype(np.float32)
    error = np.full((height, width), 0.01 * (1 + spec.seed), np.float32)
    return Unmixing(SPECTRA[:count], maps, None, None, error, NAMES[:count], spec, seconds=65.0)


def assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """No check."""
    yield Progress("checking", 0, 1, 0.0)
    return Report("partly", "Partly.", (), expected_angle_degrees=1.5)


class Comparison:
    """The window with two runs of its cube, and what a person does to compare them."""

    def __init__(self, window: Any) -> None:
        self.window, self.qtbot = window, window.qtbot
        window.with_fakes(1)
        window.seam.put(unmix=unmix, assess=assess)
        self.train()
        self.train(seed=1)

    def train(self, **settings: Any) -> None:
        """Press Train."""
        window = self.window
        for name, value in settings.items():
            window.controller.set_option(name, value)
        before = len(window.session.runs)
        window.press("Train")
        window.wait_for(lambda: len(window.session.runs) > before and window.session.state == "idle")

    @property
    def part(self) -> Any:
        """The part of the dock."""
        return self.window.widget.findChild(ComparePart)

    def find(self, kind: Any, name: str = "") -> Any:
        """The control of this kind, and name."""
        found = [one for one in self.part.findChildren(kind) if not name or one.accessibleName() == name]
        return found[0]

    def bring(self, control: Any) -> None:
        """Scroll to a control."""
        self.window.widget.findChild(QScrollArea).ensureWidgetVisible(control)
        self.qtbot.wait(20)

    def choose(self, place: int) -> None:
        """Choose a run from the list by the keys."""
        beside = self.find(QComboBox, "Compare with")
        self.bring(beside)
        beside.setFocus()
        self.qtbot.keyClick(beside, Qt.Key.Key_Home)
        for _ in range(place):
            self.qtbot.keyClick(beside, Qt.Key.Key_Down)
        self.window.wait_for(lambda: place == 0 or bool(self.window.session.measured))
        self.qtbot.wait(50)

    def view(self, name: str) -> Any:
        """Press a view; its layer."""
        self.window.press(name)
        self.qtbot.wait(50)
        self.window.wait_for(lambda: any(layer.visible for layer in self.layers))
        self.qtbot.wait(50)
        return next(layer for layer in self.layers if layer.visible)

    @property
    def layers(self) -> list[Any]:
        """The layers of the comparison."""
        viewer = self.window.viewer
        return [layer for layer in viewer.layers if layer.metadata.get("napari_unmix") == "comparison"]

    def words(self) -> list[str]:
        """What the part says."""
        return [label.text() for label in self.part.findChildren(QLabel) if label.isVisible() and label.text()]


@pytest.fixture
def comparison(window: Any) -> Comparison:
    """Two runs, none beside."""
    return Comparison(window)


def test_one_line_until_a_run_is_chosen_then_pairs_and_figures(comparison: Comparison) -> None:
    assert comparison.words() == ["Compare with"]
    comparison.choose(1)
    pairs = comparison.find(PairList)
    rows = [[pairs.topLevelItem(k).text(column) for column in range(3)] for k in range(3)]
    assert rows == [["water", "water", "0.00"], ["tree", "tree", "0.00"], ["rock", "rock", "0.00"]]
    words = comparison.words()
    for expected in ("Residual", "0.02", "0.01", "partly", "1.5°", "1:05", "Shares differ by"):
        assert expected in words, expected
    comparison.choose(0)
    assert comparison.words() == ["Compare with"]
    assert comparison.window.session.measured == ()


def test_a_click_on_a_row_subtracts_its_maps(comparison: Comparison) -> None:
    comparison.choose(1)
    layer = comparison.view("Difference")
    assert layer.name.startswith("water: ")
    pairs = comparison.find(PairList)
    comparison.bring(pairs)
    row = pairs.visualItemRect(pairs.topLevelItem(2)).center()
    comparison.qtbot.mouseClick(pairs.viewport(), Qt.MouseButton.LeftButton, pos=row)
    comparison.window.wait_for(lambda: layer.name.startswith("rock: "))
    first, second = (run.unmixing.abundances[:, :, 2] for run in comparison.window.session.runs)
    np.testing.assert_allclose(layer.data, 100 * (second - first), atol=1e-4)
    comparison.qtbot.keyClick(pairs, Qt.Key.Key_Up)
    comparison.window.wait_for(lambda: layer.name.startswith("tree: "))
    assert any("percentage points" in words for words in comparison.words())


def test_flicker_by_the_key_on_the_canvas_by_the_button_and_by_itself(comparison: Comparison) -> None:
    comparison.choose(1)
    layer = comparison.view("Flicker")
    native = comparison.window.viewer.window._qt_viewer.canvas.native
    native.setFocus()
    comparison.qtbot.keyClick(native, Qt.Key.Key_W)
    comparison.window.wait_for(lambda: layer.name == "seen: ivae")
    assert "seen: ivae" in comparison.words()
    comparison.window.press("Other (W)")
    comparison.window.wait_for(lambda: layer.name == "seen: ivae 2")
    paced = comparison.find(QCheckBox)
    paced.click()
    comparison.window.wait_for(lambda: layer.name == "seen: ivae", 3)
    paced.click()
    assert not comparison.window.session.comparing.paced


def test_the_split_is_dragged_on_the_canvas_and_the_image_stays(comparison: Comparison) -> None:
    comparison.choose(1)
    layer = comparison.view("Split")
    window, camera = comparison.window, comparison.window.viewer.scene.camera
    window.qtbot.wait(150)  # the image is fitted
    centre, middle = tuple(camera.center), layer.data.shape[1] / 2 - 0.5
    window.drag((20, middle), (20, middle - 8), (20, middle - 15))
    assert window.session.comparing.divider == pytest.approx(0.2, abs=0.03)
    assert tuple(camera.center) == centre
    assert camera.mouse_pan
    slider = comparison.find(QSlider)
    assert slider.value() == pytest.approx(200, abs=30)
    window.drag((20, 40), (20, 44))  # off the line: the image moves, and the split stays
    assert window.session.comparing.divider == pytest.approx(0.2, abs=0.03)
    assert tuple(camera.center) != centre
    slider.setFocus()
    for _ in range(5):
        window.qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    assert window.session.comparing.divider == pytest.approx(0.7, abs=0.03)


def test_a_stroke_over_the_line_paints_and_does_not_drag(comparison: Comparison) -> None:
    window = comparison.window
    window.controller.new_annotation()
    comparison.choose(1)
    comparison.view("Split")
    annotation = next(layer for layer in window.viewer.layers if layer.metadata.get("napari_unmix") == "annotation")
    window.viewer.layers.selection.active = annotation
    annotation.mode = "paint"
    window.drag((20, 24.5), (20, 15))
    assert window.session.comparing.divider == 0.5
    assert window.session.annotation.labels.any()


def test_with_two_cubes_each_has_its_own_comparison_and_nothing_of_the_other(comparison: Comparison) -> None:
    window = comparison.window
    comparison.choose(1)
    comparison.view("Split")
    first = window.session.cube
    other = Cube(np.random.default_rng(3).random((30, 20, BANDS)), np.linspace(450, 900, BANDS), name="other")
    window.controller.add_cube(other)
    window.ready()
    window.wait_for(lambda: comparison.layers == [])
    assert not comparison.part.isVisible()
    comparison.train()
    assert comparison.words() == ["Compare with"]
    assert not comparison.find(QComboBox, "Compare with").isEnabled()
    comparison.train(seed=2)
    comparison.choose(1)
    layer = comparison.view("Difference")
    assert layer.data.shape == (30, 20)
    window.controller.set_cube(first)
    window.wait_for(lambda: [layer.data.shape for layer in comparison.layers] == [(40, 50, 3)])
    assert window.session.comparing.view == "split"


def test_another_number_of_endmembers_says_who_is_alone(comparison: Comparison) -> None:
    comparison.train(endmembers=4)
    comparison.choose(1)
    assert any(words == "Without a partner: soil of ivae 3." for words in comparison.words())
    comparison.window.press("Swap")
    comparison.window.wait_for(lambda: comparison.window.session.run.number == 2)
    comparison.window.wait_for(
        lambda: any(words == "Without a partner: soil of ivae 3." for words in comparison.words())
    )


def test_the_figures_go_to_the_clipboard(comparison: Comparison) -> None:
    comparison.choose(1)
    comparison.window.press("Copy as CSV")
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 3
    assert (
        lines[0].startswith("Run,Made,Method,Endmembers,Residual (in the cube's units),Shares differ by, beside")
        or '"' in lines[0]
    )
    assert [line.split(",")[0] for line in lines[1:]] == ["ivae 2", "ivae"]


def test_all_runs_stand_in_a_window_and_a_double_click_shows_one(comparison: Comparison) -> None:
    comparison.train(seed=2)
    comparison.choose(1)
    window = comparison.window
    window.press("All runs…")
    table = comparison.part.findChild(RunTable)
    window.wait_for(lambda: len(window.session.measured) == 3)
    cells = table.findChild(QTableWidget)
    assert [cells.item(k, 0).text() for k in range(3)] == ["ivae 3", "ivae", "ivae 2"]
    assert [cells.item(k, 3).text() for k in range(3)] == ["0.03", "0.01", "0.02"]
    place = cells.visualItemRect(cells.item(1, 0)).center()
    comparison.qtbot.mouseClick(cells.viewport(), Qt.MouseButton.LeftButton, pos=place)
    comparison.qtbot.mouseDClick(cells.viewport(), Qt.MouseButton.LeftButton, pos=place)
    window.wait_for(lambda: window.session.run.number == 1)
    window.wait_for(lambda: cells.item(0, 0).text() == "ivae")
    table.close()
    assert not window.session.comparing.table


def test_a_reference_is_loaded_from_the_menu_and_forgotten(
    comparison: Comparison, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = comparison.window
    path = tmp_path / "truth.npz"
    run = window.session.run
    np.savez(path, E=SPECTRA[:3], A=run.unmixing.abundances)
    monkeypatch.setattr("qtpy.QtWidgets.QFileDialog.getOpenFileName", lambda *_: (str(path), ""))
    menu = comparison.find(QToolButton, "More on comparing").menu()
    actions = {action.text(): action for action in menu.actions()}
    actions["Load reference…"].trigger()
    window.wait_for(lambda: bool(window.session.measured))
    comparison.qtbot.wait(50)
    words = comparison.words()
    assert "Reference angle" in words
    assert "0.00°" in words
    comparison.choose(1)
    grid = comparison.find(FigureGrid)
    assert "Error of shares" in [label.text() for label in grid.findChildren(QLabel) if label.isVisible()]
    next(action for action in menu.actions() if action.text() == "Forget truth.npz").trigger()
    window.wait_for(lambda: "Reference angle" not in comparison.words())


def test_closing_the_dock_takes_the_layers_away_and_the_comparison_comes_back_with_it(comparison: Comparison) -> None:
    window = comparison.window
    comparison.choose(1)
    comparison.view("Split")
    window.close_dock("Spectra")
    window.close_dock()
    window.wait_for(lambda: comparison.layers == [])
    window.open_dock()
    window.wait_for(lambda: len(comparison.layers) == 1)
    assert window.session.beside.number == 1


def test_it_fits_in_the_narrowest_dock(comparison: Comparison) -> None:
    comparison.train(endmembers=4)
    comparison.window.controller.rename_run(3, "a run with quite a long title that nobody would shorten")
    comparison.choose(1)
    for view in ("Difference", "Flicker", "Split"):
        comparison.view(view)
        content = comparison.window.widget.findChild(QScrollArea)
        right = content.widget().mapTo(comparison.window.widget, QPoint(content.widget().width(), 0)).x()
        assert content.widget().minimumSizeHint().width() <= content.viewport().width(), view
        assert right <= comparison.window.widget.width()
