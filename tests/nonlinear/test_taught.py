"""The iVAE that begins at contrastive learning's encoder: what is held, what is joined, and who chooses."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from napari_unmix.nonlinear.contrast import tcl
from napari_unmix.nonlinear.linear import whitening
from napari_unmix.nonlinear.metrics import matched
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.simulated import Draw, nonstationary
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.taught import Passes, ivae, taught
from napari_unmix.nonlinear.trained import Trained
from napari_unmix.nonlinear.variational import Variational, variational
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError

TRAINING = Training(epochs=20, batch=256, starts=2, width=12, seed=0)
MODEL = Variational(noise=0.05)
SHORT = Passes(decoder=4, held=4, together=4)
ONE, BRIEF = replace(TRAINING, epochs=1, starts=1), Passes(decoder=1, held=1, together=1)


@cache
def seen() -> Draw:
    return nonstationary(3, 2, 2, 2, "leaky", segments=12, length=200, fresh=1).seen


def rows() -> Rows:
    return Rows(seen().x, seen().u, 2)


@cache
def told() -> Trained:
    return drain(tcl(rows(), TRAINING))


def correlation(found: Trained, start: int | None = None) -> float:
    return matched(found.latents_of(seen().x, start), seen().sources).correlation


def test_the_means_are_held_until_all_learn_together() -> None:
    held = drain(taught(rows(), MODEL, TRAINING, told(), Passes(decoder=2, held=2, together=0)))
    before = told().latents_of(seen().x)
    np.testing.assert_allclose(held.latents_of(seen().x), before / before.std(axis=0), atol=1e-4)
    after = drain(taught(rows(), MODEL, TRAINING, told(), Passes(decoder=2, held=2, together=1)))
    assert np.abs(after.latents_of(seen().x) - held.latents_of(seen().x)).max() > 1e-3


@pytest.mark.parametrize("step", ["decoder", "held", "together"])
def test_each_step_raises_the_evidence(step: str) -> None:
    none = {"decoder": 0, "held": 0, "together": 0}
    before = {"decoder": {}, "held": {"decoder": 4}, "together": {"decoder": 4, "held": 4}}[step]
    reached = [
        drain(taught(rows(), MODEL, TRAINING, told(), Passes(**(none | before | more)))).objectives[0]  # type: ignore[arg-type]
        for more in ({}, {step: 4})
    ]
    assert reached[1] > reached[0] + 0.05


@cache
def both() -> Trained:
    return drain(ivae(rows(), MODEL, TRAINING, told(), SHORT))


def test_own_starts_learn_of_white_rows_and_what_is_told_is_of_the_rows_as_they_are() -> None:
    """With a noise above what the decoder misses, so that it is not raised."""
    model, short = replace(MODEL, noise=0.4), replace(TRAINING, epochs=5)
    scaled = rows().scaling.scaled(seen().x)
    white = whitening(scaled, 2)(scaled)
    own = drain(variational(Rows(white, seen().u, 2), model, short))
    found = drain(ivae(rows(), model, short, told(), replace(SHORT, held=1, together=1)))
    np.testing.assert_allclose(found.objectives[0], own.objectives[0], atol=0.01)
    # Linear ICA's start: the random ones turn principal axes, and white rows have none.
    assert matched(found.latents_of(seen().x, 0), own.latents_of(white, 0)).correlation > 0.99


def test_the_noise_is_what_the_decoder_misses_at_least() -> None:
    """Bounds of the same model whatever less noise is asked for."""
    found = [drain(ivae(rows(), replace(MODEL, noise=noise), ONE, told(), BRIEF)).objectives for noise in (1e-3, 1e-4)]
    np.testing.assert_array_equal(*found)


def test_the_taught_start_stands_behind_the_own_ones() -> None:
    assert len(both().objectives) == 3
    assert correlation(both(), 2) > correlation(told()) - 0.02
    assert correlation(both(), 2) > max(correlation(both(), 0), correlation(both(), 1)) - 0.01
    np.testing.assert_allclose(both().kept().codes(seen().x), both().latents_of(seen().x), atol=1e-4)


def test_the_decoder_makes_the_rows_as_they_are() -> None:
    found, scaled = both(), rows().scaling.scaled(seen().x)
    assert found.decoder is not None
    for start in range(3):
        made = found.decoder.of_start(found.latents_of(seen().x, start), start)
        assert np.sqrt(np.mean((made - scaled) ** 2)) < 0.15


def test_the_score_tells_the_values_of_u() -> None:
    told_by = both().score_of(seen().x)
    right = np.mean(told_by.argmax(axis=1) == seen().u)
    assert told_by.shape == (len(seen().x), 12)
    assert right > 2 / 12


def test_without_an_encoder_it_learns_one_by_contrast_and_that_needs_two_values_of_u() -> None:
    short = Training(epochs=1, batch=512, starts=1, width=4)
    passes = Passes(decoder=1, held=1, together=1)
    first, again = (drain(ivae(rows(), MODEL, short, passes=passes)) for _ in range(2))
    np.testing.assert_array_equal(first.latents_of(seen().x, 1), again.latents_of(seen().x, 1))
    assert len(first.objectives) == 2
    with pytest.raises(UnmixError, match="u has only one: give it two or more"):
        next(ivae(rows().without_u(), MODEL, short))
