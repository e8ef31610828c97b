"""Where a fit starts: least squares, priors that lean to painted materials, and the choice among a few starts."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_unmix.model.data import Data
from napari_unmix.model.elbo import proposals
from napari_unmix.model.fit import fit
from napari_unmix.model.law import energy
from napari_unmix.model.priors.base import Moments
from napari_unmix.model.settle import settle
from napari_unmix.model.start import (
    Start,
    best_of,
    choose_start,
    endmember_span,
    first_dirichlet,
    need_another,
    pooled_dirichlet,
    start_from_least_squares,
    starts_disagree,
    two_starts,
)
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.simplex import fully_constrained


def end_of(steps):  # type: ignore[no-untyped-def]
    """What a generator returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def started(seed: int = 0, *, illuminated: bool = False, std: float = 0.0, **more: object) -> Start:
    """Two painted regions of three materials in 15 bands, 30 dB."""
    generator = np.random.default_rng(seed)
    endmembers = generator.uniform(0.1, 0.9, (3, 15))
    regions = np.repeat([0, 1, 2], 60)
    truth = np.concatenate([generator.dirichlet(alpha, 60) for alpha in ([1, 1, 1], [8, 2, 2], [1, 6, 3])])
    light = generator.uniform(0.5, 1.5, (180, 1)) if illuminated else 1.0
    spectra = light * (truth @ endmembers) + 0.015 * generator.normal(size=(180, 15))
    return start_from_least_squares(
        spectra,
        regions,
        endmembers,
        np.full(3, std),
        0.015,
        inversion=inversion(free_light=illuminated),
        seed=seed,
        painted=2,
        **more,
    )  # type: ignore[arg-type]


@pytest.mark.parametrize("illuminated", [False, True])
def test_it_starts_at_least_squares_a_little_inside_the_simplex(illuminated: bool) -> None:
    start = started(illuminated=illuminated)
    spectra = start.data.spectra(start.data.scores)
    endmembers = start.state.endmembers(start.data)
    if not illuminated:
        expected = 0.98 * fully_constrained(spectra, endmembers) + 0.02 / 3
        np.testing.assert_allclose(start.state.abundances(), expected, atol=1e-9)
        assert start.state.brightness() is None
    assert start.state.abundances().min() > 0.006
    assert start.state.misfit(start.data) < 1.5
    assert start.data.scores.shape[1] == (3 if illuminated else 2)
    assert start.data.freedom == 15 - (3 if illuminated else 2)
    assert (start.state.model.light is not None) is illuminated


def test_the_span_holds_the_endmembers_and_nothing_of_the_spectra_is_lost() -> None:
    generator = np.random.default_rng(1)
    endmembers = generator.uniform(size=(4, 9))
    for affine in (False, True):
        span = endmember_span(endmembers, affine=affine)
        assert span.basis.shape == (3 if affine else 4, 9)
        np.testing.assert_allclose(span.spectra(span.scores(endmembers)), endmembers, atol=1e-12)
    start = started()
    squares = (start.data.scores**2).sum(dim=1) + start.data.outside
    assert (start.data.outside >= 0).all()
    other = start.data.reprojected(start.data.spectra(start.data.scores), endmember_span(np.eye(15), affine=False))
    torch.testing.assert_close(other.outside, torch.zeros(180).double(), atol=1e-9, rtol=0)
    assert squares.min() > 0
    np.testing.assert_allclose(other.spectra(other.anchor), start.data.spectra(start.data.anchor), atol=1e-12)


