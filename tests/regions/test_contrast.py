"""Contrastive learning: what it recovers, what it must refuse, and its agreement with region moments as a second opinion."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unmix.cube import Annotation
from napari_unmix.findings import NoteKind
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.progress import drain
from napari_unmix.regions.contrast import ContrastiveHead, LinearGcl, linear_gcl, usable_regions
from napari_unmix.regions.moments import fit_region_moments, region_moments
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import mean_correlation, spectral_angle
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import affine_subspace, noise_level
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import Scene, blind_scene, region_scene, sample_scene
from unmix_benchmarks.common.scores import run_method, score

Array = np.ndarray


def degrees(found: Array, truth: Array) -> Array:
    return np.asarray(np.degrees(spectral_angle(found[match_endmembers(found, truth)], truth)))


def spread_out(endmembers: Array) -> list[Array]:
    centre = endmembers.mean(axis=0)
    return [centre + growth * (endmembers - centre) for growth in (1.0, 1.3, 1.8)]


def learn(spectra: Array, regions: Array, count: int, noise: float, **changes: float) -> LinearGcl:
    corners = spectra[vertex_components(spectra, count, np.random.default_rng(0))]
    return drain(linear_gcl(spectra, regions, spread_out(corners), noise, **changes))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def painted() -> Scene:
    return region_scene(102, regions=12, size=80)


@pytest.fixture(scope="module")
def learned(painted: Scene) -> LinearGcl:
    spectra = painted.cube.pixels()
    return learn(spectra, painted.annotation.labels.ravel(), 4, noise_level(spectra, 4))


@pytest.mark.slow
def test_without_noise_it_recovers_endmembers_and_evidence() -> None:
    generator = np.random.default_rng(0)
    endmembers = generator.uniform(size=(3, 20))
    alpha = generator.uniform(2, 12, (7, 3))
    regions = np.repeat(np.arange(1, 8), 1500)
    spectra = np.vstack([generator.dirichlet(row, 1500) for row in alpha]) @ endmembers
    found = learn(spectra, regions, 3, 1e-6)
    assert degrees(found.endmembers, endmembers).max() < 1
    order = match_endmembers(found.endmembers, endmembers)
    # λ is α up to a vector common to all regions.
    np.testing.assert_allclose(found.evidence[:, order], alpha - alpha.mean(axis=0), atol=1.5)


def test_a_common_base_measure_is_not_needed(painted: Scene, learned: LinearGcl) -> None:
    # No abundance above 0.85: a truncated Dirichlet, which region moments take for a whole one.
    spectra = painted.cube.pixels()
    corners = spectra[vertex_components(spectra, 4, np.random.default_rng(0))]
    error = degrees(learned.endmembers, painted.endmembers).mean()
    assert error < degrees(corners, painted.endmembers).mean() / 2
    assert error < 2.5
    assert learned.tells_apart
    assert 0 < learned.cross_entropy < learned.chance


def test_it_agrees_with_region_moments_from_2p_plus_1_regions(painted: Scene, learned: LinearGcl) -> None:
    spectra = painted.cube.pixels()
    moments = region_moments(spectra, painted.annotation.labels.ravel(), 4, noise_level(spectra, 4))
    assert moments is not None
    corners = spectra[vertex_components(spectra, 4, np.random.default_rng(0))]
    other = fit_region_moments(moments, spread_out(corners)).endmembers
    order = match_endmembers(learned.endmembers, other)
    assert degrees(learned.endmembers, other).mean() < 3
    abundances = [fully_constrained(spectra, found) for found in (learned.endmembers[order], other)]
    assert mean_correlation(*abundances) > 0.99


@pytest.mark.slow
def test_shuffled_regions_are_told_apart_no_better_than_chance(painted: Scene) -> None:
    spectra = painted.cube.pixels()
    labels = np.random.default_rng(0).permutation(painted.annotation.labels.ravel())
    assert not learn(spectra, labels, 4, noise_level(spectra, 4)).tells_apart


def test_scale_of_the_cube_and_order_of_the_start_do_not_matter(painted: Scene, learned: LinearGcl) -> None:
    spectra = painted.cube.pixels()
    corners = spectra[vertex_components(spectra, 4, np.random.default_rng(0))]
    starts = [1000 * start[[2, 0, 3, 1]] for start in spread_out(corners)]
    noise = 1000 * noise_level(spectra, 4)
    other = drain(linear_gcl(1000 * spectra, painted.annotation.labels.ravel(), starts, noise))
    assert degrees(other.endmembers, learned.endmembers).max() < 0.3
    np.testing.assert_allclose(other.cross_entropy, learned.cross_entropy, atol=1e-3)


def test_labels_may_have_gaps_and_small_regions_are_left_out(painted: Scene) -> None:
    labels = 10 * painted.annotation.labels.ravel()
    labels[np.flatnonzero(labels == 0)[:29]] = 7
    np.testing.assert_array_equal(usable_regions(labels), 10 * np.arange(1, 13))


def test_one_region_is_nothing_to_tell_apart(painted: Scene) -> None:
    spectra = painted.cube.pixels()
    with pytest.raises(UnmixError, match="tells regions apart: 1 has 30 pixels or more; give at least two"):
        learn(spectra, np.ones(len(spectra), int), 4, 0.01)


@pytest.mark.parametrize("spread", [0.0, 1e-3], ids=["the same spectrum everywhere", "regions that never overlap"])
def test_degenerate_regions_give_a_finite_answer(spread: float) -> None:
    generator = np.random.default_rng(2)
    endmembers = generator.uniform(0.2, 1, size=(3, 10))
    centres = np.eye(3)[np.repeat([0, 1, 2], 50)] if spread else np.full((150, 3), 1 / 3)
    spectra = centres @ endmembers + spread * generator.normal(size=(150, 10))
    found = drain(linear_gcl(spectra, np.repeat([1, 2, 3], 50), spread_out(endmembers), 1e-3))
    assert np.isfinite(found.endmembers).all()
    assert found.tells_apart is bool(spread)


def head() -> ContrastiveHead:
    generator = np.random.default_rng(1)
    endmembers = generator.uniform(0.2, 1, size=(3, 10))
    regions = np.repeat(np.arange(4), 600)
    abundances = np.vstack([generator.dirichlet(row, 600) for row in generator.uniform(1, 9, (4, 3))])
    spectra = abundances @ endmembers + 0.01 * generator.normal(size=(2400, 10))
    made = ContrastiveHead(spectra, regions, affine_subspace(spectra, 2), endmembers, np.full(3, 0.01))
    drain(made.train(200))
    return made


def test_gradient_of_the_loss_equals_finite_differences() -> None:
    made = head()
    gradients = torch.autograd.grad(made.loss(), made.parameters)
    for part, gradient in zip(made.parameters, gradients, strict=True):
        for k in range(part.numel()):
            values = []
            for nudge in (1e-5, -2e-5):
                with torch.no_grad():
                    part.view(-1)[k] += nudge
                values.append(float(made.loss().detach()))
            with torch.no_grad():
                part.view(-1)[k] += 1e-5
            np.testing.assert_allclose(float(gradient.flatten()[k]), (values[0] - values[1]) / 2e-5, atol=1e-6)


def test_the_standard_error_is_that_of_the_whole_hessian() -> None:
    made = head()
    sizes = [part.numel() for part in made.parameters]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        values = torch.split(flat, sizes)
        made.corners, made.evidence, made.offsets = (
            value.reshape(part.shape) for value, part in zip(values, kept, strict=True)
        )
        return made.loss()

    kept = list(made.parameters)
    flat = torch.cat([part.detach().flatten() for part in kept])
    hessian = torch.autograd.functional.hessian(loss, flat).numpy() * 2400  # type: ignore[no-untyped-call]
    made.corners, made.evidence, made.offsets = kept
    variances = np.diag(np.linalg.inv(hessian))[: sizes[0]]
    corners = kept[0].detach().numpy()
    size = ((corners - corners.mean(axis=0)) ** 2).sum(axis=1).mean()
    expected = np.sqrt(variances.reshape(3, 2).sum(axis=1).mean() / size)
    np.testing.assert_allclose(made.relative_error(), expected, rtol=0.02)


def test_a_flat_simplex_has_no_standard_error() -> None:
    made = head()
    made.corners = made.corners[:1].detach().repeat(len(made.corners), 1).requires_grad_(True)
    made.parameters[0] = made.corners
    assert made.relative_error() == np.inf


# --- the method


def notes_of(scene: Scene, **changes: object) -> tuple[str, float]:
    result = run_method(
        "region-contrast",
        scene.cube,
        len(scene.endmembers),
        illumination=scene.scaled,
        seed=0,
        annotation=scene.annotation,
    )
    said = [note for note in result.notes if note.kind is not NoteKind.DECIDED]
    return str(said[0]), score("", result, scene.endmembers, scene.abundances).angle_degrees


@pytest.mark.slow
def test_enough_regions_give_endmembers_and_say_how_sure(painted: Scene) -> None:
    note, angle = notes_of(painted)
    assert note.startswith("Endmembers: from telling 12 painted regions apart by their abundances (")
    assert angle < 2.5


@pytest.mark.slow
def test_too_few_regions_are_named_and_the_geometry_answers(painted: Scene) -> None:
    labels = np.where(painted.annotation.labels <= 4, painted.annotation.labels, 0)
    few = Scene(**{**vars(painted), "annotation": Annotation(labels)})
    assert notes_of(few)[0].startswith(
        "Region contrast was not used: 4 painted regions with 30 pixels or more, and 4 endmembers need at least 5 "
        "(9 recommended). Endmembers come from the geometry alone."
    )


@pytest.mark.slow
def test_regions_that_say_nothing_are_refused(painted: Scene) -> None:
    labels = np.random.default_rng(0).permutation(painted.annotation.labels.ravel()).reshape(80, 80)
    shuffled = Scene(**{**vars(painted), "annotation": Annotation(labels)})
    assert "tell the painted regions apart no better than chance" in notes_of(shuffled)[0]


def test_variability_is_refused() -> None:
    scene = blind_scene(3, materials=3, pure=True, kind="tilt", decibels=40)
    labels = np.arange(64)[:, None] // 8 + np.ones((64, 64), int)
    assert "vary no more than noise" in notes_of(Scene(**{**vars(scene), "annotation": Annotation(labels)}))[0]


@pytest.mark.slow
def test_neighbours_that_are_alike_count_less() -> None:
    # The sample scene's regions look informative, but are worth few independent pixels. Light and shade are divided out.
    assert "differ too little (standard error" in notes_of(sample_scene())[0]
