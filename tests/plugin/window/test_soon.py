"""What step 4 says while a run is under way, in a real window."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_unmix.progress import Fit, Preview, Progress


def bar(window: Any) -> Any:
    """The bar of the run."""
    from napari_unmix.plugin.window.panels.bar import ShareBar

    return window.widget.findChild(ShareBar)


class Slow:
    """A fit that stays at a step until the test lets it go on."""

    def __init__(self, *steps: Progress) -> None:
        self.steps, self.at = steps, 0

    def __call__(self, cube: Any, spec: Any, annotation: Any) -> Fit[Any]:
        import time

        while True:
            time.sleep(0.005)
            yield self.steps[self.at]


def preview(misfit: float | None) -> Any:
    """A snapshot of that misfit."""
    three = np.random.default_rng(0).uniform(0.1, 0.9, (3, 20))
    maps = np.full((40, 50, 3), 1 / 3, np.float32)
    return lambda: Preview(three, maps + np.float32(0), misfit)


def test_what_is_told_of_a_run(window: Any) -> None:
    """A busy bar while nothing is known, words of materials and maps, epochs, the fit over the noise; no loss to be read."""
    window.with_fakes(3)
    fit = Slow(
        Progress("measuring the noise", 0, 1, 0.0),
        Progress("finding endmembers", 7, 0, 0.2, 812.3, preview(4.31)),
        Progress("training the inference network", 60, 240, 0.4, -17.3, preview(1.26)),
    )
    window.seam.put(unmix=fit)
    window.press("Train")
    window.wait_for(lambda: "counting the materials" in window.texts())
    assert bar(window).isVisible()
    assert bar(window).busy
    place = bar(window).grab().toImage()
    window.wait_for(lambda: bar(window).grab().toImage() != place)  # it moves

    fit.at = 1
    window.wait_for(lambda: "fits to 4.3× the noise" in window.texts())
    assert "finding the materials" in window.texts()
    assert not bar(window).busy
    assert bar(window).value() == round(0.2 * bar(window).maximum())

    fit.at = 2
    window.wait_for(lambda: "fits to 1.3× the noise" in window.texts())
    epochs = window.session.spec.epochs
    assert f"learning the maps, epoch {epochs // 4} of {epochs}" in window.texts()
    assert not [text for text in window.texts() if "loss" in text or "17.3" in text]

    window.press("Pause")
    window.wait_for(lambda: any(text.startswith("paused: learning the maps") for text in window.texts()))
    window.press("Cancel")
    window.wait_for(lambda: not bar(window).isVisible())


def test_a_pause_before_anything_is_known_stands_still(window: Any) -> None:
    """A bar that goes to and fro says that something is done."""
    window.with_fakes(3)
    window.seam.put(unmix=Slow(Progress("measuring the noise", 0, 1, 0.0)))
    window.press("Train")
    window.wait_for(lambda: bar(window).busy)
    window.press("Pause")
    window.wait_for(lambda: not bar(window).busy)
    window.press("Resume")
    window.wait_for(lambda: bar(window).busy)
    window.press("Cancel")
    assert not bar(window).busy


def test_the_next_run_begins_without_the_words_of_the_last(window: Any) -> None:
    """The fit and the time of a run that was cancelled are not those of the next."""
    window.with_fakes(3)
    fit = Slow(Progress("finding endmembers", 7, 0, 0.2, 1.0, preview(4.31)), Progress("reading", 0, 1, 0.0))
    window.seam.put(unmix=fit)
    window.press("Train")
    window.wait_for(lambda: "fits to 4.3× the noise" in window.texts())
    window.press("Cancel")
    fit.at = 1
    window.press("Train")
    window.wait_for(lambda: "reading" in window.texts())
    assert not [text for text in window.texts() if "× the noise" in text]
    window.press("Cancel")
