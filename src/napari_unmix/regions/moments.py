"""Endmembers from the means and covariances of regions: what identifies them without pure pixels.

Under a Dirichlet in every region, with mean p_u and concentration c_u, linear mixing gives (theory, M1)

    E[x|u] = Mᵀp_u        Cov[x|u] = Mᵀ(diag p_u − p_u p_uᵀ)M / (c_u + 1) + σ²I.

The vertices are fitted to all regions at once by the Gaussian likelihood of the sample moments in the (P − 1)-dimensional signal
subspace. p_u follows from the vertices in closed form, so the parameters are the vertices and one concentration for each region.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.rows.subspace import affine_subspace

_LEAST_SHARE = 1e-3


@dataclass(frozen=True, eq=False)
class RegionMoments:
    """Sample moments of R regions in scaled subspace coordinates of dimension d = P − 1.

    ``means`` (R, d), ``covariances`` (R, d, d), ``counts`` (R,) of independent pixels, ``noise`` (d,) variances; ``to_spectra`` is
    affine: scores → spectra by ``scores * spread @ basis + origin``.
    """

    means: FloatArray
    covariances: FloatArray
    counts: FloatArray
    noise: FloatArray
    spread: FloatArray
    basis: FloatArray
    origin: FloatArray

    @property
    def regions(self) -> int:
        """R."""
        return len(self.means)

    @property
    def dimension(self) -> int:
        """d = P − 1."""
        return int(self.means.shape[1])

    def to_spectra(self, vertices: FloatArray) -> FloatArray:
        """(P, d) vertices -> (P, B)."""
        return np.asarray((vertices * self.spread) @ self.basis + self.origin)

    def to_vertices(self, endmembers: FloatArray) -> FloatArray:
        """(P, B) -> (P, d)."""
        return np.asarray((endmembers - self.origin) @ self.basis.T / self.spread)


@dataclass(frozen=True, eq=False)
class MomentFit:
    """The fitted vertices and how well they are determined.

    Attributes
    ----------
    endmembers : (P, B)
    means : (R, P) mean abundances of the regions
    concentrations : (R,)
    misfit : J / degrees of freedom, 1 where the Dirichlet moments hold exactly
    freedom : those degrees of freedom; nothing is tested where there are none
    relative_error : standard error of the vertices over the simplex's size (check 2), from the profile Hessian; inf where it is singular
    vertex_std : (P,) standard error of each vertex in units of spectra (root mean square over its coordinates)
    """

    endmembers: FloatArray
    means: FloatArray
    concentrations: FloatArray
    misfit: float
    freedom: int
    relative_error: float
    vertex_std: FloatArray


def region_moments(
    spectra: FloatArray, regions: IntArray, endmembers: int, noise: float, redundancy: float = 1.0
) -> RegionMoments | None:
    """Moments of the regions 1 … R with at least ``FEWEST_PIXELS_OF_A_REGION`` pixels; None where there are none. Spectra (N, B), regions (N,).

    ``redundancy`` neighbouring pixels count as one: they are alike, and as independent ones they would claim too much.
    """
    subspace = affine_subspace(spectra, endmembers - 1)
    scores = subspace.scores(spectra)
    spread = np.maximum(scores.std(axis=0), 1e-12)
    scores = scores / spread
    counts = np.bincount(regions)
    kept = [label for label in range(1, len(counts)) if counts[label] >= FEWEST_PIXELS_OF_A_REGION]
    if not kept:
        return None
    groups = [scores[regions == label] for label in kept]
    return RegionMoments(
        means=np.array([group.mean(axis=0) for group in groups]),
        covariances=np.array([np.cov(group.T, bias=True).reshape(endmembers - 1, endmembers - 1) for group in groups]),
        counts=np.array([len(group) / redundancy for group in groups]),
        noise=noise**2 / spread**2,
        spread=spread,
        basis=subspace.basis,
        origin=subspace.origin,
    )


class _Objective:
    """Negative log-likelihood of the moments, per pixel, above that of free covariances."""

    def __init__(self, moments: RegionMoments) -> None:
        self.moments = moments
        self.means = torch.from_numpy(moments.means)
        self.covariances = torch.from_numpy(moments.covariances)
        self.noise = torch.diag(torch.from_numpy(moments.noise))
        self.weights = torch.from_numpy(moments.counts / moments.counts.sum())
        self.basis = torch.from_numpy(moments.spread[:, None] * moments.basis)
        self.origin = torch.from_numpy(moments.origin)
        # Penalties are in units of the mean spectrum, so that the scale of the cube does not matter.
        self.level = float(np.abs(moments.origin).mean()) + 1e-12
        free = torch.linalg.slogdet(self.covariances)[1] + moments.dimension
        self.free = float((self.weights * 0.5 * free).sum())

    def parts(self, parameters: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Vertices (P, d), mean abundances (R, P) and log concentrations (R,)."""
        dimension, regions = self.moments.dimension, self.moments.regions
        vertices = parameters[: (dimension + 1) * dimension].reshape(dimension + 1, dimension)
        corners = torch.cat([vertices.T, torch.ones(1, dimension + 1, dtype=vertices.dtype)])
        lifted = torch.cat([self.means, torch.ones(regions, 1, dtype=vertices.dtype)], dim=1)
        return vertices, torch.linalg.solve(corners, lifted.T).T, parameters[(dimension + 1) * dimension :]

    def __call__(self, parameters: Tensor) -> Tensor:
        vertices, means, log_concentrations = self.parts(parameters)
        shares = means.clamp_min(_LEAST_SHARE)
        shares = shares / shares.sum(dim=1, keepdim=True)
        spread = torch.diag_embed(shares) - shares[:, :, None] * shares[:, None, :]
        model = vertices.T @ spread @ vertices * torch.sigmoid(-log_concentrations)[:, None, None] + self.noise
        factor, failed = torch.linalg.cholesky_ex(model + 1e-9 * torch.eye(len(self.noise), dtype=model.dtype))
        log_det = 2 * torch.log(torch.diagonal(factor, dim1=1, dim2=2).clamp_min(1e-12)).sum(dim=1)
        trace = torch.diagonal(torch.cholesky_solve(self.covariances, factor), dim1=1, dim2=2).sum(dim=1)
        outside = (torch.relu(2 * _LEAST_SHARE - means) ** 2).sum() * 1e4
        negative = (torch.relu(-(vertices @ self.basis + self.origin)) ** 2).mean() / self.level**2 * 1e2
        # A weak prior keeps a region without spread from running to infinite concentration.
        prior = 1e-4 * ((log_concentrations - np.log(8.0)) ** 2).mean()
        likelihood = (self.weights * 0.5 * (log_det + trace)).sum() - self.free
        total: Tensor = likelihood + outside + negative + prior + 1e3 * failed.sum()
        return total


