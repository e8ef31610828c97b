"""What the window draws attention to: the new maps, the verdict, the checks, what went wrong; and what it no longer says."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLineEdit, QScrollArea, QWidget

from napari_unmix.auxiliary.names import GENERATOR_NAMES
from napari_unmix.cube import Annotation, Cube
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.notices import notice
from napari_unmix.plugin.facts.session import Session, Trouble, current_report, shown_hidden
from napari_unmix.plugin.window.panels.source import status_lines
from napari_unmix.plugin.window.panels.verdict import VerdictPart
from napari_unmix.progress import Fit, Progress

SMALLEST = (1280, 720)
LAID_OUT_MS = 200
ARROW_PIXELS = 14  # of a button with a menu


def in_view(window: Any, widget: QWidget) -> bool:
    """Whether all of a widget's height is inside the dock's viewport."""
    viewport = window.widget.findChild(QScrollArea).viewport()
    top = widget.mapTo(viewport, QPoint(0, 0)).y()
    return bool(widget.isVisible() and top >= 0 and top + widget.height() <= viewport.height())


def top_in_view(window: Any, widget: QWidget) -> bool:
    """Whether a widget begins inside the dock's viewport."""
    viewport = window.widget.findChild(QScrollArea).viewport()
    return bool(widget.isVisible() and 0 <= widget.mapTo(viewport, QPoint(0, 0)).y() < viewport.height() - 60)


def many_checks(cube: Cube, result: Any) -> Fit[Report]:
    """A report that is higher than the dock."""
    yield Progress("checking", 0, 1, 0.0)
    check = Check(
        "enough regions",
        "doubtful",
        2,
        7,
        "2 regions are painted. " * 4,
        "Paint 5 more regions.",
        role="required",
        number=1,
    )
    return Report("partly", "Partly: endmembers 1 and 2 can trade. " * 3, (check,) * 9)


def small_window(window: Any, steps: int = 5) -> Any:
    """The smallest screen, a painted scene, the dock scrolled to its top."""
    fit = window.with_fakes(steps)
    window.seam.put(assess=many_checks)
    labels = np.repeat(np.arange(1, 5), 500).reshape(40, 50)
    window.controller.set_annotation(Annotation(labels))
    window.viewer.window.resize(*SMALLEST)
    window.qtbot.wait(LAID_OUT_MS)
    window.widget.findChild(QScrollArea).verticalScrollBar().setValue(0)
    return fit


def train(window: Any) -> None:
    """Press Train, and wait for the end."""
    window.press("Train")
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
    window.qtbot.wait(LAID_OUT_MS)


def test_the_verdict_is_in_view_when_a_run_ends_and_the_checks_after_why(window: Any) -> None:
    small_window(window)
    verdict = window.widget.findChild(VerdictPart)
    assert not in_view(window, window.widget.panels[4])
    train(window)
    assert in_view(window, verdict._line)
    window.press("Why?")
    window.qtbot.wait(LAID_OUT_MS)
    assert top_in_view(window, verdict._line)
    assert top_in_view(window, verdict._checks)
    assert top_in_view(window, verdict._made)


def test_the_dock_stays_where_the_user_is_writing(window: Any) -> None:
    small_window(window, 60)
    window.press("Train")
    window.wait_for(lambda: window.session.state == "training")
    scroll = window.widget.findChild(QScrollArea)
    name = window.widget.panels[1]._by_label[1].findChild(QLineEdit)
    scroll.ensureWidgetVisible(name)
    window.qtbot.mouseClick(name, Qt.MouseButton.LeftButton)
    before = scroll.verticalScrollBar().value()
    window.qtbot.keyClicks(name, "shore")
    window.wait_for(lambda: window.session.state == "idle" and current_report(window.session) is not None)
    window.qtbot.wait(LAID_OUT_MS)
    assert scroll.verticalScrollBar().value() == before


def test_what_went_wrong_is_in_view(window: Any, tmp_path: Any) -> None:
    small_window(window)
    train(window)
    for opened in window.widget.panels:
        opened.unfold()
    window.press("Why?")
    window.qtbot.wait(LAID_OUT_MS)
    panel, scroll = window.widget.panels[0], window.widget.findChild(QScrollArea)
    scroll.verticalScrollBar().setValue(scroll.verticalScrollBar().maximum())
    assert not in_view(window, panel)
    (tmp_path / "broken.hdr").write_text("ENVI\nsamples = many\n")
    window.controller.open(tmp_path / "broken.hdr")
    window.wait_for(lambda: window.session.trouble is not None)
    window.qtbot.wait(LAID_OUT_MS)
    assert in_view(window, panel._trouble)


