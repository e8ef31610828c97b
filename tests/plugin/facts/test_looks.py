"""Which endmember takes whose name and colour: by spectrum, never by row number. Made-up spectra, a few bands."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.cube import Cube, FloatArray
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.palette import OKABE_ITO
from napari_unmix.plugin.facts.runs import SAME_MATERIAL_DEGREES, Look, Training, carried_look, fresh_look, matched
from napari_unmix.progress import Preview

WATER, TREE, ROCK, SNOW = np.eye(4) + 0.02
NAMED = Look(np.stack([WATER, TREE, ROCK]), ("water", "tree", "rock"), OKABE_ITO[:3], frozenset({1}))


def turned(spectrum: FloatArray, degrees: float) -> FloatArray:
    """A spectrum at this angle from another."""
    other = np.roll(spectrum, 1)
    other = other - spectrum * (spectrum @ other) / (spectrum @ spectrum)
    other *= np.linalg.norm(spectrum) / np.linalg.norm(other)
    angle = np.radians(degrees)
    return np.asarray(np.cos(angle) * spectrum + np.sin(angle) * other)


@given(st.permutations(range(3)), st.floats(0.1, 10.0))
def test_names_colours_and_eyes_follow_the_spectra_in_any_order_and_light(order: list[int], light: float) -> None:
    look = carried_look(light * NAMED.endmembers[list(order)], (), NAMED)
    assert look.names == tuple(NAMED.names[k] for k in order)
    assert look.colours == tuple(NAMED.colours[k] for k in order)
    assert look.hidden == {order.index(1)}


@pytest.mark.parametrize(
    ("degrees", "name"), [(SAME_MATERIAL_DEGREES - 0.1, "water"), (SAME_MATERIAL_DEGREES + 0.1, "endmember 1")]
)
def test_only_nearly_the_same_spectrum_is_the_same_material(degrees: float, name: str) -> None:
    assert carried_look(turned(WATER, degrees)[None], (), NAMED).names == (name,)


def test_the_nearer_of_two_takes_the_name() -> None:
    look = carried_look(np.stack([turned(WATER, 6), turned(WATER, -2)]), (), NAMED)
    assert look.names == ("endmember 1", "water")
    assert look.colours[1] == NAMED.colours[0]
    assert look.colours[0] not in NAMED.colours[:1]


def test_a_stroke_names_its_endmember_and_the_name_is_not_given_twice() -> None:
    look = carried_look(np.stack([SNOW, WATER]), ("water", "endmember 2"), NAMED)
    assert look.names == ("water", "water 2")


def test_numbers_are_names_too() -> None:
    before = fresh_look(np.stack([WATER, TREE, ROCK]))
    look = carried_look(np.stack([ROCK, SNOW, WATER]), (), before)
    assert look.names == ("endmember 3", "endmember 2", "endmember 1")
    assert look.colours[0] == before.colours[2]
    assert look.colours[2] == before.colours[0]
    assert len(set(look.colours)) == 3


def test_the_run_before_comes_first_then_the_preview_before() -> None:
    last = Look(np.stack([WATER, SNOW]), ("not this", "snow"), ("#111111", "#222222"))
    look = carried_look(np.stack([SNOW, WATER]), (), NAMED, last)
    assert look.names == ("snow", "water")
    assert look.colours == ("#222222", NAMED.colours[0])


def test_other_bands_match_nothing_and_excluded_ones_do_not_count() -> None:
    assert matched(np.ones((2, 3)), np.ones((2, 5))) == []
    holed = NAMED.endmembers.copy()
    holed[:, 3] = np.nan
    assert carried_look(holed, (), NAMED).names == NAMED.names


def training(known: Look | None) -> Training:
    """A run under way."""
    cube = Cube(np.random.default_rng(0).random((4, 4, 4)), name="scene")
    return Training(2, cube, spec_class("ivae")(), None, known)


def preview(*spectra: FloatArray) -> Preview:
    """Endmembers, and maps of no matter what."""
    return Preview(np.stack(spectra), np.full((4, 4, len(spectra)), 1 / len(spectra), np.float32))


def test_every_preview_is_matched_to_the_run_before_also_after_one_that_lost_a_material() -> None:
    run = training(NAMED).previewed(preview(ROCK, TREE, WATER))
    assert run.look is not None
    assert run.look.names == ("rock", "tree", "water")
    run = run.previewed(preview(SNOW, ROCK))
    assert run.look is not None
    assert run.look.names == ("endmember 1", "rock")
    run = run.previewed(preview(TREE, WATER, ROCK))
    assert run.look is not None
    assert run.look.names == ("tree", "water", "rock")
    assert run.look.colours == tuple(NAMED.colours[k] for k in (1, 0, 2))


def test_a_name_given_while_it_trains_stays_through_previews_that_miss_it() -> None:
    run = training(NAMED).previewed(preview(SNOW, WATER))
    assert run.look is not None
    run = run.relooked(run.look.renamed(0, "snow"), 0)
    run = run.relooked(run.look.renamed(1, "lake"), 1)
    run = run.previewed(preview(ROCK, TREE)).previewed(preview(WATER, ROCK, SNOW))
    assert run.look is not None
    assert run.look.names == ("lake", "rock", "snow")


def test_colours_change_places() -> None:
    look = NAMED.coloured(0, NAMED.colours[2])
    assert look.colours == (NAMED.colours[2], NAMED.colours[1], NAMED.colours[0])
    assert NAMED.coloured(0, "#123456").colours == ("#123456", *NAMED.colours[1:])
    assert replace(NAMED, hidden=frozenset()).taken([2, 0], NAMED.endmembers[[2, 0]]).names == ("rock", "water")