def fit_region_moments(
    moments: RegionMoments, starts: list[FloatArray], iterations: int = 500, held: BoolArray | None = None
) -> MomentFit:
    """Fit the vertices from every start (each (P, B) endmembers) and keep the best likelihood; those that are ``held`` (P,) stay."""
    from scipy.optimize import minimize

    objective = _Objective(moments)
    # A vertex without a slope stays where the search has it.
    by_vertex = np.zeros(moments.dimension + 1, bool) if held is None else held
    still = np.flatnonzero(np.repeat(by_vertex, moments.dimension))

    def value_and_gradient(parameters: FloatArray) -> tuple[float, FloatArray]:
        variable = torch.tensor(parameters, dtype=torch.float64, requires_grad=True)
        value = objective(variable)
        (gradient,) = torch.autograd.grad(value, variable)
        slope = np.nan_to_num(gradient.numpy())
        slope[still] = 0.0
        return float(value.detach()), slope

    best_value, best = np.inf, np.zeros(0)
    for start in starts:
        first = np.concatenate([moments.to_vertices(start).ravel(), np.full(moments.regions, np.log(8.0))])
        found = minimize(
            value_and_gradient,
            first,
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": iterations, "maxfun": 2 * iterations, "maxcor": 25},
        )
        if np.isfinite(found.fun) and found.fun < best_value:
            best_value, best = float(found.fun), found.x
    return _summary(objective, best, best_value, still)


def _summary(objective: _Objective, parameters: FloatArray, value: float, still: IntArray) -> MomentFit:
    """What was found; the parameters that were held ``still`` have no error."""
    moments = objective.moments
    dimension, count = moments.dimension, float(moments.counts.sum())
    variable = torch.tensor(parameters, dtype=torch.float64)
    vertices, means, log_concentrations = (part.numpy() for part in objective.parts(variable))
    freedom = moments.regions * dimension * (dimension + 1) // 2 - (dimension + 1) * dimension - moments.regions
    freedom += len(still)
    variances = _vertex_variances(objective, variable, count, still)
    size = np.sqrt(((vertices - vertices.mean(axis=0)) ** 2).sum(axis=1).mean())
    by_vertex = variances.reshape(dimension + 1, dimension)
    return MomentFit(
        endmembers=moments.to_spectra(vertices),
        means=means,
        concentrations=np.exp(log_concentrations),
        misfit=2 * count * max(value, 0.0) / max(freedom, 1),
        freedom=freedom,
        relative_error=float(np.sqrt(by_vertex.sum(axis=1).mean()) / size),
        vertex_std=np.sqrt((by_vertex * moments.spread**2).sum(axis=1) / dimension),
    )


def _vertex_variances(objective: _Objective, parameters: Tensor, count: float, still: IntArray) -> FloatArray:
    """(P·d,) variances of the vertices from the profile Hessian (concentrations maximised out); inf where it is not positive, 0 where held."""
    hessian = torch.autograd.functional.hessian(objective, parameters).numpy() * count  # type: ignore[no-untyped-call]
    size = (objective.moments.dimension + 1) * objective.moments.dimension
    free = np.setdiff1d(np.arange(size), still)
    if not np.isfinite(hessian).all():
        return np.full(size, np.inf)
    profile = (
        hessian[:size, :size] - hessian[:size, size:] @ np.linalg.pinv(hessian[size:, size:]) @ hessian[size:, :size]
    )
    profile = profile[np.ix_(free, free)]
    values, vectors = np.linalg.eigh(0.5 * (profile + profile.T))
    if values[0] <= 1e-9 * max(values[-1], 1e-12):
        return np.full(size, np.inf)
    variances = np.zeros(size)
    variances[free] = (vectors**2 / values).sum(axis=1)
    return variances