def test_a_run_is_no_longer_done_when_something_changed(window: Any) -> None:
    window.with_fakes(5)
    train(window)
    assert "done in 1 s" in window.texts()  # the title of the folded step
    window.widget.panels[3].unfold()
    assert "done in 1.0 s" in window.texts()
    window.controller.choose_method("vca-fcls")
    assert not [text for text in window.texts() if text.startswith("done in")]
    assert "out of date: another method since" in window.texts()
    window.controller.choose_method("ivae")
    assert "done in 1 s" in window.texts()
    window.widget.panels[3].unfold()
    window.controller.set_option("seed", 3)
    assert not [text for text in window.texts() if text.startswith("done in")]


def lit(window: Any) -> float:
    """The share of the canvas that is not black."""
    return float((window.viewer.screenshot(canvas_only=True, flash=False)[..., :3].max(axis=2) > 40).mean())


def test_the_maps_of_a_second_cube_are_seen_and_keep_their_names(window: Any) -> None:
    window.with_fakes(5)
    train(window)
    seen = lit(window)
    assert seen > 0.2
    first = window.session.cube
    window.controller.add_cube(Cube(first.spectra[:, ::-1] * 1.0, first.wavelengths, name="later"))
    window.ready()
    train(window)
    assert window.session.cube.name == "later"
    assert lit(window) > 0.5 * seen
    assert not [text for text in [*window.texts(), *window.spectra.panel.bars.texts()] if "[1]" in text]
    window.controller.set_cube(first)
    window.ready()
    train(window)
    assert lit(window) > 0.5 * seen
    assert shown_hidden(window.session) == frozenset()


TROUBLES = [
    Trouble("train", "There is no cube to unmix: open one first."),
    Trouble("cube", "No band lies in 2000: the cube's bands lie in 450–900 nm."),
    Trouble(
        "side information", "The painting is 3×3 pixels but the cube is 40×50: make a new annotation for this cube."
    ),
    Trouble(
        "result", "No model was found: it fails, and it does so in far more words than a notification has room for."
    ),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.step)
def test_notifications_are_not_cut_off(window: Any, trouble: Trouble) -> None:
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    made = NapariQtNotification(notice(trouble), "error", parent=window.viewer.window._qt_viewer.canvas.native)
    made.show()
    window.qtbot.wait(400)
    line = made.message
    needed, room = line.fontMetrics().horizontalAdvance(line.text()), line.width()
    made.close()
    assert needed <= room, f"{line.text()} needs {needed} of {room} px"


def test_combined_sources_fit_their_button(window: Any) -> None:
    window.with_fakes(5)
    source = window.widget.panels[1]._source
    texts = set()
    for one, other in combinations(GENERATOR_NAMES, 2):
        window.controller.set_option("auxiliary", f"{one}+{other}")
        texts.add(source.text())
        assert source.fontMetrics().horizontalAdvance(source.text()) <= source.width() - ARROW_PIXELS, source.text()
    assert {"Position × blocks", "2 combined"} <= texts


def test_notices_say_the_step() -> None:
    assert [notice(trouble) for trouble in TROUBLES] == [
        "There is no cube to unmix: see step 4.",
        "No band lies in 2000: see step 1.",
        "The painting is 3×3 pixels …: step 2.",
        "No model was found: see step 5.",
    ]


def test_the_status_says_which_pixels_it_speaks_of() -> None:
    session = Session(cube=Cube(np.ones((4, 4, 3))))
    assert status_lines(session, "auto", 0).startswith("All pixels: superpixels (auto: no region is painted).")
    assert "Fewer than 3 regions of 30 pixels" in status_lines(session, "auto", 2, 2)
    painted, unpainted = status_lines(session, "auto", 2).split("\n")
    assert painted.startswith("• Painted pixels: their regions. The theorems apply if")
    assert unpainted == "• Unpainted pixels: no side information of their own."
    painted, unpainted = status_lines(session, "blocks", 2).split("\n")
    assert painted.startswith("• Painted pixels: their regions.")
    assert unpainted.startswith("• Unpainted pixels: blocks.")
    assert status_lines(session, "none", 2).split("\n")[1] == "• Unpainted pixels: no side information of their own."
