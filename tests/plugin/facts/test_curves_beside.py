"""The plot draws the run beside, dashed, with the endmembers of the one that is shown."""

from __future__ import annotations

from typing import Any

from napari_unmix.cube import Cube
from napari_unmix.plugin.facts.curves import View, Wishes, drawing
from napari_unmix.plugin.facts.session import Session
from napari_unmix.plugin.verbs.controller import Controller
from napari_unmix.plugin.verbs.runners import run_inline


def test_the_run_beside_is_drawn_with_the_endmembers_in_its_partners_colours(
    session: Session, cube: Cube, tools: Any
) -> None:
    controller = Controller(session, run_inline, tools.make_engine())
    controller.add_cube(cube)
    controller.start()
    controller.set_option("seed", 4)
    controller.start()
    assert drawing(session, Wishes()).of("beside") == []
    controller.compare_with(1)
    drawn = drawing(session, Wishes())
    assert [curve.colour for curve in drawn.of("beside")] == [curve.colour for curve in drawn.of("endmember")]
    assert drawn.of("beside")[0].name == "endmember 1 (ivae)"
    assert drawing(session, Wishes(View.PIXEL)).of("beside") == []
    controller.compare_with(None)
    assert drawing(session, Wishes()).of("beside") == []
