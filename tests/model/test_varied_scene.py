"""A scene whose materials vary by a law that is known: what abundances, their intervals and the fit's residual gain, and that the law is kept."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from napari_unmix.cube import FloatArray
from napari_unmix.journal.trees import like, plain
from napari_unmix.model.compare import choose_prior
from napari_unmix.model.data import Data, State, projected
from napari_unmix.model.fitted import LaplaceFitted, finish
from napari_unmix.model.law import Model
from napari_unmix.model.learn import endmembers_m_step
from napari_unmix.model.light import first_light
from napari_unmix.model.mixing.base import LinearMixing
from napari_unmix.model.settle import Steps, T, settle
from napari_unmix.model.spread import endmember_covariance
from napari_unmix.model.start import first_dirichlet
from napari_unmix.model.variation import InBands, Variation
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.subspace import Subspace

PIXELS, BANDS, MATERIALS, NOISE = 1_200, 40, 4, 0.004


@dataclass(frozen=True, eq=False)
class Scene:
    """Spectra (N, B) of materials that vary by ``factors`` (P, R, B), with abundances (N, P)."""

    spectra: FloatArray
    abundances: FloatArray
    endmembers: FloatArray
    factors: FloatArray

    def state(self, *, varied: bool, lit: bool = False) -> tuple[Data, State]:
        """Least squares on the span of the endmembers and of what varies, under the law or white noise."""
        stacked = np.vstack([self.endmembers, self.factors.reshape(-1, BANDS)])
        subspace = Subspace(np.zeros(BANDS), np.linalg.qr(stacked.T)[0].T)
        scores, outside = projected(self.spectra, subspace, torch.device("cpu"))
        corners = torch.from_numpy(subspace.scores(self.endmembers))
        found = inversion(free_light=lit).invert(self.spectra, self.endmembers)
        begun = torch.from_numpy(0.98 * found.abundances + 0.02 / MATERIALS).log()
        regions = torch.zeros(len(scores), dtype=torch.int64)
        model = Model(first_dirichlet(begun, regions), LinearMixing(corners), NOISE**2)
        latents = begun @ model.basis()
        if found.illumination is not None:
            light = first_light(found.illumination, regions.numpy(), 0, torch.device("cpu"))
            latents = torch.cat([latents, torch.from_numpy(found.illumination).log()[:, None]], dim=1)
            model = replace(model, light=light)
        if varied:
            roots = torch.from_numpy(self.factors @ subspace.basis.T)
            model = replace(model, variation=Variation(roots.transpose(1, 2) @ roots))
        held = torch.zeros(MATERIALS, dtype=torch.float64)
        data = Data(subspace, scores, outside, regions, corners, held, BANDS - latents.shape[1])
        return data, State(model, latents)

    def fitted(self, *, varied: bool) -> LaplaceFitted:
        """Settled and finished."""
        data, state = self.state(varied=varied)
        settled = done(settle(state, data, data.everything()))
        return done(finish(settled.state, data))

    def rmse(self, abundances: FloatArray) -> float:
        return float(np.sqrt(np.mean((abundances - self.abundances) ** 2)))


def done(steps: Steps[T]) -> T:
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result


def make_scene(seed: int) -> Scene:
    """Smooth endmembers, each varying along two smooth directions and in brightness by a tenth."""
    generator = np.random.default_rng(seed)
    bands = np.linspace(0, 1, BANDS)
    waves = np.array([np.cos(np.pi * k * bands) / (1 + k) for k in range(6)])
    endmembers = 0.5 + 0.25 * generator.normal(size=(MATERIALS, 6)) @ waves
    bends = 0.04 * generator.normal(size=(MATERIALS, 2, 6)) @ waves
    factors = np.concatenate([0.1 * endmembers[:, None], bends], axis=1)
    abundances = generator.dirichlet(np.full(MATERIALS, 0.7), PIXELS)
    drawn = generator.normal(size=(PIXELS, MATERIALS, 3))
    spectra = np.einsum("np,npb->nb", abundances, endmembers + np.einsum("npr,prb->npb", drawn, factors))
    return Scene(spectra + NOISE * generator.normal(size=spectra.shape), abundances, endmembers, factors)


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene(3)


@pytest.fixture(scope="module")
def fitted(scene: Scene) -> LaplaceFitted:
    return scene.fitted(varied=True)


def test_abundances_are_nearer_than_least_squares_of_any_kind(scene: Scene, fitted: LaplaceFitted) -> None:
    found = scene.rmse(fitted.abundances())
    for free_light in (False, True):
        assert found < 0.7 * scene.rmse(
            inversion(free_light=free_light).invert(scene.spectra, scene.endmembers).abundances
        )


def test_nine_intervals_in_ten_hold_the_truth_and_the_fit_leaves_what_the_law_says(
    scene: Scene, fitted: LaplaceFitted
) -> None:
    std = fitted.std(np.zeros(MATERIALS))
    inside = np.abs(fitted.abundances() - scene.abundances) <= 1.645 * std
    assert 0.85 <= inside.mean() <= 0.95
    assert fitted.misfit() == pytest.approx(1.0, abs=0.03)


def test_white_noise_knows_neither(scene: Scene, fitted: LaplaceFitted) -> None:
    """The same scene without the law: what varies is misfit, and the evidence is far behind."""
    white = scene.fitted(varied=False)
    assert white.misfit() > 1.5
    assert fitted.evidence() > white.evidence() + 5
    assert scene.rmse(fitted.abundances()) < 0.7 * scene.rmse(white.abundances())


def test_an_endmembers_error_counts_less_where_the_law_expects_one(scene: Scene, fitted: LaplaceFitted) -> None:
    """A wrong endmember moves the mode as ``endmember_covariance`` says: by solving again with it."""
    model, error = fitted.state.model, torch.tensor([0.01, 0.0, 0.0, 0.0], dtype=torch.float64)
    covariance = fitted.posterior.covariance()
    said = endmember_covariance(fitted.posterior, model, error, covariance)
    corners = model.mixing.endmembers
    sides = corners - corners.mean(dim=0)
    pure = fitted.posterior.latents
    moved = torch.zeros_like(said)
    for side in sides:
        shifted = corners.clone()
        shifted[0] += 0.01 * side
        slope, nudge = model.slopes(pure).slope, model.amounts(pure)[:, :1] * (corners - shifted)[0]
        inverse = model.variation.inverse(model.amounts(pure), model.variance)
        step = covariance @ (slope @ inverse @ nudge[:, :, None])
        moved += step @ step.transpose(1, 2)
    torch.testing.assert_close(said, moved)


def test_endmembers_off_by_their_spread_come_back(scene: Scene) -> None:
    """From what was drawn as endmember: one spectrum of each material."""
    data, state = scene.state(varied=True)
    generator = torch.Generator().manual_seed(0)
    variation = state.model.variation
    assert variation is not None
    drawn = (variation.factors @ torch.randn(MATERIALS, variation.factors.shape[2], 1, generator=generator).double())[
        ..., 0
    ]
    width = variation.covariances.diagonal(dim1=1, dim2=2).mean(dim=1).sqrt()
    off = replace(data, anchor=data.anchor + drawn, anchor_std=width)
    state = replace(state, model=replace(state.model, mixing=LinearMixing(off.anchor)))
    for _ in range(4):
        settled = done(settle(state, off, off.everything(), 2))
        posterior = done(finish(settled.state, off)).posterior
        model = endmembers_m_step(settled.state.model, posterior, off, off.everything())
        state = State(model, posterior.latents)
    before, after = ((each - data.anchor).norm() for each in (off.anchor, state.model.mixing.endmembers))
    assert after < 0.35 * before


def test_free_light_knows_the_law_as_well(scene: Scene) -> None:
    """Every pixel's light is free and must be found beside what its materials vary by."""
    errors = []
    light = np.random.default_rng(0).uniform(0.6, 1.4, PIXELS)
    lit = replace(scene, spectra=light[:, None] * scene.spectra)
    for varied in (False, True):
        data, state = lit.state(varied=varied, lit=True)
        settled = done(settle(state, data, data.everything(), 3))
        errors.append(scene.rmse(done(finish(settled.state, data)).abundances()))
    assert errors[1] < 0.8 * errors[0]


