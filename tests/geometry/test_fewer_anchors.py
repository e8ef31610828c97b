"""Where all strokes together may not anchor, those that nothing leads still may, if every stroke is led with them."""

from __future__ import annotations

import os
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.geometry.anchoring import COSTS, LED, Trials, accepted, suffices, try_anchors
from napari_unmix.geometry.found import Found
from napari_unmix.geometry.recipes import PlaneArchetypes
from napari_unmix.geometry.search import find_endmembers
from napari_unmix.geometry.strokes import ANCHORED, LINEAR, with_strokes
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import SumToOne
from napari_unmix.rows.metrics import angle_table
from napari_unmix.rows.subspace import Excess
from unmix_benchmarks.common.cases import MUUFL
from unmix_benchmarks.common.strokes import paint_strokes

BANDS, VARIES = 30, 1.2
CORNERS = 0.1 + np.random.default_rng(3).random((5, BANDS))
# The second material was not found: an endmember stands between two others instead.
BLIND = np.vstack([CORNERS[:1], CORNERS[[0, 2]].mean(axis=0, keepdims=True), CORNERS[2:]])
EXCESS = Excess(VARIES, VARIES, np.zeros(0), np.zeros(0))


def scene() -> tuple[FloatArray, dict[str, IntArray]]:
    """Spectra (N, B) of five materials with pure pixels, and strokes by what they show."""
    generator = np.random.default_rng(3)
    shares = generator.dirichlet(np.full(5, 0.4), 1500)
    shares = shares[shares.max(axis=1) < 0.85][:800]
    shares[:60] = np.repeat(np.eye(5), 12, axis=0)
    shares[60:72] = 0.2  # a bit of everything
    shares[72:84] = [0.62, 0.0, 0.0, 0.38, 0.0]  # led by the first, and off it
    spectra = shares @ CORNERS + 0.002 * generator.normal(size=(800, BANDS))
    strokes = {"missed": np.arange(12, 24), "everything": np.arange(60, 72), "rough": np.arange(72, 84)}
    return spectra, strokes


def stroked(spectra: FloatArray, strokes: list[IntArray], variability: float = VARIES) -> Found:
    """What the search makes of the strokes where it had not found the second material."""
    found = Found(BLIND, PlaneArchetypes(space="affine"), 0.002, EXCESS)
    return drain(with_strokes(spectra, found, strokes, 0.002, SumToOne(), variability=variability))


def told(found: Found) -> tuple[str, ...]:
    """What became of each stroke."""
    return tuple(one.how for one in found.strokes)


@pytest.mark.parametrize(
    ("cost", "purity", "led", "expected"),
    [
        (COSTS, LED, LED, True),
        (COSTS, LED, LED - 1e-9, False),
        (COSTS + 1e-9, 1.0, 1.0, False),
        (1.0, LED - 1e-9, 1.0, False),
        (1.0, 1.0, 0.0, False),
    ],
)
def test_fewer_anchors_need_a_cost_a_share_and_every_stroke_led(
    cost: float, purity: float, led: float, expected: bool
) -> None:
    assert suffices(cost, (purity,), led) is expected
    assert accepted(cost, (purity,)) or not expected  # never more than where all anchor


def test_an_anchor_is_not_given_up_because_another_stroke_is_added() -> None:
    spectra, strokes = scene()
    alone = stroked(spectra, [strokes["missed"]])
    assert told(alone) == ("anchors",)
    both = [strokes["missed"], strokes["rough"]]
    assert drain(try_anchors(spectra, BLIND, both)).anchors == ()  # together they may not
    found = stroked(spectra, both)
    assert told(found) == ("anchors", "names")
    assert found.numbers[ANCHORED] == 1
    np.testing.assert_array_equal(found.endmembers[0], alone.endmembers[0])
    assert np.degrees(angle_table(found.endmembers[:1], CORNERS[1:2])).max() < 5
    assert np.degrees(angle_table(found.endmembers[1:2], CORNERS[:1])).max() < 5  # the rough one names what leads it
    assert str(found.notes[-1]) == (
        "1 painted material anchors its endmember; the others are the purest spectra left, of which 1 painted one names one."
    )


