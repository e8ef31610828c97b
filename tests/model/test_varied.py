"""A law of variability from pairs of neighbours: looked for and kept where it should be, and nothing is touched elsewhere."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.findings import NoteKind
from napari_unmix.given import Given
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.nonlinear import WORTH
from napari_unmix.model.varied import (
    NOTHING_LEFT,
    OF_THE_MIXING,
    Leftover,
    is_of_the_spectra,
    law_cost,
    law_is_kept,
    may_vary,
)
from napari_unmix.model.views import FEWEST_PAIRS
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.metrics import rmse
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.synthetic import blind_scene, random_materials, smooth_field

# Decisions


@pytest.mark.parametrize(
    ("misfit", "pairs", "free_light", "looked_for"),
    [
        (NOTHING_LEFT, 10_000, False, False),
        (NOTHING_LEFT + 1e-6, 10_000, False, True),
        (5.0, FEWEST_PAIRS - 1, False, False),
        (5.0, FEWEST_PAIRS, False, True),
        (5.0, 10_000, True, False),
    ],
)
def test_a_law_is_looked_for_where_spectra_that_sum_to_one_leave_more_than_noise(
    misfit: float, pairs: int, free_light: bool, looked_for: bool
) -> None:
    assert may_vary(misfit, pairs, free_light=free_light) == looked_for


@pytest.mark.parametrize(
    ("share", "missing", "said"),
    [(0.0, False, True), (OF_THE_MIXING - 1e-6, False, True), (OF_THE_MIXING, False, False), (0.0, True, False)],
)
def test_neither_scattering_nor_a_missing_material_is_variability(share: float, missing: bool, said: bool) -> None:
    assert is_of_the_spectra(Leftover(share, missing)) == said


@pytest.mark.parametrize(("gain", "kept"), [(-1.0, False), (WORTH - 1e-6, False), (WORTH + 1e-6, True), (50.0, True)])
def test_a_law_is_kept_where_the_evidence_is_for_it(gain: float, kept: bool) -> None:
    assert law_is_kept(0.0, gain) == kept


@pytest.mark.parametrize(("before", "now"), [(True, "latent"), (False, "none"), ("pairs", "pairs")])
def test_runs_with_a_switch_are_read_as_what_they_were(before: object, now: str) -> None:
    assert IvaeSpec.model_validate({"method": "ivae", "variability": before}).variability == now


def test_a_law_costs_what_its_numbers_cost_and_the_less_the_more_pixels_there_are() -> None:
    assert law_cost(0, (2, 3), 100) == pytest.approx(0.5 * 12 * np.log(100) / 100)
    assert law_cost(2, (2, 3), 100) == pytest.approx(0.5 * 18 * np.log(100) / 100)
    assert law_cost(2, (2, 3), 10_000) < 0.03 * law_cost(2, (2, 3), 100)


# Scenes


@cache
def varying() -> tuple[Cube, FloatArray, FloatArray]:
    """A cube of three materials whose brightness and slope vary in squares of four pixels, their means (P, B) and abundances (H, W, P)."""
    generator = np.random.default_rng(5)
    wavelengths, means, _ = random_materials(3, generator)
    size, side = 40, 4
    abundances = np.exp(2.2 * np.stack([smooth_field((size, size), 5.0, generator) for _ in means], axis=-1))
    abundances /= abundances.sum(axis=-1, keepdims=True)
    ramp = np.linspace(-1, 1, means.shape[1])
    spectra = np.zeros((size, size, means.shape[1]))
    for k, mean in enumerate(means):
        gain, tilt = (
            np.kron(generator.normal(size=(size // side, size // side)), np.ones((side, side))) for _ in range(2)
        )
        spectra += abundances[..., k : k + 1] * mean * (1 + 0.15 * gain[..., None] + 0.08 * tilt[..., None] * ramp)
    spectra += 0.002 * generator.normal(size=spectra.shape)
    return Cube(spectra.astype(np.float32), wavelengths), means, abundances


def known(choice: str) -> Unmixing:
    cube, means, _ = varying()
    spec = IvaeSpec(endmembers=3, epochs=2, variability=choice)  # type: ignore[arg-type]
    return drain(unmix(cube, spec, None, Given.known(means, ("one", "two", "three"))))


@pytest.mark.slow
def test_where_spectra_vary_the_law_is_kept_and_beats_the_better_plain_estimate() -> None:
    cube, means, abundances = varying()
    pixels, truth = cube.pixels().astype(float), abundances.reshape(-1, 3)
    plain = min(rmse(fully_constrained(pixels, means), truth), rmse(scaled(pixels, means)[0], truth))
    result = known("auto")
    found = result.findings.variability
    assert found is not None
    assert found.chosen == "pairs"
    assert found.evidence["pairs"] > found.evidence["none"] + WORTH
    assert rmse(result.abundances.reshape(-1, 3), truth) < 0.8 * plain  # measured 0.71
    # What is planted is 15 % and 8 % (over the ramp, a third of its square) of each spectrum; held spectra stay to the bit.
    assert all(0.04 < spread < 0.4 for spread in found.spread)
    np.testing.assert_array_equal(result.endmembers, means)
    (said,) = [note.sentence for note in result.notes if note.kind is NoteKind.VARIABILITY]
    assert said.startswith(
        f"Spectra of each material vary: learned from {found.pairs:,} pairs of neighbours; evidence "
    )


def test_without_a_neighbour_the_law_is_learned_within_painted_regions() -> None:
    """Every second pixel, as the squares of one colour of a chessboard: none shares an edge with another."""
    cube, means, abundances = varying()
    rows, columns = np.indices(cube.shape[:2])
    seen = (rows + columns) % 2 == 0
    alone = Cube(cube.spectra, cube.wavelengths, valid_pixels=seen)
    squares = Annotation(np.where(seen, 1 + rows // 8 * 5 + columns // 8, 0))
    known = Given.known(means, ("one", "two", "three"))
    result = drain(unmix(alone, IvaeSpec(endmembers=3, epochs=2), squares, known))
    found = result.findings.variability
    assert found is not None
    assert (found.chosen, found.source) == ("pairs", "regions")
    pixels, truth = alone.pixels().astype(float), abundances[seen]
    plain = min(rmse(fully_constrained(pixels, means), truth), rmse(scaled(pixels, means)[0], truth))
    assert rmse(result.abundances[seen], truth) < 0.85 * plain
    (said,) = [note.sentence for note in result.notes if note.kind is NoteKind.VARIABILITY]
    pixels_read = f"{found.pairs:,} pixels beside others of their region"
    assert said.startswith(f"Spectra of each material vary: learned from {pixels_read}; ")


@pytest.mark.slow
def test_scattering_is_not_learned_as_variability_unasked_and_gains_are() -> None:
    found = {}
    for kind in ("fan", "gains"):
        scene = blind_scene(771_000, materials=3, pure=True, kind=kind, decibels=30.0, size=48)  # type: ignore[arg-type]
        result = drain(unmix(scene.cube, IvaeSpec(endmembers=3, epochs=1)))
        assert result.findings.misfit is not None
        found[kind] = result.findings.variability
    assert found["fan"] is None
    assert found["gains"] is not None
    assert found["gains"].chosen == "pairs"


@pytest.mark.slow
def test_where_nothing_varies_every_answer_is_as_without_to_the_bit() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="linear", decibels=30.0, size=32)
    plain, asked = (
        drain(unmix(scene.cube, IvaeSpec(endmembers=3, epochs=1, variability=variability)))  # type: ignore[arg-type]
        for variability in ("none", "pairs")
    )
    np.testing.assert_array_equal(asked.abundances, plain.abundances)
    np.testing.assert_array_equal(asked.endmembers, plain.endmembers)
    np.testing.assert_array_equal(asked.abundance_std, plain.abundance_std)
    found = asked.findings.variability
    assert found is not None
    assert found.chosen == "none"
    assert any("do not tell that they vary" in note.sentence for note in asked.notes)


def test_where_pixels_have_no_neighbours_it_is_said() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=30.0, size=24)
    lonely = np.zeros((24, 24), bool)
    lonely[::2, ::2] = True
    cube = Cube(scene.cube.spectra, scene.cube.wavelengths, valid_pixels=lonely)
    result = drain(unmix(cube, IvaeSpec(endmembers=3, epochs=1, variability="pairs")))
    said = f"Variability can't be learned from 0 pairs of neighbours: it takes {FEWEST_PAIRS}, or as many pixels in painted regions"
    assert said + " of like composition." in map(str, result.notes)


def test_where_neighbours_are_unlike_nothing_is_learned_and_it_is_said() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=30.0, size=16)
    shuffled = np.random.default_rng(0).permutation(scene.cube.pixels()).reshape(scene.cube.shape)
    cube = Cube(shuffled, scene.cube.wavelengths)
    plain, asked = (
        drain(unmix(cube, IvaeSpec(endmembers=3, epochs=1, variability=choice)))  # type: ignore[arg-type]
        for choice in ("none", "pairs")
    )
    assert any(" pairs of neighbours of like composition: it takes " in note.sentence for note in asked.notes)
    assert asked.findings.variability is None
    np.testing.assert_array_equal(asked.abundances, plain.abundances)
