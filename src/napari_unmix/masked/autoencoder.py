"""A masked autoencoder of spectra, with what it needs of them: their groups, the mean spectrum, and their brightness.

Brightness is treated in one way: a pixel is divided by the multiple of the mean spectrum that fits its *visible* bands best, so that the network
sees shapes and is told nothing of the hidden bands; what it fills in is multiplied by that again. Errors count in the spectra's own units.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.cube import FloatArray
from napari_unmix.masked.architecture import Architecture
from napari_unmix.masked.grid import Grid, grouped, interpolation
from napari_unmix.masked.network import (
    MlpDecoder,
    MlpEncoder,
    TransformerDecoder,
    TransformerEncoder,
    position_features,
)
from napari_unmix.sentences import UnmixError

# Pixels at once, where nothing is learned: a step of less than a second.
AT_ONCE = 4_096
# Pixels darker than this share of the median are read as if they were so bright: their shape is noise (as geometry.picks has it).
_DARKEST = 0.02
# A spectrum is restored by showing all of its groups but one of so many parts, in turn.
_PARTS = 4
# Bands of another cube may be this many times wider or narrower than those that the network was made for, and reach this share of their span
# beyond it: elsewhere it has seen nothing. Both were set by hand.
_MOST_WIDER, _MOST_BEYOND = 1.5, 0.05


class MaskedAutoencoder(nn.Module):
    """Spectra on a grid -> codes of their visible groups -> the hidden groups.

    Parameters
    ----------
    architecture : of which parts it consists
    grid : the B bands
    mean : (B,) mean spectrum, of brightness one
    spread : root mean square of what spectra of brightness one differ from it by
    made_for : the grid that its positions count from, where that is another one
    """

    mean: Tensor
    spread: Tensor

    def __init__(
        self, architecture: Architecture, grid: Grid, mean: FloatArray, spread: float, made_for: Grid | None = None
    ) -> None:
        super().__init__()
        self.architecture, self.grid, self.made_for = architecture, grid, made_for or grid
        groups, first = grouped(grid, architecture.patch), grouped(self.made_for, architecture.patch)
        self.groups, patch = groups, first.bands.shape[1]
        self.register_buffer("mean", torch.from_numpy(np.asarray(mean)).float())
        self.register_buffer("spread", torch.tensor([float(spread)]))
        self.bands = torch.from_numpy(groups.bands)
        self.weight = torch.from_numpy(groups.weight).float()
        places = torch.from_numpy(groups.places).float()
        self.positions = position_features(places, self.made_for.span, len(first.bands), architecture.width)
        if architecture.network == "transformer":
            self.encoder: nn.Module = TransformerEncoder(architecture, patch)
            self.decoder: nn.Module = TransformerDecoder(architecture, patch)
        else:
            self.encoder = MlpEncoder(architecture, patch, len(groups.bands))
            self.decoder = MlpDecoder(architecture, patch)

    def on(self, grid: Grid, name: str = "the network") -> MaskedAutoencoder:
        """The same weights for the bands of another cube: groups at positions between those that were learned.

        Raises UnmixError where the network has weights for each group (MLP), or the bands are of another kind, width or range.
        """
        if grid.same(self.grid):
            return self
        self._check(grid, name)
        weights, _ = interpolation(self.grid, grid)
        other = MaskedAutoencoder(
            self.architecture, grid, weights @ self.mean.cpu().numpy(), float(self.spread), self.made_for
        )
        kept = {key: value for key, value in self.state_dict().items() if key not in ("mean", "spread")}
        other.load_state_dict(kept, strict=False)
        return other.moved(self.mean.device)

    def _check(self, grid: Grid, name: str) -> None:
        own, kind = self.made_for, self.architecture.network
        if kind == "mlp":
            raise UnmixError(
                f"{name} is an MLP for {own.places.size} bands of its own, this cube has {grid.places.size} or lies elsewhere: "
                "pretrain on this cube, or with --network transformer."
            )
        if grid.kind != own.kind or grid.kind == "index":
            raise UnmixError(
                f"{name} was trained on bands by {own.kind}, this cube has them by {grid.kind}, so their places can't be compared: "
                "pretrain on this cube."
            )
        ratio, room = grid.step / own.step, _MOST_BEYOND * (own.span[1] - own.span[0])
        if not 1 / _MOST_WIDER <= ratio <= _MOST_WIDER or len(grouped(grid, self.architecture.patch).bands[0]) != len(
            grouped(own, self.architecture.patch).bands[0]
        ):
            raise UnmixError(
                f"{name} was trained on bands {own.step:.3g} apart, this cube has them {grid.step:.3g} apart (at most "
                f"{_MOST_WIDER:g} times as far or near): pretrain on this cube."
            )
        if grid.span[0] < own.span[0] - room or grid.span[1] > own.span[1] + room:
            raise UnmixError(
                f"{name} was trained from {own.span[0]:.4g} to {own.span[1]:.4g}, this cube reaches from {grid.span[0]:.4g} to "
                f"{grid.span[1]:.4g}: leave the bands beyond out with --bands, or pretrain on this cube."
            )

    def moved(self, device: torch.device) -> MaskedAutoencoder:
        """On that device, with all that is no parameter."""
        self.to(device)
        self.bands, self.weight = self.bands.to(device), self.weight.to(device)
        self.positions = self.positions.to(device)
        return self

    # Spectra in groups, and their brightness

    def unit(self, spectra: FloatArray) -> float:
        """What (N, B) spectra are divided by so that the median pixel has brightness one: cubes come in many units."""
        mean = self.mean.cpu().numpy().astype(np.float64)
        median = float(np.median(np.abs(spectra @ mean))) / max(float(mean @ mean), 1e-300)
        largest = float(np.abs(spectra).max(initial=0.0))
        return median if median > 1e-9 * largest and median > 0 else max(largest, 1e-300)

    def tokens(self, spectra: FloatArray, unit: float) -> Tensor:
        """(n, B) -> (n, G, patch) in units of the median brightness, zero where the last group is filled up."""
        return self.in_groups(torch.from_numpy(spectra / unit).float().to(self.mean.device))

    def in_groups(self, spectra: Tensor) -> Tensor:
        """(n, B) in units of the median brightness -> (n, G, patch)."""
        return spectra[:, self.bands] * self.weight

    def light(self, values: Tensor, kept: Tensor) -> Tensor:
        """(n, 1, 1) the multiple of the mean spectrum that fits the groups ``kept`` of ``values`` (n, K, patch) best."""
        mean = (self.mean[self.bands] * self.weight)[kept]
        fitted = (values * mean).sum(dim=(1, 2)) / (mean**2).sum(dim=(1, 2)).clamp_min(1e-12)
        return fitted.clamp_min(_DARKEST)[:, None, None]

    def _inside(self, values: Tensor, kept: Tensor, light: Tensor) -> Tensor:
        """What the network sees of groups (n, K, patch)."""
        return (values / light - self.mean[self.bands][kept]) / self.spread * self.weight[kept]

    # Hiding and filling in

    def shown(self) -> int:
        """How many groups of a pixel the encoder sees in training: one at least, and not all."""
        groups = len(self.groups.bands)
        return max(1, min(groups - 1, round((1 - self.architecture.hidden) * groups)))

    def orders(self, count: int, generator: torch.Generator) -> Tensor:
        """(count, G) the groups of each pixel in an order by chance: the first ``shown()`` are visible."""
        drawn = torch.rand(count, len(self.groups.bands), generator=generator, device=self.mean.device)
        return drawn.argsort(dim=1)

    def codes(self, seen: Tensor, kept: Tensor) -> Tensor:
        """(n, K or 1, width) of the groups ``kept`` (n, K), which are ``seen`` (n, K, patch): of nothing else."""
        found: Tensor = self.encoder(self._inside(seen, kept, self.light(seen, kept)), kept, self.positions)
        return found

    def filled(self, values: Tensor, kept: Tensor, hidden: Tensor) -> Tensor:
        """(n, L, patch) the groups ``hidden`` (n, L) as the groups ``kept`` (n, K) of ``values`` (n, G, patch) tell them."""
        seen = _taken(values, kept)
        predicted = self.decoder(self.codes(seen, kept), kept, hidden, self.positions)
        found: Tensor = self.light(seen, kept) * (self.mean[self.bands][hidden] + self.spread * predicted)
        return found

    def loss(self, values: Tensor, order: Tensor) -> Tensor:
        """Mean squared error on the hidden groups, over that of the mean spectrum of the pixel's brightness."""
        kept, hidden = order[:, : self.shown()], order[:, self.shown() :]
        weight = self.weight[hidden]
        error = (self.filled(values, kept, hidden) - _taken(values, hidden)) / self.spread * weight
        return (error**2).sum() / weight.sum().clamp_min(1.0)

    # What is read of a trained network

    def features(self, values: Tensor) -> Tensor:
        """(n, width + 1) the mean code of all groups of (n, G, patch), none hidden, and the logarithm of the brightness."""
        kept = torch.arange(values.shape[1], device=values.device).expand(len(values), -1)
        light = self.light(values, kept)
        return torch.cat([self.codes(values, kept).mean(dim=1), light[:, 0].log()], dim=1)

    def embedded(self, spectra: FloatArray) -> Iterator[FloatArray]:
        """The features (n, width + 1) of (N, B) spectra, part by part."""
        unit = self.unit(spectra)
        for start in range(0, len(spectra), AT_ONCE):
            with torch.no_grad():
                found = self.features(self.tokens(spectra[start : start + AT_ONCE], unit))
            yield np.asarray(found.cpu().numpy(), dtype=np.float64)

    def restored(self, spectra: FloatArray, unit: float | None = None) -> FloatArray:
        """(N, B) each group as three quarters of the others tell it: noise of a group is not among what is read."""
        unit = self.unit(spectra) if unit is None else unit
        parts = [self._restored(spectra[start : start + AT_ONCE], unit) for start in range(0, len(spectra), AT_ONCE)]
        return np.concatenate(parts) if parts else spectra

    def _restored(self, spectra: FloatArray, unit: float) -> FloatArray:
        groups = len(self.groups.bands)
        if groups < 2:
            return spectra
        every = torch.arange(groups, device=self.mean.device)
        with torch.no_grad():
            values = self.tokens(spectra, unit)
            found = torch.zeros_like(values)
            for part in range(min(_PARTS, groups)):
                away = every % min(_PARTS, groups) == part
                kept, hidden = (every[mask].expand(len(values), -1) for mask in (~away, away))
                found[:, away] = self.filled(values, kept, hidden)
        flat = found.reshape(len(values), -1)[:, : spectra.shape[1]]
        return np.asarray(flat.cpu().numpy(), dtype=np.float64) * unit


def _taken(values: Tensor, groups: Tensor) -> Tensor:
    """(n, G, patch), (n, K) -> (n, K, patch)."""
    return values.gather(1, groups[..., None].expand(-1, -1, values.shape[2]))
