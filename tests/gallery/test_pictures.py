"""The script that makes the README's pictures of the window runs, here with the fastest method."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[2] / "resources" / "gallery" / "pictures.py"
WINDOW = all(importlib.util.find_spec(name) for name in ("napari", "pytestqt"))
pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not WINDOW, reason="napari or pytest-qt is not installed: the gui extra brings them"),
]


@pytest.fixture
def script() -> Any:
    """The script as a module; importing it opens nothing."""
    found = importlib.util.spec_from_file_location("gallery_pictures", SCRIPT)
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.usefixtures("qapp")
def test_the_pictures_of_the_window_are_made(script: Any, tmp_path: Path) -> None:
    from PIL import Image
    from qtpy.QtCore import QThreadPool

    script.main(tmp_path, "vca-fcls")
    script.live(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, 60)
    names = {"window-ready.png", "window-training.png", "window-dark.png", "window-light.png"}
    assert {path.name for path in tmp_path.iterdir()} == names
    brightness = {}
    for name in names:
        with Image.open(tmp_path / name) as picture:
            assert picture.width >= 1000
            brightness[name] = float(np.asarray(picture.convert("L")).mean())
    assert brightness["window-light.png"] > brightness["window-dark.png"] + 20
