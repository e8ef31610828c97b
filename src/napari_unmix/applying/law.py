"""The law that a run inferred its pixels by, made again from the parameters that its folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, MixingFound
from napari_unmix.model.law import Model
from napari_unmix.model.light import Light
from napari_unmix.model.mixing.base import LinearMixing, Mixing
from napari_unmix.model.mixing.curve import Curve, CurveMixing
from napari_unmix.model.mixing.products import BilinearMixing, FanMixing, PolynomialMixing
from napari_unmix.model.mixing.residual import ResidualMixing
from napari_unmix.model.mixing.variability import VariableMixing
from napari_unmix.model.priors.base import RegionPrior
from napari_unmix.model.priors.dirichlet import RegionDirichlet
from napari_unmix.model.priors.gaussian import GaussianRegions
from napari_unmix.model.priors.logistic_normal import RegionLogisticNormal
from napari_unmix.model.variation import Variation
from napari_unmix.rows.subspace import Subspace
from napari_unmix.sentences import UnmixError, shown

Parameters = Mapping[str, FloatArray]


@dataclass(frozen=True, eq=False)
class Law:
    """What pixels are inferred by.

    Attributes
    ----------
    subspace : where the scores live that the model speaks of
    model : the generative law, with the prior of every region
    endmembers : (P, B_good) as the fit had them, non-negative; a run's are these, perhaps at another brightness
    endmember_error : (P,) their standard errors, as shares of the simplex
    widening : what the posterior's spread is times, at least one
    gaussian : the Gaussian regions, where these gave the run's abundances; None where the model's own prior did
    """

    subspace: Subspace
    model: Model
    endmembers: FloatArray
    endmember_error: FloatArray
    widening: float
    gaussian: GaussianRegions | None


def law_of(parameters: Parameters, findings: Findings) -> Law | None:
    """The law of a run's fitted ``parameters``; None where they are no law's, or of a version that saved less of it.

    Raises UnmixError where they do not fit each other.
    """
    if findings.prior is None or "law.corners" not in parameters:
        return None
    try:
        return _law(parameters, findings)
    except (KeyError, ValueError, IndexError, RuntimeError) as error:  # torch has no other for shapes that do not fit
        reason = shown(str(error).splitlines()[0] if str(error) else type(error).__name__, 120)
        raise UnmixError(
            f"The fitted parameters of the run do not fit each other ({reason}): train it again."
        ) from error


def _law(parameters: Parameters, findings: Findings) -> Law:
    endmembers, corners = parameters["endmembers"].astype(np.float64), _tensor(parameters, "law.corners")
    origin, basis = (parameters[f"subspace.{name}"].astype(np.float64) for name in ("origin", "basis"))
    count, bands = endmembers.shape
    if corners.shape != (count, len(basis)) or basis.shape[1:] != (bands,) or origin.shape != (bands,):
        raise ValueError(f"{count} endmembers of {bands} bands, corners {tuple(corners.shape)}, basis {basis.shape}")
    variance = float(parameters["noise.variance"][0])
    if not (np.isfinite(variance) and variance > 0):
        raise ValueError(f"the noise has the variance {variance:g}")
    model = Model(
        _prior(parameters),
        _mixing(findings.mixing, corners, torch.from_numpy(basis), parameters),
        variance,
        _light(parameters),
        _variation(parameters, corners),
    )
    chosen = findings.prior is not None and findings.prior.chosen == "gaussian"
    return Law(
        Subspace(origin, basis),
        model,
        endmembers,
        np.asarray(findings.endmember_error or np.zeros(count), dtype=np.float64),
        float(parameters["law.widening"][0]),
        _gaussian(parameters, count) if chosen else None,
    )


def _tensor(parameters: Parameters, name: str) -> Tensor:
    return torch.from_numpy(parameters[name].astype(np.float64))


def _prior(parameters: Parameters) -> RegionPrior:
    weights = _tensor(parameters, "prior.log_weights")
    if "prior.log_alpha" in parameters:
        return RegionDirichlet(_tensor(parameters, "prior.log_alpha"), weights)
    mean, covariance = _tensor(parameters, "prior.mean"), _tensor(parameters, "prior.covariance")
    return RegionLogisticNormal(mean, covariance, weights, torch.zeros_like(mean), torch.zeros_like(weights))


def _light(parameters: Parameters) -> Light | None:
    if "light.shape" not in parameters:
        return None
    return Light(_tensor(parameters, "light.shape"), float(parameters["light.mean"][0]))


def _variation(parameters: Parameters, corners: Tensor) -> Variation | None:
    if "variation.factors" not in parameters:
        return None
    found = _tensor(parameters, "variation.covariances")
    if found.shape != (*corners.shape, corners.shape[1]):
        raise ValueError(f"covariances of the shape {tuple(found.shape)}")
    return Variation(found)


def _gaussian(parameters: Parameters, count: int) -> GaussianRegions:
    labels, *rest = (parameters[f"gaussian.{name}"] for name in ("labels", "mean", "covariance", "counts"))
    mean, covariance, counts = (each.astype(np.float64) for each in rest)
    if covariance.shape != (len(labels), count - 1, count - 1) or mean.shape != covariance.shape[:2]:
        raise ValueError(f"{len(labels)} Gaussian regions of means {mean.shape} and covariances {covariance.shape}")
    return GaussianRegions(labels.astype(np.int32), mean, covariance, counts)


def _mixing(found: MixingFound, corners: Tensor, basis: Tensor, parameters: Parameters) -> Mixing:
    """The mixing that was kept, with the endmembers ``corners`` (P, K) in the coordinates of ``basis`` (K, B)."""
    own = {name.removeprefix("mixing."): _tensor(parameters, name) for name in parameters if name.startswith("mixing.")}
    inner = _inner(found.kept, corners, basis, own)
    return VariableMixing(inner, own["directions"]) if found.variability else inner


def _inner(kind: str, corners: Tensor, basis: Tensor, own: dict[str, Tensor]) -> Mixing:
    if kind == "linear":
        return LinearMixing(corners)
    if kind == "fan":
        return FanMixing.of(corners, basis)
    if kind == "bilinear":
        return replace(BilinearMixing.of(corners, basis), centre=own["centre"], spread=float(own["spread"]))
    if kind == "ppnm":
        scattered = PolynomialMixing.of(corners, basis)
        learned: dict[str, Any] = {"centre": float(own["centre"]), "spread": float(own["spread"])}
        return replace(scattered, **learned).with_endmembers(corners)
    if kind == "post-nonlinear":
        curve = Curve(own["knots"], own["log_slopes"])
        return CurveMixing(corners, curve, curve.inverse(corners))
    if kind == "residual":
        hidden, offset, out, shift = (own[f"weights.{k}"] for k in range(4))
        return ResidualMixing(corners, (hidden, offset, out, shift), float(own["bound"]))
    raise ValueError(f"there is no mixing {shown(kind, 20)}")
