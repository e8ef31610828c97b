"""One spectrum in varying light in the window: suggested, trained, shown, clicked."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.session import current_report


def test_one_material_is_answered_in_the_window(window: Any) -> None:
    from napari_unmix.plugin.viewer.layers import cube_layers

    shade = 0.6 + 0.3 * np.cos(np.linspace(0, 20, 1200)).reshape(30, 40, 1)
    noise = np.random.default_rng(0).normal(0, 0.003, (30, 40, 24))
    for data, options, _ in cube_layers(Cube(shade * np.linspace(0.3, 0.8, 24) + noise, name="one")):
        window.viewer.add_image(data, **options)
    window.ready()
    assert window.session.suggested == 1
    window.press("Train")
    window.wait_for(lambda: current_report(window.session) is not None, 60)
    assert len(window.maps()) == 1
    assert (window.maps()[0].data == 1).all()
    assert any("One material, its brightness varies" in text for text in window.texts())
    window.click(5, 7)
    window.wait_for(lambda: window.session.pixel is not None)
    assert window.spectra.isVisible()
    window.settle()
