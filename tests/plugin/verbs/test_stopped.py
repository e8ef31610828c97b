"""A training that was stopped on a cube without a run: its maps stay until the next training has newer ones."""

from __future__ import annotations

from typing import Any

from napari_unmix.plugin.facts.session import shown_preview
from napari_unmix.plugin.verbs.controller import Controller


def test_the_maps_of_a_stopped_training_stay_until_there_are_newer_ones(session: Any, tools: Any) -> None:
    runner = tools.HeldRunner()
    controller = Controller(session, runner, tools.make_engine())
    controller.add_cube(tools.make_cube())
    controller.start()
    runner.jobs[-1].step()
    first = shown_preview(session)
    assert first is not None
    controller.cancel()
    assert shown_preview(session) is first
    controller.start()
    assert shown_preview(session) is first
    runner.jobs[-1].step()
    assert shown_preview(session) is not None
    assert shown_preview(session) is not first
