"""An unexpected error: what the window shows, and what a click on “Copy report” copies."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QApplication, QPushButton

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import current_report
from napari_unmix.progress import Fit, Progress


def broken(cube: Cube, spec: Any, annotation: Any) -> Fit[Unmixing]:
    """A bug in the middle of a run."""
    yield Progress("epoch 1", 0, 10, 0.0)
    raise KeyError("a bug in /home/somebody/private/scene.hdr")


@pytest.fixture
def failed(window: Any) -> Any:
    """A window whose second training met a bug."""
    window.with_fakes(5)
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None)
    window.good = window.session.run
    window.seam.put(unmix=broken)
    QApplication.clipboard().setText("something else")
    window.press("Train")
    window.wait_for(lambda: window.session.trouble is not None)
    window.qtbot.wait(400)
    return window


def assert_copied(window: Any) -> None:
    """The report is on the clipboard, without the file."""
    text = QApplication.clipboard().text()
    assert text == window.session.trouble.report
    assert "KeyError" in text
    assert "40×50 pixels" in text
    assert "napari_unmix/plugin/verbs/runners.py" in text
    assert "somebody" not in text
    assert "private" not in text


def test_the_steps_button_copies(failed: Any) -> None:
    assert any("An unexpected error stopped this (KeyError" in text for text in failed.texts())
    assert (failed.session.run.number, failed.session.run.unmixing) == (failed.good.number, failed.good.unmixing)
    failed.press("Copy report")
    assert_copied(failed)
    failed.press("Train")
    failed.controller.cancel()
    assert not [b for b in failed.widget.findChildren(QPushButton) if b.text() == "Copy report" and b.isVisible()]


def test_the_notification_copies(shown_notifications: list[Any], failed: Any) -> None:
    (told,) = shown_notifications
    assert told.actions[0][0] == "Copy report"
    from napari._qt.dialogs.qt_notification import NapariQtNotification

    dialog = NapariQtNotification.from_notification(told, failed.viewer.window._qt_window)
    dialog.show()
    failed.qtbot.wait(300)
    (button,) = [b for b in dialog.findChildren(QPushButton) if b.text() == "Copy report"]
    assert button.isVisible()
    failed.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert_copied(failed)
    dialog.close()


@pytest.fixture
def shown_notifications() -> Any:
    """What is told as an error, from here on."""
    from napari.utils.notifications import NotificationSeverity, notification_manager

    seen: list[Any] = []

    def take(notification: Any) -> None:
        if notification.severity is NotificationSeverity.ERROR:
            seen.append(notification)

    notification_manager.notification_ready.connect(take)
    yield seen
    notification_manager.notification_ready.disconnect(take)


def test_an_unexpected_error_in_a_click_is_shown_by_napari(window: Any) -> None:
    """What goes wrong in this thread, outside any work, reaches napari's notifications with its calls."""
    from napari.utils.notifications import ErrorNotification, notification_manager

    def listen(pixel: Any) -> None:
        raise ZeroDivisionError("a bug of a panel")

    window.with_fakes(5)
    seen: list[Any] = []
    notification_manager.notification_ready.connect(seen.append)
    window.session.events.pixel.connect(listen)
    with notification_manager:  # as while napari runs its event loop
        QTimer.singleShot(0, lambda: window.controller.select_pixel(3, 3))
        window.qtbot.wait(100)
    window.session.events.pixel.disconnect(listen)
    notification_manager.notification_ready.disconnect(seen.append)
    assert any(isinstance(told, ErrorNotification) and "a bug of a panel" in told.as_text() for told in seen)