def test_the_users_random_numbers_go_on_as_if_no_network_was_made() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = started(3)
    torch.testing.assert_close(torch.rand(3), expected)
    second = started(3)
    for one, other in zip(first.network.parameters(), second.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


def test_a_painted_material_leans_to_its_vertex() -> None:
    log_abundances = torch.log(torch.full((40, 3), 1 / 3, dtype=torch.float64))
    regions = torch.cat([torch.full((37,), 1), torch.full((2,), 2), torch.full((1,), 3)])
    prior = first_dirichlet(log_abundances, regions, strokes=(2, 3))
    means = prior.alpha / prior.alpha.sum(dim=1, keepdim=True)
    assert means[1].argmax() == 0  # material 0
    assert means[2].argmax() == 1  # material 1
    np.testing.assert_allclose(means[0].numpy(), 1 / 3, atol=0.02)
    # Strokes follow the amount of a material: an unknown pixel may not belong to them.
    np.testing.assert_array_equal(prior.log_weights.exp().numpy(), [1, 0, 0])
    after = prior.m_step(Moments(torch.zeros(40, 2).double(), torch.zeros(40, 2, 2).double()), 0 * regions)
    np.testing.assert_array_equal(after.log_weights.exp().numpy(), [1, 0, 0])
    assert torch.isfinite(after.log_alpha).all()


def test_strokes_alone_leave_unknown_pixels_somewhere_to_belong() -> None:
    log_abundances = torch.log(torch.full((6, 2), 0.5, dtype=torch.float64))
    prior = first_dirichlet(log_abundances, torch.tensor([1, 1, 2, 2, 0, 0]), strokes=(1, 2))
    np.testing.assert_allclose(prior.log_weights.exp().numpy(), [0.5, 0.5])


def test_one_prior_for_all_is_the_same_in_every_region() -> None:
    start = started()
    log_abundances = start.state.model.abundances(start.state.latents).log()
    pooled = pooled_dirichlet(start.prior, log_abundances)
    torch.testing.assert_close(pooled.log_alpha[0], pooled.log_alpha[1])
    assert not torch.allclose(start.prior.log_alpha[0], start.prior.log_alpha[1], atol=0.1)


def test_proposals_are_the_networks_only_where_their_energy_is_lower() -> None:
    start = started()
    rows = start.data.everything()[::3]
    found = proposals(start.network, start.state, start.data, rows)
    means = start.network(start.data.scores[rows])[0].detach()
    taken = (found == means).all(dim=1)
    torch.testing.assert_close(found[~taken], start.state.latents[rows][~taken])
    scores, regions = start.data.scores[rows], start.data.regions[rows]
    at = energy(found, scores, regions, start.state.model)
    for other in (means, start.state.latents[rows]):
        assert (at <= energy(other, scores, regions, start.state.model)).all()


@pytest.mark.parametrize(
    ("evidence", "chosen"), [([3.0, 2.0, 1.0], 0), ([1.0, 2.0, 1.5], 1), ([-5.0, -4.0, -3.9], 2), ([2.0, 2.0, 1.0], 0)]
)
def test_the_start_of_the_highest_evidence_is_gone_on_from(evidence: list[float], chosen: int) -> None:
    assert best_of(evidence) == chosen


@pytest.mark.parametrize(
    ("evidence", "apart", "disagree"),
    [
        ([3.0, 2.9], [0.0, 0.002], False),
        ([3.0, 2.9], [0.0, 0.02], True),
        ([2.9, 3.0], [0.02, 0.0], True),
        ([3.0, -200.0], [0.0, 0.3], False),  # it has not come anywhere yet
    ],
)
def test_a_network_is_worth_its_training_where_as_likely_starts_disagree(
    evidence: list[float], apart: list[float], disagree: bool
) -> None:
    assert starts_disagree(evidence, apart) is disagree


def test_restarts_are_recorded_and_the_best_is_the_state() -> None:
    start = started(2)
    tried = end_of(two_starts(start))
    assert not need_another(start, tried)
    _, without = end_of(choose_start(start, tried))
    assert without.starts == ("least squares", "one prior for all")
    begun, restarts = end_of(choose_start(start, tried, start.prior))
    assert restarts.starts == ("least squares", "inference network", "one prior for all")
    assert restarts.chosen == restarts.starts[int(np.argmax(restarts.evidence))]
    assert restarts.abundance_rms_to_chosen[restarts.starts.index(restarts.chosen)] == 0
    assert max(restarts.abundance_rms_to_chosen) < 0.05  # an easy scene: all agree
    settled = end_of(settle(begun, start.data, start.data.everything(), 3))
    assert settled.evidence == pytest.approx(max(restarts.evidence), abs=1e-6)


def test_a_start_of_spoilt_latents_is_not_chosen() -> None:
    start = started(2)
    spoilt = replace(start, state=replace(start.state, latents=torch.full_like(start.state.latents, 20.0)))
    _, restarts = end_of(choose_start(spoilt, end_of(two_starts(spoilt)), start.prior))
    assert restarts.chosen != "least squares"


@pytest.mark.parametrize("std", [0.0, 0.05])
def test_the_endmembers_move_only_within_their_error(std: float) -> None:
    start = started(4, std=std)
    state, _ = end_of(fit(start, end_of(two_starts(start))))
    moved = (state.model.mixing.endmembers - start.data.anchor).abs().max()
    assert bool(moved > 1e-6) is (std > 0)
    assert moved < 4 * std + 1e-9
    assert state.misfit(start.data) < 1.2


def learned_from(data: Data, most: int) -> list[int]:
    return [int(row) for row in data.learned_pixels(most)]


def test_pixels_of_known_u_are_learned_from_first() -> None:
    data = started().data  # the first 60 of 180 have no u
    assert learned_from(data, 1000) == list(range(180))
    assert learned_from(data, 120) == list(range(60, 180))
    few, again = learned_from(data, 50), learned_from(data, 50)
    assert few == again == sorted(few)
    assert min(few) >= 60
    more = learned_from(data, 150)
    assert len(more) == 150
    assert set(range(60, 180)) < set(more)


@pytest.mark.parametrize(("leaning", "leans"), [((), True), ((True, True), True), ((False, True), False)])
def test_a_stroke_of_background_does_not_lean(leaning: tuple[bool, ...], leans: bool) -> None:
    log_abundances = torch.log(torch.full((40, 3), 1 / 3, dtype=torch.float64))
    regions = torch.cat([torch.full((30,), 1), torch.full((5,), 2), torch.full((5,), 3)])
    prior = first_dirichlet(log_abundances, regions, strokes=(2, 3), leaning=leaning)
    means = (prior.alpha / prior.alpha.sum(dim=1, keepdim=True)).numpy()
    assert bool(means[1, 0] > 0.4) is leans
    assert means[2, 1] > 0.4
    np.testing.assert_array_equal(prior.log_weights.exp().numpy(), [1, 0, 0])  # it is a stroke all the same
