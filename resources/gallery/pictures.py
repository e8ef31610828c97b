"""Make the README's pictures of the window: the sample scene, trained, a pixel clicked, in both themes.

Run on a display, or without one: xvfb-run -s "-screen 0 1390x890x24" python resources/gallery/pictures.py [FOLDER]
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from napari.utils.theme import available_themes, build_theme_svgs
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

from napari_unmix.plugin.facts.session import Session, shown_preview
from napari_unmix.plugin.window.launch import open_viewer
from napari_unmix.plugin.window.workspace import workspace_of

SIZE = (1390, 890)
PIXEL = (40, 50)
MOST_SECONDS = 600.0


KEPT_IN = ("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@contextmanager
def own_home() -> Iterator[None]:
    """What the window keeps by itself goes to a folder that is thrown away, and nothing that the user left there is found."""
    before = {kept: os.environ.get(kept) for kept in KEPT_IN}
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.environ.update({kept: str(Path(folder) / kept) for kept in KEPT_IN})
        for theme in (
            available_themes()
        ):  # napari looks for its icons in the cache's folder, and wrote them where that was before
            build_theme_svgs(theme, "builtin")
        try:
            yield
        finally:
            for kept, value in before.items():
                os.environ.pop(kept)
                os.environ.update({} if value is None else {kept: value})


def live(condition: Callable[[], bool], seconds: float = MOST_SECONDS) -> None:
    """Let the window live until something is the case."""
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        QApplication.processEvents()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)  # as a loop of its own would
        time.sleep(0.005)


def picture(viewer: Any, path: Path) -> None:
    """Save what the window shows, once it has drawn it."""
    viewer.reset_view()
    live(lambda: False, 0.8)
    viewer.screenshot(str(path), canvas_only=False, flash=False)
    print(path)


@own_home()
def main(folder: Path, method: str = "ivae") -> None:
    """Open the sample, train it by a method, take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    viewer = open_viewer(sample=True, block=False)
    viewer.window.resize(*SIZE)
    workspace = workspace_of(viewer)
    session: Session = workspace.session
    live(lambda: session.suggested is not None and session.survey is not None)
    workspace.controller.choose_method(method)
    picture(viewer, folder / "window-ready.png")
    workspace.controller.start()
    live(lambda: shown_preview(session) is not None or session.state == "idle")
    picture(viewer, folder / "window-training.png")
    live(lambda: session.state == "idle")
    workspace.controller.select_pixel(*PIXEL)
    for theme in ("dark", "light"):
        viewer.theme = theme
        picture(viewer, folder / f"window-{theme}.png")
    viewer.close()
    live(lambda: False, 0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "pictures"))
