"""Variational autoencoders with a network decoder over cubes: with u the general iVAE, without it the VAE and the β-VAE."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.methods.coded import Answer, Coded, check_u, coded, first_vertices, read_real, read_simplex
from napari_unmix.methods.contract import Problem, Solution, Spec
from napari_unmix.model.logratio import basis_of, helmert
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Starts, Training
from napari_unmix.nonlinear.trained import Learning, Trained
from napari_unmix.nonlinear.variational import Squash, Variational, variational
from napari_unmix.progress import Fit
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.rows.subspace import noise_level

Latents = Literal["simplex", "real"]
# The decoder's noise is the measured one over the scores' spread, within these: below, training takes long, above, it learns nothing.
_NOISE = (0.03, 0.3)
# Abundances below this are raised to it where a start takes their logarithm.
_INSIDE = 0.02


def fit_variational(
    problem: Problem[Spec],
    training: Training,
    caveat: str,
    *,
    latents: Latents,
    side_information: bool,
    beta: float = 1.0,
    read_by: str = "probe",
) -> Fit[Solution]:
    """Train, and read off: of simplex latents endmembers and abundances are the model's own."""
    learn = partial(_learn, latents=latents, side_information=side_information, beta=beta)
    read = _read_simplex if latents == "simplex" else partial(read_real, read_by)
    return (yield from coded(problem, learn, read, caveat, training))


def _learn(seen: Coded, training: Training, *, latents: Latents, side_information: bool, beta: float) -> Learning:
    if side_information:
        check_u(seen)
    which = seen.learned_from
    rows = seen.rows(which) if side_information else seen.rows(which).without_u()
    noise = noise_level(seen.problem.spectra, seen.problem.endmember_count) / float(rows.scaling.spread[0])
    model = Variational(side_information, means=True, beta=beta, noise=float(np.clip(noise, *_NOISE)))
    squash = simplex_squash(seen, rows, training) if latents == "simplex" else None
    return (yield from variational(rows, model, training, squash))


def _read_simplex(seen: Coded, trained: Trained, codes: FloatArray) -> Answer:
    basis = helmert(seen.problem.endmember_count).numpy()
    logits = codes @ basis.T
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return read_simplex(seen, trained, shares / shares.sum(axis=1, keepdims=True))


def on_simplex(latents: Tensor) -> Tensor:
    """(…, P − 1) log-ratios -> (…, P) abundances."""
    return torch.softmax(latents @ basis_of(latents, latents.shape[-1] + 1).T, dim=-1)


def simplex_squash(seen: Coded, rows: Rows, training: Training) -> Squash:
    """Starts where the decoder is linear in abundances, with VCA's vertices of as many draws as there are starts.

    The encoder begins as the affine map that comes nearest to the log-ratios of least squares on them.
    """
    problem, count = seen.problem, seen.problem.endmember_count
    x = rows.scaling.scaled(rows.x)
    basis = helmert(count).numpy()
    maps, slopes, decoders, offsets = [], [], [], []
    for start in range(training.starts):
        vertices = first_vertices(problem, problem.spectra, training.seed + start)
        corners = rows.scaling.scaled(seen.coordinates.scores(vertices))  # (P, K)
        shares = np.maximum(fully_constrained(x, corners), _INSIDE)
        shares /= shares.sum(axis=1, keepdims=True)
        found, *_ = np.linalg.lstsq(np.column_stack([x, np.ones(len(x))]), np.log(shares) @ basis, rcond=None)
        mean = shares.mean(axis=0)
        maps.append(found[:-1])
        offsets.append(found[-1])
        decoders.append(corners)
        slopes.append(basis.T @ (np.diag(mean) - np.outer(mean, mean)) @ corners)
    bent = np.zeros(training.starts)
    starts = Starts(x, np.stack(maps), np.stack(slopes), bent, np.stack(offsets))
    return Squash(on_simplex, starts, np.stack(decoders))
