"""Bars that do not draw the window at once."""

from __future__ import annotations

from typing import Any


def test_a_bar_is_drawn_with_the_next_turn_and_not_at_once(qtbot: Any) -> None:
    """Qt's own ``setValue`` draws the bar, and with it the canvas behind it, before it returns: at each number of a run, at each stroke."""
    from qtpy.QtWidgets import QProgressBar

    from napari_unmix.plugin.window.panels.bar import ShareBar, set_value

    painted = []

    class Watched(ShareBar):
        def paintEvent(self, event: Any) -> None:
            painted.append(self.value())
            super().paintEvent(event)

    bar = Watched("Progress")
    qtbot.addWidget(bar)
    bar.show()
    qtbot.waitUntil(lambda: bool(painted))
    qtbot.wait(50)
    painted.clear()
    for share in (0.2, 0.5, 0.5, 0.9):
        bar.show_share(share, "#007acc")
    assert not painted
    qtbot.waitUntil(lambda: bool(painted))
    assert set(painted) == {bar.value()} == {round(0.9 * bar.maximum())}
    bar.show_share(None, "#007acc")
    assert bar.busy
    bar.show_share(0.95, "#007acc")
    assert not bar.busy
    other = QProgressBar()
    set_value(other, 7)
    assert other.value() == 7


def test_the_gauge_is_drawn_with_the_next_turn(window: Any) -> None:
    """A stroke is taken in without drawing the window in the middle of it."""
    from qtpy.QtCore import QEvent, QObject
    from qtpy.QtWidgets import QProgressBar, QScrollArea

    from napari_unmix.plugin.window.panels.side import SidePanel

    window.with_fakes(2)
    window.press("New annotation")
    window.drag((10, 10), (10, 20))
    gauge = window.widget.findChild(SidePanel).findChild(QProgressBar)
    window.wait_for(lambda: gauge.isVisible())
    window.widget.findChild(QScrollArea).ensureWidgetVisible(gauge)
    window.qtbot.wait(50)
    drawn: list[bool] = []
    taking = [False]

    class Watch(QObject):
        def eventFilter(self, watched: Any, event: Any) -> bool:
            if event.type() == QEvent.Type.Paint:
                drawn.append(taking[0])
            return False

    watch = Watch()
    gauge.installEventFilter(watch)
    labels = window.session.annotation.labels.copy()
    labels[20:24, 5:15] = 2
    taking[0] = True
    window.controller.set_labels(labels)
    taking[0] = False
    assert gauge.value() == 2
    window.wait_for(lambda: bool(drawn))
    assert True not in drawn
