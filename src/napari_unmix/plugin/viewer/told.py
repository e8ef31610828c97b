"""What the viewer tells in a notification: so little that it is not cut off, and a report to be sent where an error was unexpected."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import Notification, NotificationSeverity, notification_manager
from qtpy.QtWidgets import QApplication

from napari_unmix.plugin.facts.notices import COPY_REPORT, notice
from napari_unmix.plugin.facts.session import Trouble


def tell(trouble: Trouble) -> None:
    """Show a notification of what went wrong."""
    report = trouble.report

    def copy(*_: Any) -> None:
        QApplication.clipboard().setText(report)

    actions = ((COPY_REPORT, copy),) if report else ()
    notification_manager.dispatch(Notification(notice(trouble), NotificationSeverity.ERROR, actions))
