"""The region prior by evidence: made-up evidences in, one word out; and real fits of priors that made the data."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from napari_unmix.model.compare import PriorChoice, choose_prior, compare, prior_note
from napari_unmix.model.fitted import GaussianFitted, LaplaceFitted, finish
from napari_unmix.model.law import Model
from napari_unmix.model.priors.base import Moments
from napari_unmix.model.start import endmember_span

Made = Callable[..., Any]


@pytest.mark.parametrize(
    ("evidence", "won"),
    [
        ({"dirichlet": 1.0, "logistic-normal": 0.9, "gaussian": -3.0}, "dirichlet"),
        ({"dirichlet": 1.0, "logistic-normal": 1.01, "gaussian": -3.0}, "logistic-normal"),
        ({"dirichlet": -5.0, "logistic-normal": -4.0, "gaussian": -3.0}, "gaussian"),
        ({"dirichlet": 1.0, "logistic-normal": 1.0}, "dirichlet"),
        ({"logistic-normal": -7.0}, "logistic-normal"),
    ],
)
def test_the_highest_evidence_wins_and_of_equals_the_first(evidence: dict[str, float], won: str) -> None:
    assert compare(evidence) == won


def test_the_note_says_who_won_and_by_how_much() -> None:
    evidence = {"dirichlet": 1.0, "logistic-normal": 0.75, "gaussian": -1.5}
    assert prior_note(evidence, "auto") == (
        "Region prior: Dirichlet, by evidence (nats per pixel behind it: "
        "logistic-normal 0.25 and Gaussian with full covariance 2.50)."
    )
    assert prior_note({"logistic-normal": 0.0}, "logistic-normal") == "Region prior: logistic-normal, as asked."


def end_of(steps: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def chosen(made: Any, choice: str = "auto") -> PriorChoice:
    spectra, regions = made.data.spectra(made.data.scores), made.data.regions.numpy()
    result: PriorChoice = end_of(choose_prior(made.data, made.state, spectra, regions, choice=choice))
    return result


def drawn(made: Any, abundances: np.ndarray, regions: np.ndarray, noise: float) -> Any:
    """The setting's endmembers, with these abundances and u instead."""
    generator = np.random.default_rng(0)
    corners = made.data.anchor.numpy()
    scores = abundances @ corners + noise * generator.normal(size=(len(regions), corners.shape[1]))
    labels = torch.from_numpy(regions)
    latents = torch.from_numpy(0.98 * abundances + 0.02 / 3).log() @ made.model.basis()
    outside = torch.zeros(len(regions), dtype=torch.float64)
    prior = made.model.prior.m_step(Moments(latents, torch.zeros(len(regions), 2, 2).double()), labels)
    data = replace(made.data, scores=torch.from_numpy(scores), outside=outside, regions=labels)
    state = replace(made.state, latents=latents, model=Model(prior, made.model.mixing, noise**2))
    return replace(made, data=data, state=state)


def test_the_prior_that_made_the_abundances_wins(setting: Made) -> None:
    made, generator = setting(21, 3), np.random.default_rng(3)
    regions = np.repeat([1, 2, 3], 250)
    alpha = np.array([[1.5, 9, 4], [6, 1.2, 3], [2, 5, 1.5]])
    skewed = np.concatenate([generator.dirichlet(row, 250) for row in alpha])
    assert chosen(drawn(made, skewed, regions, 0.003)).prior == "dirichlet"
    # Two fields in a region: along one line only, which no Dirichlet is.
    share = generator.normal(0, 1.2, (750, 1))
    line = np.exp(share * np.array([1.0, 1.0, -2.0]) + np.array([0.0, 0.3, 0.1]))
    found = chosen(drawn(made, line / line.sum(axis=1, keepdims=True), regions, 0.003))
    assert found.prior == "logistic-normal"
    assert isinstance(found.fitted, LaplaceFitted)
    assert found.fitted.evidence() == pytest.approx(found.evidence["logistic-normal"])
    # Homogeneous regions under noise: the Gaussian's covariance is of rank zero, and cheap.
    flat = np.array([[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.4, 0.2, 0.4]])[regions - 1]
    found = chosen(drawn(made, flat, regions, 0.05))
    assert found.prior == "gaussian"
    assert isinstance(found.fitted, GaussianFitted)
    assert found.note.startswith("Region prior: Gaussian")
    np.testing.assert_allclose(found.fitted.abundances(), flat, atol=0.02)


