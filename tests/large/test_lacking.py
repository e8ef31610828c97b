"""What the sample lacked: decisions on both sides of each line, and the order of blocks has no say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray
from napari_unmix.large.again import Others, explained
from napari_unmix.large.lacking import (
    STANDS_OUT,
    Faults,
    Lacking,
    StandingOut,
    groups_of,
    has_room,
    in_one_band,
    lacking,
    line_of,
)
from napari_unmix.large.sampling import MOST_ADDED
from napari_unmix.large.saying import said_of
from napari_unmix.rows.inversion import FreeLight, Inversion


def test_the_line_is_over_nearly_all_of_the_sample() -> None:
    errors = np.linspace(0, 1, 1001)
    assert line_of(errors) == pytest.approx(STANDS_OUT * 0.999)
    assert line_of(np.append(errors, np.nan)) == line_of(errors)


def test_noise_of_fifty_bands_does_not_get_there() -> None:
    residual = np.random.default_rng(3).normal(size=(200_000, 50))
    errors = np.sqrt((residual**2).mean(axis=1))
    assert errors.max() < line_of(errors[:40_000])


@pytest.mark.parametrize("order", range(5))
def test_the_order_of_blocks_changes_nothing(order: int) -> None:
    """The endmember is the first axis, so that what is off the others is left."""
    generator = np.random.default_rng(7)
    spectra = generator.integers(0, 40, (3000, 4)) / 10  # many are the same
    errors = np.sqrt((spectra[:, 1:] ** 2).sum(axis=1) / 4)
    blocks = np.split(np.arange(3000), [500, 501, 2000])
    first, other = (StandingOut(1.5, np.eye(4)[:1], 0.0) for _ in range(2))
    for block in blocks:
        first.look(block, errors[block], spectra[block])
    for block in np.random.default_rng(order).permutation(np.arange(4)):
        other.look(blocks[block], errors[blocks[block]], spectra[blocks[block]])
    np.testing.assert_array_equal(other.places, first.places)
    np.testing.assert_array_equal(other.residual, first.residual)
    assert len(first.places) == MOST_ADDED
    np.testing.assert_allclose(first.errors, errors[first.places])
    assert first.one_band == other.one_band > 0


def looked_at(*spectra: list[float]) -> StandingOut:
    """Spectra of which every one leaves three times what the line asks, beside an endmember along the first axis."""
    out = StandingOut(1.0, np.eye(len(spectra[0]))[:1], 0.1)
    out.look(np.arange(len(spectra)), np.full(len(spectra), 3.0), np.array(spectra))
    return out


def test_another_brightness_of_an_endmember_does_not_stand_out() -> None:
    assert not len(looked_at([90.0, 0, 0, 0]).places)
    assert len(looked_at([90.0, 5, 5, 0]).places) == 1


def test_a_pixel_of_zeros_is_counted_and_no_material() -> None:
    out = looked_at([0.0, 0, 0, 0], [0.0, 0, 0, 0], [0.0, 4, 4, 0])
    assert out.places.tolist() == [2]
    assert lacking(out).faults == Faults(zeros=2, alone=1)


@pytest.mark.parametrize(("other", "in_one"), [(0.4, True), (0.6, False)])
def test_one_band_that_is_off_is_a_fault(other: float, in_one: bool) -> None:
    """The share of the largest band is 1 / (1 + 0.16) = 0.86, or 1 / 1.36 = 0.74, where the ordinary pixel leaves nothing."""
    assert in_one_band(np.array([[0.0, 1.0, other, 0.0]]), 0.0).tolist() == [in_one]
    # What noise leaves beside it is no part of the share.
    assert in_one_band(np.array([[0.3, 1.0, 0.3, 0.3]]), 0.3).tolist() == [True]


def test_two_pixels_alike_are_a_material_and_one_is_not() -> None:
    out = looked_at([0.0, 3, 3, 0], [0.0, 0, 3, -4], [0.0, 2.9, 3.0, 0.1])
    found = lacking(out)
    assert [found.places[group].tolist() for group in found.groups] == [[0, 2]]
    assert found.faults == Faults(alone=1)


@pytest.mark.parametrize(("cosine", "materials"), [(0.79, 0), (0.81, 1)])
def test_alike_is_a_matter_of_the_angle(cosine: float, materials: int) -> None:
    assert len(groups_of(np.array([[1.0, 0], [cosine, np.sqrt(1 - cosine**2)]]))) == materials


def test_a_residual_the_other_way_is_another_material() -> None:
    assert not groups_of(np.array([[1.0, 0], [-1.0, 0]]))


@pytest.mark.parametrize(("share", "room"), [(0.09, True), (0.11, False)])
def test_an_endmember_gives_way_that_others_hardly_need(share: float, room: bool) -> None:
    """Pixels on two axes, off the third by one; the second endmember explains this share of what is left without it."""
    spectra = np.array([[1.0, 0, 1], [0, np.sqrt(2 * share), 1]])
    assert has_room(spectra, np.eye(3)[:2], np.array([[0.0, 0, -9]]), FreeLight()) == room


@pytest.mark.parametrize(("left", "taken"), [(0.5, True), (0.51, False)])
def test_an_answer_has_to_leave_half(left: float, taken: bool) -> None:
    assert explained(1.0, left) == taken


@dataclass(frozen=True)
class Answer:
    """What of an answer is asked: its endmembers (P, B), and how brightness counts."""

    endmembers: FloatArray
    inversion: Inversion


@pytest.mark.parametrize(("more", "allowed"), [(0.09, True), (0.11, False)])
def test_the_others_may_be_left_a_tenth_more(more: float, allowed: bool) -> None:
    """Pixels off both answers by one; without the second endmember they leave this share more. A band that takes no part says nothing."""
    others = Others(np.array([[1.0, np.sqrt(more), 1.0], [2.0, np.sqrt(more), 1.0]]))
    both = np.hstack([np.eye(3)[:2], np.full((2, 1), np.nan)])
    before, now = (cast("Unmixing", Answer(endmembers, FreeLight())) for endmembers in (both, both[:1]))
    assert others.allow(before, now) is allowed
    assert others.allow(now, before)


def test_what_is_said_of_it() -> None:
    missed = Lacking((), np.zeros(0, np.intp), Faults(zeros=4, one_band=1, alone=2))
    said = str(said_of("Read.", 7, 0, missed))
    assert said.startswith(
        "Read. A material of fewer than 7 pixels may have been missing in the sample: no pixels were added, and none"
    )
    assert said.endswith(
        "Not taken for a material: 4 pixels of zeros in all bands, 1 pixel off in one band, as a fault of the detector is, 2 pixels like no other."
    )
    assert "Not taken" not in str(said_of("Read.", 7, 3, Lacking((), np.zeros(0, np.intp))))
