"""What a person makes of a result: properties of merging, splitting, deleting, moving and exchanging endmembers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import GIVEN, OF_EACH, Findings, GivenFound, NoteKind, SupportFound
from napari_unmix.methods.registry import spec_class
from napari_unmix.plugin.facts.edits import (
    deleted,
    edited_text,
    exchanged,
    is_edited,
    mean_shares,
    merged,
    moved,
    split,
)
from napari_unmix.plugin.facts.locks import names_of_regions
from napari_unmix.plugin.facts.runs import Look, carried_look
from napari_unmix.rows.inversion import inversion
from napari_unmix.sentences import UnmixError

COLOURS = ("#aa0000", "#00aa00", "#0000aa", "#aaaa00", "#00aaaa")
NAMES = ("rock", "soil", "tree", "water", "roof")


def answer(
    seed: int = 0, count: int = 4, *, light: bool = False, noise: float = 0.0, zero: int | None = None
) -> tuple[Unmixing, Look, Cube]:
    """A least-squares result of a mixture, one band excluded and one pixel invalid; no pixel holds endmember ``zero``."""
    rng = np.random.default_rng(seed)
    bands, height, width = 16, 9, 11
    good, valid = np.ones(bands, bool), np.ones((height, width), bool)
    good[5], valid[2, 3] = False, False
    endmembers = rng.uniform(0.05, 0.9, (count, bands))
    shares = rng.dirichlet(np.ones(count), (height, width))
    if zero is not None:
        shares[..., zero] = 0
        shares /= shares.sum(axis=2, keepdims=True)
    way = inversion(free_light=light)
    endmembers[:, good] = way.written(endmembers[:, good])
    brightness = rng.uniform(0.5, 1.5, (height, width, 1)) if light else 1.0
    spectra = brightness * (shares @ endmembers) + noise * rng.normal(size=(height, width, bands))
    cube = Cube(spectra, np.linspace(400, 900, bands), good, valid)
    endmembers[:, ~good] = np.nan
    found = way.invert(cube.pixels(), endmembers[:, good])
    image = np.asarray(cube.image(found.abundances.astype(np.float32)))
    lit = None if found.illumination is None else np.asarray(cube.image(found.illumination.astype(np.float32)))
    spec = spec_class("vca-fcls")(endmembers=count, illumination=light)
    error = np.zeros((height, width), np.float32)
    result = Unmixing(
        endmembers, image, 0.1 * image, lit, error, NAMES[:count], spec, findings=Findings(noise=noise or None)
    )
    return result, Look(endmembers, NAMES[:count], COLOURS[:count], frozenset({1}), {0: "pin 1"}), cube


def valid_shares(result: Unmixing) -> np.ndarray:
    """(N, P) of the pixels that have an answer."""
    return result.abundances[np.isfinite(result.abundances).all(axis=2)]


chosen = st.lists(st.integers(0, 3), min_size=2, max_size=3, unique=True)


@given(seed=st.integers(0, 50), which=chosen, light=st.booleans())
@settings(max_examples=25)
def test_merging_keeps_the_sum_of_shares(seed: int, which: list[int], light: bool) -> None:
    result, look, cube = answer(seed, light=light, noise=0.01)
    edit = merged(result, look, cube, which)
    np.testing.assert_allclose(valid_shares(edit.unmixing).sum(axis=1), 1, atol=1e-5)
    place = edit.look.names.index(" + ".join(NAMES[k] for k in sorted(which)))
    assert place == min(which)
    np.testing.assert_allclose(
        edit.unmixing.abundances[..., place], result.abundances[..., sorted(which)].sum(axis=2), atol=1e-6
    )
    assert len(edit.unmixing.names) == 5 - len(which)
    assert np.isnan(edit.unmixing.endmembers[:, 5]).all()
    assert np.isfinite(edit.unmixing.endmembers[:, cube.good_bands]).all()


@given(seed=st.integers(0, 50), light=st.booleans())
@settings(max_examples=15)
def test_merging_commutes(seed: int, light: bool) -> None:
    result, look, cube = answer(seed, count=5, light=light, noise=0.01)
    one, other = (merged(result, look, cube, which) for which in ([1, 3], [3, 1]))
    np.testing.assert_array_equal(one.unmixing.endmembers, other.unmixing.endmembers)
    assert one.look.names == other.look.names
    # Of three, whichever pair is merged first: shares are the same, and so is the spectrum where brightness is not free.
    first = merged(*_again(merged(result, look, cube, [0, 1])), cube, [0, 1])
    second = merged(*_again(merged(result, look, cube, [1, 2])), cube, [0, 1])
    np.testing.assert_allclose(first.unmixing.abundances, second.unmixing.abundances, atol=1e-5)
    if not light:
        np.testing.assert_allclose(first.unmixing.endmembers, second.unmixing.endmembers, rtol=1e-5)


def _again(edit: Any) -> tuple[Unmixing, Look]:
    return edit.unmixing, edit.look


def test_the_merged_spectrum_is_the_mean_by_share_and_the_larger_one_gives_the_colour() -> None:
    result, look, cube = answer(3)
    shares = mean_shares(result)
    edit = merged(result, look, cube, [2, 0])
    expected = (shares[0] * result.endmembers[0] + shares[2] * result.endmembers[2]) / (shares[0] + shares[2])
    np.testing.assert_allclose(edit.unmixing.endmembers[0], expected)
    assert edit.look.colours[0] == COLOURS[0 if shares[0] >= shares[2] else 2]
    assert len(set(edit.look.colours)) == 3
    assert edit.said == "merged rock and tree"
    assert not edit.look.locked  # it was of a spectrum that is no more
    assert edit.look.hidden == frozenset({1})


def test_merged_spreads_are_combined_as_if_independent_and_the_note_says_so() -> None:
    result, look, cube = answer(1)
    edit = merged(result, look, cube, [0, 1])
    assert result.abundance_std is not None
    assert edit.unmixing.abundance_std is not None
    expected = np.hypot(result.abundance_std[..., 0], result.abundance_std[..., 1])
    np.testing.assert_allclose(edit.unmixing.abundance_std[..., 0], expected, rtol=1e-6)
    note = edit.unmixing.notes[-1]
    assert note.kind is NoteKind.EDITED
    assert "± as if they were independent" in note.sentence
    assert is_edited(edit.unmixing)
    assert not is_edited(result)
    again = deleted(edit.unmixing, edit.look, cube, 1)
    assert edited_text(again.unmixing) == "edited: merged rock and soil, deleted tree; not checked, Train on refits it"
    assert edited_text(result) == ""


@given(seed=st.integers(0, 50), light=st.booleans())
@settings(max_examples=15)
def test_deleting_an_endmember_that_no_pixel_has_leaves_the_shares(seed: int, light: bool) -> None:
    result, look, cube = answer(seed, light=light, zero=2)
    edit = deleted(result, look, cube, 2)
    np.testing.assert_allclose(edit.unmixing.abundances, result.abundances[..., [0, 1, 3]], atol=2e-5)
    assert edit.look.names == ("rock", "soil", "water")
    assert edit.look.colours == (COLOURS[0], COLOURS[1], COLOURS[3])
    assert edit.look.locked == {0: "pin 1"}


def test_deleting_gives_the_share_to_the_others_on_the_simplex() -> None:
    result, look, cube = answer(4, noise=0.01)
    left = deleted(result, look, cube, 0).unmixing
    shares = valid_shares(left)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert (shares >= 0).all()
    assert np.nanmean(left.reconstruction_error) > 0.01
    assert left.findings.recipe.kind == "edited"


def test_what_would_leave_one_endmember_is_refused() -> None:
    result, look, cube = answer(0, count=2)
    with pytest.raises(UnmixError, match="2 endmembers are the fewest"):
        deleted(result, look, cube, 0)
    with pytest.raises(UnmixError, match="would leave one"):
        merged(result, look, cube, [0, 1])
    with pytest.raises(UnmixError, match="choose another one"):
        merged(result, look, cube, [1])


def _two_in_one() -> tuple[Unmixing, Look, Cube, np.ndarray]:
    """A scene of three materials, two of which an answer holds for one."""
    rng = np.random.default_rng(0)
    bands, side = 30, 40
    true = rng.uniform(0.1, 0.9, (3, bands))
    shares = rng.dirichlet(np.full(3, 0.25), (side, side))
    cube = Cube(shares @ true + 0.003 * rng.normal(size=(side, side, bands)))
    endmembers = np.array([true[:2].mean(axis=0), true[2]])
    image = np.stack([shares[..., 0] + shares[..., 1], shares[..., 2]], axis=2).astype(np.float32)
    error = np.zeros((side, side), np.float32)
    names = ("mixed", "endmember 2")
    spec = spec_class("vca-fcls")(endmembers=2)
    result = Unmixing(endmembers, image, 0.05 * image, None, error, names, spec, findings=Findings(noise=0.003))
    return result, Look(endmembers, names, COLOURS[:2]), cube, true


def test_splitting_finds_the_two_materials_and_leaves_the_shares_of_the_others() -> None:
    from napari_unmix.rows.metrics import angle_table

    result, look, cube, true = _two_in_one()
    edit = split(result, look, cube, 0)
    new = edit.unmixing
    assert edit.look.names == ("mixed", "mixed 2", "endmember 2")
    assert len(set(edit.look.colours)) == 3
    np.testing.assert_array_equal(new.abundances[..., 2], result.abundances[..., 1])
    np.testing.assert_allclose(new.abundances[..., :2].sum(axis=2), result.abundances[..., 0], atol=1e-6)
    angles = np.degrees(angle_table(new.endmembers[:2], true[:2]))
    assert min(angles[[0, 1], [0, 1]].max(), angles[[0, 1], [1, 0]].max()) < 6
    assert new.reconstruction_rmse < 0.5 * replace(result, reconstruction_error=_rmse(result, cube)).reconstruction_rmse
    # Merged again, the shares are those before.
    back = merged(new, edit.look, cube, [0, 1]).unmixing
    np.testing.assert_allclose(back.abundances, result.abundances, atol=1e-6)


def _rmse(result: Unmixing, cube: Cube) -> np.ndarray:
    residual = result.residual(cube, cube.valid_pixels)
    return np.asarray(cube.image(np.sqrt((residual**2).mean(axis=1)).astype(np.float32)))


def test_splitting_one_material_is_refused_with_numbers() -> None:
    result, look, cube, _ = _two_in_one()
    with pytest.raises(UnmixError, match=r"purest pixels of endmember 2 are alike \(two groups \d\.\d° apart"):
        split(result, look, cube, 1)


@given(seed=st.integers(0, 30), index=st.integers(0, 3), by=st.sampled_from([-1, 1]))
@settings(max_examples=20)
def test_moving_there_and_back_is_nothing(seed: int, index: int, by: int) -> None:
    result, look, _ = answer(seed)
    if not 0 <= index + by < 4:
        with pytest.raises(UnmixError, match="already"):
            moved(result, look, index, by)
        return
    there = moved(result, look, index, by)
    assert there.look.names[index + by] == NAMES[index]
    np.testing.assert_array_equal(there.unmixing.abundances[..., index + by], result.abundances[..., index])
    back = moved(there.unmixing, there.look, index + by, -by)
    np.testing.assert_array_equal(back.unmixing.endmembers, result.endmembers)
    assert back.look.names == look.names
    assert dict(back.look.locked) == dict(look.locked)
    assert back.look.hidden == look.hidden


def test_what_was_given_moves_with_its_endmember() -> None:
    result, look, cube = answer(2)
    first, second = (GivenFound(place=k, name=NAMES[k], held=k == 0, source="ab"[k]) for k in range(2))
    found = Findings(given=(first, second))
    result = replace(result, findings=found, model={GIVEN: result.endmembers[:2].copy()})
    down = moved(result, look, 0, 1).unmixing
    down = moved(down, look, 2, -1).unmixing  # soil, tree, rock, water
    given = down.given
    assert given is not None
    assert (given.names, given.sources) == (
        ("rock", "soil"),
        ("a", "b"),
    )  # as they were given, so that the fit is repeated
    assert down.findings.held == (2,)
    np.testing.assert_array_equal(given.spectra[0], result.endmembers[0])
    assert cube is not None


@given(seed=st.integers(0, 50), index=st.integers(0, 3), by=st.integers(-3, 3))
@settings(max_examples=25)
def test_what_the_search_measured_moves_with_its_endmember(seed: int, index: int, by: int) -> None:
    result, look, _ = answer(seed)
    of_each = dict.fromkeys(OF_EACH, tuple(float(mean) for mean in np.nanmean(result.endmembers, axis=1)))
    result = replace(result, findings=Findings(search={**of_each, "outside": 2.0}))
    if not 0 <= index + by < 4:
        return
    other = moved(result, look, index, by).unmixing
    found = tuple(float(mean) for mean in np.nanmean(other.endmembers, axis=1))
    assert other.findings.search == {**dict.fromkeys(OF_EACH, found), "outside": 2.0}


def test_a_spectrum_that_is_exchanged_is_locked_and_all_shares_are_anew() -> None:
    result, look, cube = answer(5)
    spectrum = cube.spectra[4, 4].astype(float)
    edit = exchanged(result, look, cube, 2, spectrum, "pin 1")
    np.testing.assert_array_equal(edit.unmixing.endmembers[2, cube.good_bands], spectrum[cube.good_bands])
    assert np.isnan(edit.unmixing.endmembers[2, 5])
    assert edit.look.locked == {0: "pin 1", 2: "pin 1"}
    assert edit.unmixing.abundances[4, 4, 2] > 0.99
    np.testing.assert_allclose(valid_shares(edit.unmixing).sum(axis=1), 1, atol=1e-5)
    with pytest.raises(UnmixError, match="same spectrum"):
        exchanged(result, look, cube, 2, 2 * result.endmembers[0], "pin 1")


def test_locks_are_carried_to_the_next_run_with_the_spectrum() -> None:
    _, look, _ = answer(6)
    carried = carried_look(look.endmembers[[3, 0, 1]], (), look)
    assert carried.names == ("water", "rock", "soil")
    assert carried.locked == {1: "pin 1"}


def test_painted_places_by_name() -> None:
    labels = np.zeros((3, 3), np.int32)
    labels[0, 0], labels[1, 1], labels[2, 2] = 1, 2, 3
    painted = Annotation(labels, {2: Meaning("material", "rock"), 3: Meaning("ignore")})
    assert names_of_regions(painted) == {1: "region 1", 2: "rock"}
    assert names_of_regions(None) == {}


def test_halves_follow_their_endmembers_and_are_forgotten_where_they_are_merged() -> None:
    result, look, cube = answer()
    halves = SupportFound(supported=3, halves=(0, 2), apart=0.1, left=1.0, between=0.6)
    known = replace(result, findings=result.findings.model_copy(update={"support": halves}))
    after = moved(known, look, 0, 1).unmixing.findings.support
    assert after is not None
    assert after.halves == (1, 2)
    assert merged(known, look, cube, (0, 2)).unmixing.findings.support is None
