"""Every method finds the truth on the easy case that its theorem promises, and does not where the theorem has no word for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
import torch

from napari_unmix.journal.loops import Journal, Kept
from napari_unmix.nonlinear.contrast import gcl, tcl
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.neighbours import pcl
from napari_unmix.nonlinear.networks import Networks, placed
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import Simulated, nonstationary, temporal
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.trained import Learning, Trained, linear, statistics_of
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import Fit, Progress, drain
from napari_unmix.sentences import UnmixError

TRAINING = Training(epochs=30, batch=256, starts=2, width=16, seed=0)
METHODS: dict[str, Callable[[Rows, Training], Learning]] = {
    "ivae": lambda rows, training: variational(rows, Variational(), training),
    "ivae with means": lambda rows, training: variational(rows, Variational(means=True), training),
    "vae": lambda rows, training: variational(rows, Variational(side_information=False), training),
    "tcl": tcl,
    "gcl": gcl,
    "gcl, exponential": lambda rows, training: gcl(rows, training, "exponential"),
}


@cache
def data(layers: int = 2) -> Simulated:
    return nonstationary(3, 2, 2, layers, "leaky", segments=12, length=200, fresh=100)


def rows_of(simulated: Simulated) -> Rows:
    return Rows(simulated.seen.x, simulated.seen.u, 2)


@cache
def learned(method: str) -> Trained:
    return drain(METHODS[method](rows_of(data()), TRAINING))


def correlation(found: Trained) -> float:
    fresh = data().fresh
    return matched(found.latents_of(fresh.x), fresh.sources).correlation


@pytest.mark.parametrize("method", ["ivae", "tcl", "gcl"])
def test_with_side_information_the_sources_are_found(method: str) -> None:
    without = correlation(linear(rows_of(data()), TRAINING))
    assert without < 0.93
    assert correlation(learned(method)) > without + 0.04


def shuffled(u: np.ndarray) -> np.ndarray:
    return np.random.default_rng(0).permutation(u)


def test_shuffled_side_information_tells_no_rotation() -> None:
    """Of a linear mixture, whose rotation u tells: the starts that are random rotations stay where they are without it."""
    seen, training = data(layers=1).seen, Training(epochs=30, batch=256, starts=4, width=8)
    true, false = (drain(tcl(Rows(seen.x, u, 2), training)) for u in (seen.u, shuffled(seen.u)))
    reached = [
        np.mean([matched(found.latents_of(seen.x, start), seen.sources).correlation for start in (1, 2, 3)])
        for found in (true, false)
    ]
    assert reached[0] > 0.97
    assert reached[1] < reached[0] - 0.05
    assert false.objectives.max() < true.objectives.max() - 0.02


def test_shuffled_side_information_is_no_evidence() -> None:
    """The iVAE's bound with shuffled u is that of the VAE, and with the true u above both."""
    seen, training = data(layers=1).seen, Training(epochs=20, batch=256, starts=1, width=8)
    models = ((seen.u, True), (shuffled(seen.u), True), (seen.u, False))
    true, false, none = (
        drain(variational(Rows(seen.x, u, 2), Variational(side_information=used), training)).objectives.max()
        for u, used in models
    )
    assert true > none + 0.1
    assert false < none + 0.05


def test_tcl_recovers_squares_after_linear_ica() -> None:
    seen, fresh = data().seen, data().fresh
    found, beside = statistics_of(learned("tcl"), seen.x, fresh.x, 0)
    assert matched(found, seen.sources**2).correlation > 0.9
    assert matched(beside, fresh.sources**2).correlation > 0.9


def test_the_exponential_form_is_about_statistics_and_not_about_sources() -> None:
    found = learned("gcl, exponential")
    assert found.recovers == "statistics"
    _, beside = statistics_of(found, data().seen.x, data().fresh.x, 0)
    assert (
        matched(beside, data().fresh.sources ** 2).correlation > matched(beside, data().fresh.sources).correlation + 0.2
    )


@pytest.mark.parametrize("method", ["ivae with means", "tcl", "gcl"])
def test_the_names_of_the_values_of_u_do_not_matter(method: str) -> None:
    rows, short = rows_of(data()), Training(epochs=1, batch=256, starts=2, width=8)
    renamed = Rows(rows.x, np.random.default_rng(1).permutation(rows.values_of_u)[rows.u], 2)
    first, second = (drain(METHODS[method](problem, short)).latents_of(rows.x) for problem in (rows, renamed))
    np.testing.assert_allclose(first, second, atol=1e-3)


