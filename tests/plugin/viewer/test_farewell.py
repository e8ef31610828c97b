"""Layers that go: at once where they are seen, and where they are hidden after one more picture, in which nobody sees them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_unmix.plugin.viewer.farewell import DRAWN_MS, take_away

pytestmark = [
    pytest.mark.gui,  # timers need Qt
    pytest.mark.usefixtures("qapp"),
]


def test_a_hidden_layer_is_in_one_more_picture_before_it_goes(qtbot: Any) -> None:
    viewer = ViewerModel()
    seen, hidden = (viewer.add_image(np.zeros((3, 3)), visible=visible) for visible in (True, False))
    take_away(viewer, seen)
    take_away(viewer, hidden)
    assert list(viewer.layers) == [hidden]
    assert (hidden.visible, hidden.opacity) == (True, 0.0)
    qtbot.waitUntil(lambda: not viewer.layers, timeout=10 * DRAWN_MS)


def test_what_the_user_took_away_meanwhile_is_gone(qtbot: Any) -> None:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros((3, 3)), visible=False)
    take_away(viewer, layer)
    viewer.layers.remove(layer)
    qtbot.wait(DRAWN_MS + 50)
    take_away(viewer, layer)
    assert list(viewer.layers) == []
