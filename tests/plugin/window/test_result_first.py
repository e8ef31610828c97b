"""The result is seen first: folding, one screen, one emphasised button, checks in the order in which they matter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QComboBox, QLabel, QLineEdit, QPushButton, QScrollArea, QToolButton, QWidget

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.plugin.window.panels.endmember_row import NameEdit
from napari_unmix.progress import Fit, Progress

SMALLEST = 1280, 720
LAID_OUT_MS = 150
MADE_FROM = (1, 2, 3)  # steps 2 to 4, counted from 0
CHECKS = (
    Check("a", "pass", 0.2, 1.0, "Long.", role="required", title="Passed", measured="0.2° (good below 1°)"),
    Check("b", "doubtful", 2.43, 1.0, "Nats per pixel.", role="veto", title="Stable", measured="moves by 2.4°"),
    Check(
        "c", "fail", 1.3, 1.04, "χ is 1.3.", "Paint.", role="required", title="Model fits", measured="1.3× the noise"
    ),
)


def five(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """Five endmembers at once."""
    yield Progress("finding", 0, 1, 0.5)
    height, width, bands = cube.shape
    rng = np.random.default_rng(0)
    abundances = rng.dirichlet(np.ones(5), (height, width)).astype(np.float32)
    names = tuple(f"endmember {k + 1}" for k in range(5))
    error = np.zeros((height, width), np.float32)
    return Unmixing(rng.uniform(0.1, 0.9, (5, bands)), abundances, None, None, error, names, spec, seconds=1.0)


def assess(cube: Cube, result: Unmixing) -> Fit[Report]:
    """Three checks, one of which changes nothing, and a sentence as long as they get."""
    yield Progress("checking", 0, 1, 0.0)
    said = "Your strokes name and confirm 3 of 5 endmembers; the others are the purest spectra found; no claim of identifiability: "
    return Report("not identified", f"{said}the model leaves more than noise.", CHECKS)


@pytest.fixture
def trained(window: Any) -> Any:
    """A window of the smallest screen after a training of five endmembers with ten painted regions."""
    window.with_fakes(3)
    window.seam.put(unmix=five, assess=assess)
    labels = np.zeros((40, 50), np.int32)
    for label in range(1, 11):
        labels[4 * (label - 1) : 4 * label - 1, :20] = label
    window.controller.set_annotation(Annotation(labels))
    window.viewer.window.resize(*SMALLEST)
    train(window)
    return window


def train(window: Any) -> None:
    """Press Train, and wait for the end."""
    number = len(window.session.runs)
    window.press("Train")
    window.wait_for(lambda: len(window.session.runs) > number and current_report(window.session) is not None)
    window.wait_for(lambda: window.session.state == "idle")
    window.qtbot.wait(LAID_OUT_MS)


def folded(window: Any) -> list[int]:
    """The steps that are folded, from 0."""
    return [k for k, panel in enumerate(window.widget.panels) if not panel._content.isVisible()]


def in_view(window: Any, widget: QWidget) -> bool:
    """Whether the whole widget can be seen without scrolling."""
    port = window.widget.findChild(QScrollArea).viewport()
    top = widget.mapTo(port, QPoint(0, 0)).y()
    return bool(widget.isVisible() and top >= 0 and top + widget.height() <= port.height())


def emphasised(window: Any) -> list[str]:
    """The buttons of the dock that stand out."""
    return [b.text() for b in window.widget.findChildren(QPushButton) if b.isVisible() and b.property("emphasised")]


def header(window: Any, place: int) -> QToolButton:
    """The title of a step."""
    return window.widget.panels[place].findChild(QToolButton, "stepHeader")


def test_after_training_verdict_rows_and_export_are_on_one_screen(trained: Any) -> None:
    assert folded(trained) == list(MADE_FROM)
    result = trained.widget.panels[4]
    rows = [edit for edit in result.findChildren(QLineEdit) if isinstance(edit, NameEdit)]
    assert len(rows) == 5
    seen = [*rows, result.findChild(QLabel, "trust"), trained.button("Why?"), trained.button("Export…")]
    assert [in_view(trained, widget) for widget in seen] == [True] * len(seen)


def test_a_long_verdict_is_whole_in_the_narrowest_dock(window: Any) -> None:
    """Rows and sentences have their height as soon as the run ends, also where step 2 was unfolded before."""
    window.with_fakes(3)
    window.seam.put(unmix=five, assess=assess)
    window.viewer.window.resize(*SMALLEST)
    window.widget.setFixedWidth(280)
    side = window.widget.panels[1]
    for _ in range(2):
        window.qtbot.mouseClick(side._more, Qt.MouseButton.LeftButton)
        window.qtbot.wait(LAID_OUT_MS)
    train(window)
    trust = window.widget.panels[4].findChild(QLabel, "trust")
    window.wait_for(lambda: trust.height() >= trust.heightForWidth(trust.width()))  # a turn or two later
    for edit in window.widget.panels[4].findChildren(NameEdit):
        assert edit.height() >= edit.fontMetrics().height()


@pytest.mark.parametrize("width", [280, 330])
@pytest.mark.parametrize("why", [False, True])
def test_nothing_is_clipped_sideways(trained: Any, width: int, why: bool) -> None:
    trained.widget.setFixedWidth(width)
    for place in MADE_FROM:
        trained.qtbot.mouseClick(header(trained, place), Qt.MouseButton.LeftButton)
    if why:
        trained.press("Why?")
    trained.qtbot.wait(LAID_OUT_MS)
    assert trained.widget.width() == width
    scroll = trained.widget.findChild(QScrollArea)
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()
    for box in trained.widget.panels[1].findChildren(QComboBox):
        words = max(box.fontMetrics().horizontalAdvance(box.itemText(k)) for k in range(box.count()))
        assert words + 26 <= box.width(), box.itemText(1)  # with the arrow


def test_a_folded_step_says_what_it_holds_and_opens_at_a_click_anywhere_on_its_title(trained: Any) -> None:
    panel = trained.widget.panels[1]
    assert panel._summary.text() == "10 regions"
    bar = panel.title_bar
    trained.qtbot.mouseClick(bar, Qt.MouseButton.LeftButton, pos=QPoint(bar.width() - 60, bar.height() // 2))
    assert folded(trained) == [2, 3]
    assert panel._summary.text() == ""


def test_what_the_user_opened_stays_open_until_the_next_run(trained: Any) -> None:
    trained.qtbot.mouseClick(header(trained, 1), Qt.MouseButton.LeftButton)
    trained.controller.rename_endmember(0, "rock")
    assert folded(trained) == [2, 3]
    trained.controller.set_option("endmembers", 4)  # out of date
    assert folded(trained) == []
    train(trained)
    assert folded(trained) == list(MADE_FROM)


def test_trouble_opens_its_step(trained: Any) -> None:
    trained.controller.exclude_bands("1-2")
    trained.controller._trouble("method", "This can't be.")
    assert 2 not in folded(trained)


def test_nothing_folds_while_the_user_writes_in_the_dock(window: Any) -> None:
    window.with_fakes(30)
    labels = np.ones((40, 50), np.int32)
    window.controller.set_annotation(Annotation(labels))
    window.press("Train")
    name = window.widget.panels[1]._by_label[1].findChild(QLineEdit)
    window.widget.findChild(QScrollArea).ensureWidgetVisible(name)
    window.qtbot.mouseClick(name, Qt.MouseButton.LeftButton)
    window.qtbot.keyClicks(name, "shore")
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
    assert folded(window) == []


def test_each_cube_folds_by_its_own_run(trained: Any) -> None:
    first = trained.session.cube
    trained.controller.add_cube(Cube(np.random.default_rng(2).uniform(0.1, 0.9, (20, 30, 12)), name="other"))
    trained.ready()
    assert folded(trained) == []
    trained.controller.set_cube(first)
    assert folded(trained) == list(MADE_FROM)


def test_only_the_next_button_is_emphasised(window: Any, tmp_path: Any) -> None:
    assert emphasised(window) == ["Open…"]
    window.with_fakes(30)
    assert emphasised(window) == ["Train"]
    window.press("Train")
    window.wait_for(lambda: window.session.state == "training")
    assert emphasised(window) == []
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
    assert emphasised(window) == ["Export…"]
    window.controller.export(tmp_path)
    window.wait_for(lambda: window.session.exported is not None)
    assert emphasised(window) == []
    window.controller.set_option("endmembers", 4)
    assert emphasised(window) == ["Train"]


def test_a_checked_toggle_does_not_look_like_the_next_button(trained: Any) -> None:
    trained.press("Why?")
    trained.qtbot.wait(50)
    why, export = trained.button("Why?"), trained.button("Export…")
    pictures = [button.grab().toImage() for button in (why, export)]
    corner = [picture.pixelColor(6, 4).name() for picture in pictures]
    assert corner[1] == trained.session.theme.accent
    assert corner[0] != corner[1]


def test_why_tells_what_stands_in_the_way_first_and_what_changes_nothing_last(trained: Any) -> None:
    trained.press("Why?")
    trained.qtbot.wait(LAID_OUT_MS)
    said = trained.listed("checks")
    assert [line for line in said if line in ("Model fits", "Passed", "Stable")] == ["Model fits", "Passed", "Stable"]
    assert "moves by 2.4°" in said
    assert said.count("does not change the verdict") == 1
    assert "3 checks: 1 failed, 1 doubtful, 1 passed; 1 of these does not change the verdict." in trained.texts()
    assert "Nats per pixel." not in said  # the words of the theory page are behind `more`
    more = next(
        b for b in trained.widget.panels[4].findChildren(QToolButton, "more") if b.isVisible() and b.text() == "more"
    )
    trained.widget.findChild(QScrollArea).ensureWidgetVisible(more)
    trained.qtbot.mouseClick(more, Qt.MouseButton.LeftButton)
    assert "Nats per pixel." in trained.listed("checks")


def test_step_two_is_one_line_until_more_is_asked(window: Any) -> None:
    """Before a cube is open there is nothing about noise or identifiability; with one, a line, and the theory behind `more`."""
    side = window.widget.panels[1]
    assert [label.text() for label in side.findChildren(QLabel) if label.isVisible() and len(label.text()) > 20] == []
    window.with_fakes(3)
    said = [label.text() for label in side.findChildren(QLabel) if label.isVisible()]
    assert "Optional: paint where mixtures differ, or where a material is pure." in said
    assert "Instead of paint" in said
    assert side._source.text() == "Auto: superpixels"
    assert not any("superpixels (auto" in text for text in said)
    window.qtbot.mouseClick(side._more, Qt.MouseButton.LeftButton)
    assert any("superpixels (auto" in label.text() for label in side.findChildren(QLabel) if label.isVisible())
    assert side._more.text() == "less"


def test_the_gauge_counts_strokes_where_strokes_were_painted(window: Any) -> None:
    window.with_fakes(3)
    labels = np.zeros((40, 50), np.int32)
    labels[:5], labels[10:15], labels[20:25] = 1, 2, 3
    meanings = {label: Meaning("material", name) for label, name in enumerate(("water", "tree", "rock"), start=1)}
    window.controller.set_annotation(Annotation(labels, meanings))
    gauge = window.widget.panels[1]._enough
    assert (gauge.value(), gauge.maximum()) == (3, 3)
    assert "3 of 3 materials named by strokes." in window.texts()


def test_a_wheel_over_a_control_that_came_later_changes_nothing(trained: Any) -> None:
    """Controls that a run brings are heard as well."""
    box = QComboBox(trained.widget.panels[4])
    box.addItems(["one", "two"])
    box.show()
    trained.controller.rename_endmember(0, "rock")  # a fact that comes with new controls
    trained.turn_wheel(box, -1)
    assert box.currentIndex() == 0