def test_a_stroke_that_nothing_leads_then_either_keeps_it_from_anchoring() -> None:
    spectra, strokes = scene()
    found = stroked(spectra, [strokes["missed"], strokes["everything"]])
    assert ANCHORED not in found.numbers
    np.testing.assert_array_equal(np.sort(found.endmembers, axis=0), np.sort(BLIND, axis=0))


def test_numbers_of_each_endmember_move_with_it_where_a_stroke_puts_it_first() -> None:
    spectra, _ = scene()
    numbers = {"facet_tails": (0.0, 1.0, 2.0, 3.0, 4.0), "outside": 0.5, "stroke_pixels_believed": (9.0, 8.0)}
    found = Found(CORNERS, PlaneArchetypes(space="affine"), 0.002, EXCESS, numbers=numbers)
    led = drain(with_strokes(spectra, found, [np.arange(36, 48)], 0.002, SumToOne(), variability=VARIES))
    assert np.array_equal(led.endmembers, CORNERS[[3, 0, 1, 2, 4]])
    assert led.numbers["facet_tails"] == (3.0, 0.0, 1.0, 2.0, 4.0)
    assert (led.numbers["outside"], led.numbers["stroke_pixels_believed"]) == (0.5, (9.0, 8.0))


def test_the_order_of_the_strokes_does_not_matter() -> None:
    spectra, strokes = scene()
    pure = np.arange(36, 48)  # of the fourth
    three = [strokes["missed"], strokes["rough"], pure]
    answers = {}
    for order in permutations(range(3)):
        found = stroked(spectra, [three[k] for k in order])
        places = np.argsort(order)
        answers[order] = [told(found)[k] for k in places], found.endmembers[places]
    first = answers[(0, 1, 2)]
    assert "anchors" in first[0]
    for hows, endmembers in answers.values():
        assert hows == first[0]
        np.testing.assert_allclose(endmembers, first[1], atol=1e-9)


def test_only_strokes_among_those_asked_for_anchor_and_never_all() -> None:
    spectra, strokes = scene()
    trials = drain(Trials.of(spectra, BLIND, [strokes["missed"], strokes["rough"]]))
    (tried,) = drain(trials.fewer([0]))
    assert tried.anchors == (0,)
    assert list(tried.costs) == [0]
    assert drain(trials.fewer([])) == ()
    alone = drain(Trials.of(spectra, BLIND, [strokes["missed"]]))
    assert drain(alone.fewer([0])) == ()  # that is all of them


def test_as_many_anchor_as_may() -> None:
    spectra, strokes = scene()
    fourth = np.arange(36, 48)
    blind = BLIND.copy()
    blind[3] = CORNERS[[2, 4]].mean(axis=0)  # the fourth was not found either
    trials = drain(Trials.of(spectra, blind, [strokes["missed"], strokes["rough"], fourth]))
    assert drain(trials.nearly_all()).anchors == ()
    best, *_ = drain(trials.fewer([0, 2]))
    assert best.anchors == (0, 2)


def test_where_mixing_is_linear_to_the_noise_still_none_anchors() -> None:
    spectra, strokes = scene()
    found = stroked(spectra, [strokes["missed"], strokes["rough"]], LINEAR)
    assert told(found) == ("names", "names")


@pytest.mark.slow
@pytest.mark.real_data
@pytest.mark.skipif(
    "NAPARI_UNMIX_DATA" not in os.environ, reason="NAPARI_UNMIX_DATA is not set: MUUFL's strokes are NOT tested"
)
def test_two_strokes_of_muufl_that_together_cost_too_much_still_mend_the_answer() -> None:
    cube, truth = MUUFL.load(Path(os.environ["NAPARI_UNMIX_DATA"]))
    pixels, count = cube.pixels(), len(truth.endmembers)
    labels = paint_strokes(truth.shares, 2, 1).labels[cube.valid_pixels]
    strokes = [np.flatnonzero(labels == k) for k in (2, 3)]
    blind = drain(find_endmembers(pixels, count, SumToOne(), strokes=[], seed=0))
    assert drain(try_anchors(pixels, blind.endmembers, strokes)).anchors == ()
    found = drain(with_strokes(pixels, blind, strokes, blind.noise, SumToOne(), variability=blind.excess.linear))
    assert told(found) == ("anchors", "names")
    before, after = (
        np.degrees(angle_table(one.endmembers, truth.endmembers[:, cube.good_bands])).min(axis=0).mean()
        for one in (blind, found)
    )
    assert after < 0.6 * before
