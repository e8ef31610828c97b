"""The codes that a run's own network gives pixels, from what the run keeps of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from napari_unmix.cube import FloatArray, SpectralAxis
from napari_unmix.masked.architecture import Architecture
from napari_unmix.masked.autoencoder import AT_ONCE
from napari_unmix.masked.stored import network_of
from napari_unmix.nonlinear import coordinates, stored
from napari_unmix.sentences import UnmixError
from napari_unmix.spec import MethodSpec

_PREFIX = "network."
_MASKED = "network.grid.places"
_GENERAL = _PREFIX + stored.PREFIX + "straight"
_BODY = ("centre", "spread", "body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias", "mean.weight", "mean.bias")


def latents(
    spec: MethodSpec, model: Mapping[str, FloatArray], axis: SpectralAxis, spectra: FloatArray
) -> FloatArray | None:
    """(N, D) codes of (N, B_good) spectra; None where the run's method has no network, or keeps too little of it.

    A masked autoencoder's code of all groups; the latents of a general network; the means of an inference network on the scores of
    the subspace that it was trained in.
    """
    if _MASKED in model:
        return _of_masked(model, axis, spectra)
    if _GENERAL in model:
        return _of_general(model, spectra)
    origin, basis = model.get(_PREFIX + "subspace.origin"), model.get(_PREFIX + "subspace.basis")
    if origin is None or basis is None or any(_PREFIX + name not in model for name in _BODY):
        return None
    if any(name.startswith(f"{_PREFIX}encoding.") for name in model) or basis.shape[1] != spectra.shape[1]:
        return None
    return _of_inference(model, (spectra - origin) @ basis.T)


def _of_masked(model: Mapping[str, FloatArray], axis: SpectralAxis, spectra: FloatArray) -> FloatArray:
    arrays = {name.removeprefix(_PREFIX): array for name, array in model.items() if name.startswith(_PREFIX)}
    try:
        network = network_of(arrays, _architecture(arrays), axis.kind)
    except (ValueError, KeyError) as error:
        raise UnmixError(f"The network of the run can't be read ({error}): unmix again.") from error
    return np.concatenate(list(network.embedded(spectra)))[:, :-1]


def _architecture(arrays: Mapping[str, FloatArray]) -> Architecture:
    """What the shapes of a network's arrays say of it: its run may have read it from a file, and its spec then says nothing."""
    if "encoder.offset" in arrays:
        groups, width = arrays["encoder.offset"].shape
        depth = sum(name.startswith("encoder.layers.") and name.endswith("weight") for name in arrays)
        return Architecture(network="mlp", patch=len(arrays["encoder.weight"]) // groups, width=width, depth=depth)
    width, patch = arrays["encoder.values.weight"].shape
    depth = sum(name.startswith("encoder.blocks.") and name.endswith("up.weight") for name in arrays)
    return Architecture(network="transformer", patch=patch, width=width, depth=depth)


def _of_general(model: Mapping[str, FloatArray], spectra: FloatArray) -> FloatArray | None:
    """The codes that the run itself read abundances off."""
    named = {name.removeprefix(_PREFIX): array for name, array in model.items() if name.startswith(_PREFIX)}
    own = {
        prefix: {name: array for name, array in named.items() if name.startswith(prefix)}
        for prefix in (coordinates.PREFIX, stored.PREFIX)
    }
    try:
        seen = coordinates.Coordinates.of_arrays(own[coordinates.PREFIX])
        encoder = stored.Encoder.of_arrays(own[stored.PREFIX])
    except KeyError as error:
        raise UnmixError(f"The network of the run can't be read ({error}): unmix again.") from error
    return encoder.codes(seen.scores(spectra)) if len(seen.origin) == spectra.shape[1] else None


def _of_inference(model: Mapping[str, FloatArray], scores: FloatArray) -> FloatArray:
    """The means of ``model.network.InferenceNetwork`` (SiLU, two layers)."""
    parts = {name: np.asarray(model[_PREFIX + name], dtype=np.float64) for name in _BODY}
    found = []
    for start in range(0, len(scores), AT_ONCE):
        hidden: FloatArray = (scores[start : start + AT_ONCE] - parts["centre"]) / parts["spread"]
        for layer in ("body.0", "body.2"):
            hidden = _silu(hidden @ parts[f"{layer}.weight"].T + parts[f"{layer}.bias"])
        found.append(hidden @ parts["mean.weight"].T + parts["mean.bias"])
    return np.concatenate(found)


def _silu(values: FloatArray) -> FloatArray:
    return np.asarray(values / (1 + np.exp(-np.clip(values, -500, 500))))