@pytest.mark.parametrize("method", list(METHODS))
def test_the_same_seed_gives_the_same_bits_and_any_step_can_be_the_last(method: str) -> None:
    rows, short = rows_of(data()), Training(epochs=1, batch=512, starts=2, width=4)
    first, again = (drain(METHODS[method](rows, short)) for _ in range(2))
    np.testing.assert_array_equal(first.latents_of(rows.x), again.latents_of(rows.x))
    np.testing.assert_array_equal(first.objectives, again.objectives)
    before = torch.get_rng_state()
    steps = METHODS[method](rows, short)
    step = next(steps)
    assert (step.step, step.steps) == (1, 4)
    steps.close()
    torch.testing.assert_close(torch.get_rng_state(), before)


def as_progress(steps: Learning) -> Fit[Trained]:
    """As a method of cubes has it."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            return end.value
        yield Progress("training", step.step, step.steps, step.step / step.steps)


@pytest.mark.parametrize("method", ["ivae", "gcl"])
def test_a_training_that_was_stopped_goes_on_to_the_same_bits(method: str) -> None:
    rows, short = rows_of(data()), Training(epochs=1, batch=512, starts=2, width=4)
    kept: dict[str, Kept] = {}
    first = Journal(lambda places, _: kept.update(places), every=0.0).steps(as_progress(METHODS[method](rows, short)))
    for _ in range(3):
        next(first)
    first.close()
    assert kept
    resumed = drain(Journal(lambda *_: None, kept=kept).steps(as_progress(METHODS[method](rows, short))))
    whole = drain(METHODS[method](rows, short))
    np.testing.assert_array_equal(resumed.latents_of(rows.x), whole.latents_of(rows.x))
    np.testing.assert_array_equal(resumed.objectives, whole.objectives)


def test_another_seed_starts_elsewhere() -> None:
    rows = rows_of(data())
    first, second = (Starts.of(rows, Training(seed=seed)).unmixing for seed in (0, 1))
    assert not np.allclose(first[1:], second[1:])


def test_the_first_start_is_linear_ica_exactly() -> None:
    rows = rows_of(data())
    starts = Starts.of(rows, TRAINING)
    encoder = Networks(starts.unmixing, np.zeros((2, 2)), bent=starts.bent, width=8, depth=2, seed=0)
    values = encoder(placed(starts.x)).detach().numpy()
    np.testing.assert_allclose(values[0], starts.x @ starts.unmixing[0], atol=1e-5)
    assert np.abs(values[1] - starts.x @ starts.unmixing[1]).max() > 0.1
    np.testing.assert_allclose(starts.unmixing @ starts.mixing, np.broadcast_to(np.eye(2), (2, 2, 2)), atol=1e-9)


def test_the_start_with_the_largest_objective_is_kept_and_nan_never() -> None:
    found = learned("tcl")
    for objectives, best in (([1.0, 2.0], 1), ([2.0, 1.0], 0), ([np.nan, -5.0], 1)):
        assert Trained(found.scaling, found.encoder, 2, np.array(objectives)).best == best


@pytest.mark.parametrize(("law", "told"), [("laplace", True), ("gauss", False)])
def test_neighbours_tell_sources_in_time_unless_they_are_gaussian(law: str, told: bool) -> None:
    """Again of a linear mixture from random rotations: Gaussian processes of one correlation are alike in all of them."""
    simulated = temporal(4, 2, 2, 1, "leaky", length=4000, fresh=1, law=law)  # type: ignore[arg-type]
    after = np.arange(1, 4000)
    training = Training(epochs=25, starts=4, width=8)
    found = drain(pcl(rows_of(simulated), np.stack([after, after - 1], axis=1), training))
    seen = simulated.seen
    random = [matched(found.latents_of(seen.x, start), seen.sources).correlation for start in (1, 2, 3)]
    assert (min(random) > 0.95) is told


@pytest.mark.parametrize(
    ("x", "u", "latents", "said"),
    [
        (np.zeros(4), np.zeros(4, int), 1, "x must be a table of finite numbers"),
        (np.full((4, 2), np.nan), np.zeros(4, int), 1, "x must be a table of finite numbers"),
        (np.zeros((4, 2)), np.zeros(3, int), 1, "one whole number from 0 for each of the 4 rows"),
        (np.zeros((4, 2)), np.array([0, 1, -1, 0]), 1, "one whole number from 0 for each of the 4 rows"),
        (np.zeros((4, 2)), np.zeros(4, int), 3, "3 latents of 2 channels: choose from 1 to 2."),
    ],
)
def test_bad_rows_are_one_sentence(x: np.ndarray, u: np.ndarray, latents: int, said: str) -> None:
    with pytest.raises(UnmixError, match=said):
        Rows(x, u, latents)


def test_contrastive_learning_needs_two_values_of_u_and_pairs_of_rows() -> None:
    rows = rows_of(data())
    with pytest.raises(UnmixError, match=r"u has only one: give it two or more\."):
        next(tcl(rows.without_u(), TRAINING))
    with pytest.raises(UnmixError, match="Pairs must be two row numbers from 0 to 2399 each"):
        next(pcl(rows, np.array([[0, 1], [5, 2400]]), TRAINING))