def test_a_fit_goes_on_with_the_law_it_had(fitted: LaplaceFitted) -> None:
    """What the journal keeps of a state, and makes of it again."""
    state = fitted.state
    again = like(replace(state, latents=torch.zeros_like(state.latents)), plain(state))
    assert again.model.variation is not None
    torch.testing.assert_close(again.model.variation.factors, state.model.variation.factors, rtol=0, atol=0)
    assert again.misfit(fitted.data) == fitted.misfit()


def test_the_law_is_saved_in_spectra_and_the_gaussian_prior_is_not_offered(scene: Scene, fitted: LaplaceFitted) -> None:
    kept = fitted.parameters()["variation.factors"].astype(np.float64)
    assert kept.shape[::2] == (MATERIALS, BANDS)
    np.testing.assert_allclose(
        kept.transpose(0, 2, 1) @ kept, scene.factors.transpose(0, 2, 1) @ scene.factors, atol=1e-6
    )
    lengths = np.linalg.norm(kept, axis=2)
    assert (np.diff(lengths, axis=1) <= 1e-6).all()  # widest first
    choice = done(choose_prior(fitted.data, fitted.state, scene.spectra, np.zeros(PIXELS, dtype=int), choice="auto"))
    assert set(choice.evidence) == {"dirichlet", "logistic-normal"}


