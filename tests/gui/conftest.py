"""A real window, a real mouse. Needs the gui extra, and a display or Xvfb."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import napari_unmix

if find_spec("napari") is None:  # the core is installed and tested without it
    collect_ignore_glob = ["test_*.py"]

WINDOW = (1390, 890)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here is marked ``gui``."""
    for item in items:
        if Path(item.path).parent == Path(__file__).parent:
            item.add_marker(pytest.mark.gui)


@pytest.fixture(scope="session", autouse=True)
def manifest() -> None:
    """Make the plugin known to napari where the package runs from its source folder."""
    pytest.importorskip("npe2")
    from npe2 import PluginManager, PluginManifest

    manager = PluginManager.instance()
    manager.discover()
    if "napari-unmix" not in manager:
        manager.register(PluginManifest.from_file(Path(napari_unmix.__file__).parent / "napari.yaml"))


@pytest.fixture
def samson() -> Path:
    """The header of the Samson scene."""
    folder = os.environ.get("NAPARI_UNMIX_DATA")
    header = Path(folder or "") / "samson" / "samson.hdr"
    if not folder or not header.exists():
        message = "set NAPARI_UNMIX_DATA to the folder of the real scenes: the main job's test does not run without it"
        pytest.skip(message)
    return header


class Window:
    """What a person does with the window."""

    def __init__(self, viewer: Any, qtbot: Any) -> None:
        from napari_unmix.plugin.workspace import workspace_of

        self.viewer, self.qtbot = viewer, qtbot
        self.dock, self.widget = viewer.window.add_plugin_dock_widget("napari-unmix", "Unmix")
        self.workspace = workspace_of(viewer)
        self.session, self.controller = self.workspace.session, self.workspace.controller

    @property
    def spectra(self) -> Any:
        """The widget of the spectra."""
        return self.viewer.window.add_plugin_dock_widget("napari-unmix", "Spectra")[1]

    def button(self, *labels: str) -> Any:
        """The visible button that reads so."""
        from qtpy.QtWidgets import QPushButton

        found = [b for b in self.widget.findChildren(QPushButton) if b.text() in labels and b.isVisible()]
        assert found, f"no button reads {labels}"
        return found[0]

    def press(self, *labels: str) -> None:
        """Press a button with the mouse."""
        from qtpy.QtCore import Qt
        from qtpy.QtWidgets import QScrollArea

        button = self.button(*labels)
        self.widget.findChild(QScrollArea).ensureWidgetVisible(button)
        self.qtbot.wait(20)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def place(self, row: float, column: float) -> Any:
        """Where a pixel is on the canvas."""
        from qtpy.QtCore import QPoint

        canvas = self.viewer.window._qt_viewer.canvas
        x, y = canvas.view.scene.transform.map([column, row, 0, 1])[:2]
        return QPoint(round(x), round(y))

    def drag(self, *pixels: tuple[float, float]) -> None:
        """Press at the first pixel, move over the others, release."""
        from qtpy.QtCore import Qt

        native = self.viewer.window._qt_viewer.canvas.native
        self.qtbot.mouseMove(native, pos=self.place(*pixels[0]))
        self.qtbot.wait(20)
        self.qtbot.mousePress(native, Qt.MouseButton.LeftButton, pos=self.place(*pixels[0]))
        for pixel in pixels[1:]:
            self.qtbot.wait(20)
            self.qtbot.mouseMove(native, pos=self.place(*pixel))
        self.qtbot.wait(20)
        self.qtbot.mouseRelease(native, Qt.MouseButton.LeftButton, pos=self.place(*pixels[-1]))
        self.qtbot.wait(20)

    def click(self, row: int, column: int) -> None:
        """Click a pixel."""
        self.drag((row, column))

    def drop(self, path: Path) -> None:
        """Drop a file on the window."""
        from qtpy.QtCore import QMimeData, QPointF, Qt, QUrl
        from qtpy.QtGui import QDropEvent

        mime = QMimeData()
        mime.setUrls([QUrl.fromLocalFile(str(path))])
        event = QDropEvent(
            QPointF(200, 200),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
        self.viewer.window._qt_viewer.dropEvent(event)

    def maps(self) -> list[Any]:
        """The abundance layers by endmember."""
        found = [layer for layer in self.viewer.layers if layer.metadata.get("napari_unmix") == "abundance"]
        return sorted(found, key=lambda layer: int(layer.metadata["endmember"]))

    def wait_for(self, condition: Callable[[], bool], seconds: float = 10) -> None:
        """Let the window live until something is the case."""
        self.qtbot.waitUntil(condition, timeout=int(1000 * seconds))

    def ready(self) -> None:
        """The small work after opening a cube is done, torch is warm."""
        self.wait_for(lambda: self.session.suggested is not None and self.session.survey is not None, 30)
        self.settle()

    def settle(self) -> None:
        """No worker is left."""
        from qtpy.QtCore import QThreadPool

        self.wait_for(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, 60)
        self.qtbot.wait(150)


@pytest.fixture
def window(make_napari_viewer: Any, qtbot: Any) -> Iterator[Window]:
    """napari with the Unmix dock."""
    viewer = make_napari_viewer(show=True)
    viewer.window.resize(*WINDOW)
    made = Window(viewer, qtbot)
    qtbot.wait(50)
    yield made
    made.workspace.close()
    made.settle()
