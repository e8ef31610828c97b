"""Networks put together from networks: one start taken out, linear maps before and behind, outputs beside each other, starts below each other."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from napari_unmix.nonlinear.networks import Networks


def start_of(networks: Networks, start: int, outputs: int, scale: Tensor) -> Networks:
    """The first ``outputs`` outputs of one start, each times its ``scale`` (outputs,), as networks of one start."""
    one = slice(start, start + 1)
    straight, offset, last = (
        part[one, :, :outputs] * scale.to(part) for part in (networks.straight, networks.offset, networks.last)
    )
    return Networks.of(straight, offset, [(weights[one], shifts[one]) for weights, shifts in networks.layers], last)


def before(networks: Networks, matrix: Tensor) -> Networks:
    """What the networks say of inputs times ``matrix`` (J, I), as networks of the inputs themselves."""
    matrix = matrix.to(networks.straight)
    layers = [(matrix @ weights, shifts) for weights, shifts in networks.layers[:1]] + networks.layers[1:]
    last = networks.last if layers else matrix @ networks.last
    return Networks.of(matrix @ networks.straight, networks.offset, layers, last)


def behind(networks: Networks, matrix: Tensor) -> Networks:
    """What the networks say, times ``matrix`` (O, P)."""
    straight, offset, last = (part @ matrix.to(part) for part in (networks.straight, networks.offset, networks.last))
    return Networks.of(straight, offset, networks.layers, last)


def side_by_side(first: Networks, second: Networks) -> Networks:
    """The outputs of the second after those of the first, of the same inputs, starts and depth: hidden layers stand in blocks."""
    straight, offset = (
        torch.cat([one, other], dim=2)
        for one, other in ((first.straight, second.straight), (first.offset, second.offset))
    )
    layers = []
    for depth, (here, there) in enumerate(zip(first.layers, second.layers, strict=True)):
        weights = torch.cat([here[0], there[0]], dim=2) if depth == 0 else _blocks(here[0], there[0])
        layers.append((weights, torch.cat([here[1], there[1]], dim=2)))
    last = _blocks(first.last, second.last) if layers else torch.cat([first.last, second.last], dim=2)
    return Networks.of(straight, offset, layers, last)


def stacked(first: Networks, second: Networks) -> Networks:
    """The starts of the second after those of the first, of the same inputs, outputs and depth.

    The narrower of the two gets units that are always 0: SiLU of 0 is 0, and nothing is read of them.
    """
    both = (first, second)
    widths = [max(net.layers[depth][0].shape[2] for net in both) for depth in range(len(first.layers))]
    wide = [_widened(net, widths) for net in both]
    layers = [
        (_starts([net.layers[depth][0] for net in wide]), _starts([net.layers[depth][1] for net in wide]))
        for depth in range(len(widths))
    ]
    straight, offset, last = (_starts([getattr(net, name) for net in wide]) for name in ("straight", "offset", "last"))
    return Networks.of(straight, offset, layers, last)


def _widened(networks: Networks, widths: Sequence[int]) -> Networks:
    before = [networks.straight.shape[1], *widths]
    layers = [
        (_padded(weights, rows, columns), _padded(shifts, 1, columns))
        for (weights, shifts), rows, columns in zip(networks.layers, before, widths, strict=False)
    ]
    last = _padded(networks.last, before[-1], networks.last.shape[2])
    return Networks.of(networks.straight, networks.offset, layers, last)


def _blocks(first: Tensor, second: Tensor) -> Tensor:
    """(S, I, O), (S, K, P) -> (S, I + K, O + P) with zeros off the diagonal."""
    rows, columns = first.shape[1] + second.shape[1], first.shape[2] + second.shape[2]
    below = torch.nn.functional.pad(second, (first.shape[2], 0))
    return torch.cat([_padded(first, first.shape[1], columns), below], dim=1).reshape(len(first), rows, columns)


def _padded(values: Tensor, rows: int, columns: int) -> Tensor:
    """(S, I, O) -> (S, rows, columns), zeros behind."""
    return torch.nn.functional.pad(values, (0, columns - values.shape[2], 0, rows - values.shape[1]))


def _starts(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat(list(parts))