def test_only_what_is_asked_for_takes_part(setting: Made) -> None:
    made = setting(22, 3, pixels=120)
    assert set(chosen(made).evidence) == {"dirichlet", "logistic-normal", "gaussian"}
    for choice in ("dirichlet", "logistic-normal"):
        found = chosen(made, choice)
        assert found.prior == choice
        assert set(found.evidence) == {choice}
        assert found.note.endswith("as asked.")
        assert ("prior.log_alpha" in found.fitted.parameters()) is (choice == "dirichlet")
    # Alone as in the contest: the same fit.
    assert chosen(made, "dirichlet").evidence["dirichlet"] == chosen(made).evidence["dirichlet"]


@pytest.mark.parametrize(("lit", "mixing"), [(True, "linear"), (False, "fan")])
def test_the_gaussian_takes_part_only_where_mixing_is_linear_and_light_is_held(
    lit: bool, mixing: str, setting: Made
) -> None:
    made = setting(23, 3, lit=lit, mixing=mixing, pixels=60)
    assert set(chosen(made).evidence) == {"dirichlet", "logistic-normal"}


def test_the_evidence_of_the_dirichlet_is_that_of_its_finished_fit(setting: Made) -> None:
    made = setting(24, 3, pixels=60)
    fitted: LaplaceFitted = end_of(finish(made.state, made.data))
    found = chosen(made)
    assert found.evidence["dirichlet"] == pytest.approx(fitted.evidence())
    np.testing.assert_allclose(
        made.state.latents.numpy(), setting(24, 3, pixels=60).state.latents.numpy(), atol=0
    )  # nothing that was given is changed


def test_priors_compare_alike_in_whatever_space_the_spectra_were_projected(setting: Made) -> None:
    """A mixing that was tried and dropped leaves linear mixing in a larger space: what the noise there adds, it adds to every prior."""
    made, generator = setting(25, 3), np.random.default_rng(4)
    regions = np.repeat([1, 2, 3], 100)
    abundances = np.concatenate([generator.dirichlet(row, 100) for row in np.array([[4, 9, 4], [6, 4, 3], [5, 5, 9]])])
    space = drawn(made, abundances, regions, 0.02)
    corners = space.data.anchor.numpy()
    plane = endmember_span(corners, affine=True)
    data = space.data.reprojected(space.data.spectra(space.data.scores), plane)
    mixing = space.model.mixing.with_endmembers(data.anchor)
    flat = replace(space, data=data, state=replace(space.state, model=replace(space.model, mixing=mixing)))
    assert (flat.data.scores.shape[1], space.data.scores.shape[1]) == (2, 3)
    small, large = chosen(flat).evidence, chosen(space).evidence
    for name in ("dirichlet", "logistic-normal"):
        assert large[name] - large["gaussian"] == pytest.approx(small[name] - small["gaussian"], abs=1e-3)


@pytest.mark.parametrize("lit", [False, True])
def test_a_sample_judges_as_all_pixels_do_and_the_winner_has_all_of_them(
    lit: bool, setting: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = setting(26, 3, lit=lit, pixels=900, hidden=False)
    every = chosen(made)
    monkeypatch.setattr("napari_unmix.model.compare.MOST_JUDGED", 300)
    some = chosen(made)
    assert some.prior == every.prior
    assert some.evidence.keys() == every.evidence.keys()
    for name, value in some.evidence.items():
        assert value == pytest.approx(every.evidence[name], abs=0.3)
    np.testing.assert_allclose(some.fitted.abundances(), every.fitted.abundances(), atol=1e-3)
    assert some.fitted.std(np.zeros(3)).shape == (900, 3)
    assert some.fitted.misfit() == pytest.approx(every.fitted.misfit(), rel=1e-3)


def test_pixels_of_known_u_judge_evenly_through_the_scene(setting: Made) -> None:
    data = setting(27, 3, pixels=100).data
    assert data.judging_pixels(100) is None
    regions = torch.zeros(100, dtype=torch.long)
    nowhere = replace(data, regions=regions).judging_pixels(10)
    assert nowhere is not None
    assert nowhere.tolist() == list(range(0, 100, 10))
    regions[40:60] = 1
    known = replace(data, regions=regions).judging_pixels(50)
    assert known is not None
    assert known.tolist() == list(range(40, 60))
