"""The way of the page *First steps*, walked in a real window with the fastest method: it leads where the page says, by as many acts."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GALLERY, PAGE = ROOT / "resources" / "gallery", ROOT / "resources" / "docs" / "first-steps.md"
WINDOW = all(importlib.util.find_spec(name) for name in ("napari", "pytestqt"))
pytestmark = [
    pytest.mark.gui,
    pytest.mark.slow,
    pytest.mark.skipif(not WINDOW, reason="napari or pytest-qt is not installed: the gui extra brings them"),
]


@pytest.fixture
def script() -> Iterator[Any]:
    """The script as a module; importing it opens nothing."""
    sys.path.insert(0, str(GALLERY))
    import first_steps

    yield first_steps
    sys.path.remove(str(GALLERY))


@pytest.mark.usefixtures("qapp")
def test_the_page_leads_from_an_empty_window_to_named_maps_that_are_taken_along(script: Any, tmp_path: Path) -> None:
    from PIL import Image

    walked = script.main(tmp_path, "vca-fcls")
    page = PAGE.read_text(encoding="utf-8")
    assert re.findall(r"\]\(\.\./gallery/(\S+?)\)", page) == walked.pictures
    assert f"**{walked.acts} presses, strokes and names**" in page
    assert {"abundances.npy", "run.json", "abundances.png"} <= set(walked.exported)
    assert {"calcite", "spruce needles", "dry grass"} <= set(walked.named)
    for name in walked.pictures:
        assert (GALLERY / name).is_file()
        with Image.open(tmp_path / name) as picture:
            assert picture.width >= 1000
            assert np.asarray(picture.convert("L")).std() > 5