def test_what_varies_beyond_the_scores_is_no_misfit(scene: Scene) -> None:
    """Scores on the endmembers' own span hold a part of what varies; with the law in all bands the rest of the residual is expected as well."""
    data, state = scene.state(varied=True)
    variation = state.model.variation
    assert variation is not None
    roots = variation.factors.transpose(1, 2) @ torch.from_numpy(data.subspace.basis)
    in_bands = InBands.of(roots.transpose(1, 2) @ roots)
    span = Subspace(np.zeros(BANDS), np.linalg.qr(scene.endmembers.T)[0].T)
    fewer = data.reprojected(scene.spectra, span)
    inside = roots @ torch.from_numpy(span.basis.T)
    misfits, widenings = [], []
    for beyond in (None, in_bands):
        law = Variation(inside.transpose(1, 2) @ inside, beyond)
        mixing = LinearMixing(torch.from_numpy(span.scores(scene.endmembers)))
        one = State(replace(state.model, mixing=mixing, variation=law), state.latents)
        settled = done(settle(one, fewer, fewer.everything(), 2)).state
        misfits.append(settled.misfit(fewer))
        widenings.append(settled.widening(fewer))
    assert misfits[1] == pytest.approx(1.0, abs=0.06)
    assert misfits[0] > 2
    # What the scores do not hold widens intervals all the same.
    assert widenings == [misfits[0], misfits[0]]


def test_a_covariance_in_all_bands_keeps_its_total_and_moves_with_the_scores() -> None:
    roots = torch.randn(2, 12, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    covariances = roots.transpose(1, 2) @ roots
    kept = InBands.of(covariances)
    torch.testing.assert_close(kept.totals(), covariances.diagonal(dim1=1, dim2=2).sum(dim=1))
    assert kept.factors.shape == (2, 8, 20)
    basis = torch.eye(20, dtype=torch.float64)[:5]
    before = Variation(covariances[:, :5, :5], kept)
    after = before.moved(torch.tensor([4.0, 0.25], dtype=torch.float64)[:, None, None] * before.covariances)
    assert after.in_bands is not None
    torch.testing.assert_close(after.in_bands.beyond(basis), torch.tensor([4.0, 0.25]).double() * kept.beyond(basis))
    outside = covariances[:, 5:, 5:].diagonal(dim1=1, dim2=2).mean(dim=1)
    torch.testing.assert_close(kept.beyond(basis), outside, rtol=0.1, atol=0.0)
