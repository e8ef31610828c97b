"""Several acquisitions, combined side information and the report page, in a real window with the mouse."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QPoint, Qt, QTimer, QUrl, Slot
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QCheckBox, QPushButton, QScrollArea

from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Check, Report
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.progress import Fit, Progress


def boxes(window: Any) -> list[QCheckBox]:
    """What can be ticked to be joined."""
    return [box for box in window.widget.panels[0]._joiner.findChildren(QCheckBox) if box.isVisible()]


def click_box(window: Any, number: int) -> None:
    """Click on the square of a box."""
    box = boxes(window)[number]
    window.qtbot.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(8, box.height() // 2))


def visible_buttons(window: Any) -> list[str]:
    return [button.text() for button in window.widget.findChildren(QPushButton) if button.isVisible()]


def test_open_cubes_are_joined_and_their_acquisitions_chosen(window: Any) -> None:
    window.with_fakes(10)
    first = window.session.cube
    assert "Join…" not in visible_buttons(window)
    window.controller.add_cube(Cube(first.spectra[:30, ::-1], first.wavelengths, name="later"))
    window.controller.add_cube(Cube(first.spectra[:, :, :9], name="nine bands"), current=False)
    window.ready()
    window.press("Join…")
    assert [box.text().split()[0] for box in boxes(window)] == ["scene", "later"]
    click_box(window, 0)
    assert not window.button("Join").isEnabled()
    click_box(window, 0)
    window.press("Join")
    window.wait_for(lambda: window.session.cube.name == "scene + later")
    window.ready()
    assert boxes(window) == []
    assert window.session.cube.shape == (71, 50, 20)
    assert any("2 acquisitions" in text for text in window.texts())
    assert window.viewer.layers["scene + later composite"].visible
    assert not window.viewer.layers["scene composite"].visible
    tick(window, "acquisition", "blocks")
    assert window.session.spec.auxiliary == "acquisition+blocks"
    assert window.button("Acquisitions × blocks")
    window.widget.panels[1]._more.click()
    assert any("The textbook case" in text and "between tiles" in text for text in window.texts())
    tick(window, "acquisition", "blocks")
    assert window.session.spec.auxiliary == "auto"


def tick(window: Any, *names: str) -> None:
    """Open the menu of sources, click on some of them, and close it."""
    source = window.widget.panels[1]._source
    menu = source.menu()

    def click() -> None:
        for name in names:
            place = menu.actionGeometry(source.actions_by_name[name]).center()
            window.qtbot.mouseMove(menu, place)
            window.qtbot.mouseClick(menu, Qt.MouseButton.LeftButton, pos=place)
            assert menu.isVisible()
        window.qtbot.keyClick(menu, Qt.Key.Key_Escape)

    QTimer.singleShot(100, click)  # the open menu has an event loop of its own
    window.widget.findChild(QScrollArea).ensureWidgetVisible(source)
    window.qtbot.mouseClick(source, Qt.MouseButton.LeftButton)
    window.wait_for(lambda: not menu.isVisible())


def test_a_single_acquisition_is_not_offered_as_side_information(window: Any) -> None:
    window.with_fakes(10)
    action = window.widget.panels[1]._source.actions_by_name["acquisition"]
    assert not action.isEnabled()
    assert "Join…" in action.toolTip()
    window.controller.set_option("auxiliary", "acquisition")  # as it may be left from another cube
    window.widget.panels[1]._more.click()
    assert "This cube is one acquisition: join cubes in step 1, or choose another source." in window.texts()
    tick(window, "acquisition")
    assert window.session.spec.auxiliary == "auto"


def test_cubes_of_other_wavelengths_are_refused_in_step_one(window: Any) -> None:
    window.with_fakes(10)
    first = window.session.cube
    window.controller.add_cube(Cube(first.spectra * 1.0, first.wavelengths + 40, name="shifted"))
    window.ready()
    window.press("Join…")
    window.press("Join")
    window.wait_for(lambda: window.session.trouble is not None)
    assert window.session.trouble.step == "cube"
    assert any("Band 1 lies at 450.0 nm in scene but at 490.0 nm in shifted" in text for text in window.texts())
    assert len(window.session.cubes) == 2


def ten_checks(cube: Cube, result: Any) -> Fit[Report]:
    """A report as long as they get."""
    yield Progress("checking", 0, 1, 0.0)
    long = (
        "The endmembers' standard error is 14 % of the simplex's size: regions differ, but leave endmembers uncertain."
    )
    status: list[Any] = ["pass", "doubtful", "fail", "pass", "pass", "doubtful", "pass", "pass", "pass", "doubtful"]
    checks = tuple(
        Check(f"check {k}", s, 1.234, 2.0, long, "Paint a region.", role="required") for k, s in enumerate(status)
    )
    return Report("partly", "Partly: endmembers 1 and 2 can trade.", checks)


def test_why_puts_what_asks_for_something_first_and_marks_stand_at_their_titles(window: Any) -> None:
    window.with_fakes(5)
    window.seam.put(assess=ten_checks)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.press("Why?")
    window.qtbot.wait(100)
    assert any(text.startswith("10 checks: 1 failed, 3 doubtful, 6 passed") for text in window.texts())
    lines = window.listed("checks")
    titles = [line for mark, line in pairwise(lines) if mark in "✓◐✗–"]  # a title comes after its mark
    assert len(titles) == 10
    assert [title.split(":")[0] for title in titles[:4]] == ["Check 2", "Check 1", "Check 5", "Check 9"]
    scroll = window.widget.findChild(QScrollArea)
    assert scroll.widget().minimumSizeHint().width() <= scroll.viewport().width()


class Opened(QObject):
    """Stands in for the browser."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[QUrl] = []

    @Slot(QUrl)
    def open(self, url: QUrl) -> None:
        """Note it."""
        self.urls.append(url)


def test_the_report_page_is_written_and_opened(window: Any, tmp_path: Path) -> None:
    window.with_fakes(5)
    written: list[Any] = []

    def page(run: Any) -> Fit[Path]:
        yield Progress("writing the report page", 0, 1, 0.0)
        written.append((run.report, run.named.names))
        return tmp_path / "report.html"

    window.seam.put(page=page)
    assert "Open report" not in visible_buttons(window)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.controller.rename_endmember(0, "water")
    with_browser(window, lambda: window.press("Open report"), lambda: window.session.page is not None, tmp_path)
    assert written == [(current_report(window.session), ("water", "endmember 2", "endmember 3"))]


def with_browser(window: Any, act: Callable[[], None], done: Callable[[], bool], folder: Path) -> None:
    """Do something that opens a page, and see which."""
    browser = Opened()
    QDesktopServices.setUrlHandler("file", browser, "open")
    try:
        act()
        window.wait_for(done)
        window.wait_for(lambda: bool(browser.urls))
    finally:
        QDesktopServices.unsetUrlHandler("file")
    assert [url.toLocalFile() for url in browser.urls] == [str(folder / "report.html")]


def test_combinations_are_ticked_in_any_order() -> None:
    from napari_unmix.plugin.window.panels.source import toggled

    assert toggled("auto", "blocks") == "blocks"
    assert toggled("blocks", "bands") == "blocks+bands"
    assert toggled("blocks+bands", "blocks") == "bands"
    assert toggled("bands", "bands") == "auto"
    assert toggled("blocks+bands", "none") == "none"
    assert toggled("none", "blocks") == "blocks"
