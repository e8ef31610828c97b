"""Maps that follow from a run, names of layers, and the picture of what is looked at, by made-up numbers."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts import derived
from napari_unmix.plugin.facts.derived import DOMINANT, View, limits_of, made, source_of, title_of, why_not
from napari_unmix.plugin.facts.layer_names import LONGEST, prefix_of, shortened
from napari_unmix.plugin.facts.runs import Run, Shown, fresh_look
from napari_unmix.plugin.facts.seen import Sight, seen
from napari_unmix.progress import Preview, drain

SPEC = spec_class("vca-fcls")()


def result(tools: Any, **others: Any) -> Any:
    """A result on the small scene, with a pixel without data."""
    return replace(tools.make_unmixing(tools.make_cube(), SPEC), **others)


def test_the_dominant_endmember_is_the_largest_share_and_no_data_is_zero(
    monkeypatch: pytest.MonkeyPatch, tools: Any
) -> None:
    content = result(tools)
    whole = drain(made(DOMINANT, content.abundances))
    assert whole[0, 0] == 0
    assert whole[1, 2] == content.abundances[1, 2].argmax() + 1
    assert set(np.unique(whole)) == {0, 1, 2, 3}
    monkeypatch.setattr(derived, "BLOCK_VALUES", 40)
    np.testing.assert_array_equal(drain(made(DOMINANT, content.abundances)), whole)


def test_more_endmembers_than_a_byte_counts() -> None:
    shares = np.zeros((1, 2, 300), np.float32)
    shares[0, 0, 299] = shares[0, 1, 254] = 1
    assert drain(made(DOMINANT, shares)).tolist() == [[300, 255]]


def test_the_spread_of_one_and_of_all(tools: Any) -> None:
    content = result(tools)
    one = drain(made(View("spread", 1), content.abundance_std))
    np.testing.assert_array_equal(one, content.abundance_std[..., 1])
    every = drain(made(View("spread"), content.abundance_std))
    assert every[3, 3] == pytest.approx(np.sqrt(np.mean(content.abundance_std[3, 3] ** 2)))
    assert np.isnan(every[0, 0])


def test_what_a_run_lacks_is_said_with_the_remedy(tools: Any) -> None:
    content = result(tools, abundance_std=None)
    preview = Preview(content.endmembers, content.abundances)
    assert source_of(DOMINANT, preview) is content.abundances
    assert source_of(View("residual"), content) is content.reconstruction_error
    assert source_of(View("residual"), preview) is None
    assert "finished run" in why_not(View("residual"), preview)
    assert "posterior" in why_not(View("spread"), content)
    assert "tick it" in why_not(View("illumination"), content)
    assert why_not(View("residual"), content) == ""
    assert why_not(DOMINANT, None) == "Train first."
    assert source_of(View("spread", 7), result(tools)) is None  # of a run with fewer endmembers


def test_titles_follow_the_names() -> None:
    assert title_of(View("spread", 1), ("water", "rock")) == "spread of rock"
    assert title_of(DOMINANT, ()) == "dominant endmember"


def test_limits_leave_single_pixels_out() -> None:
    plane = np.ones((100, 100), np.float32)
    plane[0, 0], plane[0, 1] = 1e6, np.nan
    assert limits_of(plane) == (0.0, 1.0)
    assert limits_of(np.full((2, 2), np.nan)) == (0.0, 1.0)


def test_a_single_cube_needs_no_name_before_its_layers(tools: Any) -> None:
    one, other, same = (
        tools.make_cube(name=name, seed=k) for k, name in enumerate(("samson", "a" * 40 + "z", "samson"))
    )
    assert prefix_of(one, (one,)) == ""
    assert prefix_of(one, (one, other)) == "samson · "
    assert prefix_of(same, (one, other, same)) == "samson 2 · "
    assert prefix_of(other, (one, other)).endswith("z · ")
    assert len(shortened(other.name)) == LONGEST
    assert prefix_of(replace(one, good_bands=~one.good_bands), (one, other)) == "samson · "


def sight(tools: Any, view: View | None = None, hidden: frozenset[int] = frozenset()) -> Sight:
    """The result as it is shown, with its colours."""
    cube, content = tools.make_cube(), result(tools)
    look = replace(
        fresh_look(content.endmembers, ("a", "b", "c")), colours=("#ff0000", "#00ff00", "#0000ff"), hidden=hidden
    )
    run = Run(1, "ivae", datetime(2026, 1, 2), cube, SPEC, None, cube, content, look)
    return Sight(Shown(cube, content, look, run), view)


def test_the_picture_adds_the_maps_that_are_seen(tools: Any) -> None:
    drawn = drain(seen(sight(tools, hidden=frozenset({1}))))
    shares = result(tools).abundances
    np.testing.assert_array_equal(
        drawn.image[2, 3], [round(255 * float(shares[2, 3, 0])), 0, round(255 * float(shares[2, 3, 2])), 255]
    )
    assert drawn.image[0, 0, 3] == 0  # no data
    assert [(entry.colour, entry.name) for entry in drawn.entries] == [("#ff0000", "a"), ("#0000ff", "c")]
    assert "ivae, 2026-01-02" in drawn.subtitle


def test_the_picture_of_further_maps(tools: Any) -> None:
    dominant = drain(seen(sight(tools, DOMINANT)))
    assert tuple(dominant.image[2, 3, :3]) == tuple(255 * (np.arange(3) == result(tools).abundances[2, 3].argmax()))
    assert sum(int(entry.fact.removesuffix(" %")) for entry in dominant.entries) in (99, 100, 101)
    spread = drain(seen(sight(tools, View("spread", 0))))
    assert spread.limits is not None
    assert spread.image.ndim == 2
    assert "spread of a" in spread.subtitle
    assert drain(seen(sight(tools, View("illumination")))).entries  # this run has none: the maps are seen
