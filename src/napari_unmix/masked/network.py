"""The parts of a masked autoencoder: an encoder that sees the visible groups alone, and a light decoder that is told which groups to fill in.

Values are (n, K, patch): K groups of bands of n pixels; ``kept`` and ``hidden`` (n, K) are the groups' numbers.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from napari_unmix.masked.architecture import HEADS, Architecture


class Block(nn.Module):
    """A layer of a transformer, normalised first (Vaswani et al. 2017; Xiong et al. 2020)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.asked, self.told = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(n, K, width) -> the same."""
        count, groups, width = tokens.shape
        parts = self.asked(self.before(tokens)).reshape(count, groups, 3, HEADS, width // HEADS)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        read = nn.functional.scaled_dot_product_attention(query, key, value)
        tokens = tokens + self.told(read.transpose(1, 2).reshape(count, groups, width))
        after: Tensor = tokens + self.down(nn.functional.gelu(self.up(self.between(tokens))))
        return after


def position_features(places: Tensor, span: tuple[float, float], groups: int, width: int) -> Tensor:
    """(G, width) sines and cosines of where groups lie in the ``span`` of the bands that the network was made for.

    The highest frequency has a period of eight groups, so that a place between two groups is between them in the features as well.
    """
    low, high = span
    share = (places - low) / (high - low if high > low else 1.0)
    half = width // 2
    octaves = torch.linspace(0.0, max(math.log2(groups / 4), 0.0), half, dtype=places.dtype, device=places.device)
    angles = math.pi * share[:, None] * 2.0**octaves
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class TransformerEncoder(nn.Module):
    """Each visible group's values and position -> a code for each of them (n, K, width); hidden groups are not among the tokens."""

    def __init__(self, architecture: Architecture, patch: int) -> None:
        super().__init__()
        width = architecture.width
        self.values, self.position = nn.Linear(patch, width), nn.Linear(width, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(architecture.depth))
        self.last = nn.LayerNorm(width)

    def forward(self, values: Tensor, kept: Tensor, positions: Tensor) -> Tensor:
        """(n, K, patch), (n, K), (G, width) -> (n, K, width)."""
        tokens = self.values(values) + self.position(positions)[kept]
        for block in self.blocks:
            tokens = block(tokens)
        codes: Tensor = self.last(tokens)
        return codes


class TransformerDecoder(nn.Module):
    """A token for each hidden group, told its position, asks the codes of the visible ones by one head of attention after another.

    Tokens do not ask each other (Fu et al. 2024, "cross attention"): a quarter of the work, and each is filled in from what is visible alone.
    """

    def __init__(self, architecture: Architecture, patch: int) -> None:
        super().__init__()
        width = architecture.width
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.position, self.asked, self.told = nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, width)
        self.offered = nn.Linear(width, 2 * width)
        self.between, self.last = nn.LayerNorm(width), nn.LayerNorm(width)
        self.up, self.down, self.head = (
            nn.Linear(width, 2 * width),
            nn.Linear(2 * width, width),
            nn.Linear(width, patch),
        )

    def forward(self, codes: Tensor, kept: Tensor, hidden: Tensor, positions: Tensor) -> Tensor:
        """(n, K, width), (n, K), (n, L), (G, width) -> (n, L, patch)."""
        count, groups, width = codes.shape
        tokens = self.token + self.position(positions)  # (G, width), the same for all pixels
        query = self.asked(self.between(tokens))[hidden].reshape(count, -1, HEADS, width // HEADS).transpose(1, 2)
        key, value = self.offered(codes).reshape(count, groups, 2, HEADS, width // HEADS).permute(2, 0, 3, 1, 4)
        read = nn.functional.scaled_dot_product_attention(query, key, value)
        found = tokens[hidden] + self.told(read.transpose(1, 2).reshape(count, -1, width))
        filled: Tensor = self.head(self.last(found + self.down(nn.functional.gelu(self.up(found)))))
        return filled


class MlpEncoder(nn.Module):
    """A sum over the visible groups, each by weights of its own, then layers -> one code (n, 1, width).

    A hidden group adds nothing, not even a sign that it is hidden; the sum grows as if all were visible.
    """

    def __init__(self, architecture: Architecture, patch: int, groups: int) -> None:
        super().__init__()
        width, inside = architecture.width, groups * patch
        self.weight = nn.Parameter(torch.randn(inside, width) / math.sqrt(inside))
        self.offset = nn.Parameter(torch.zeros(groups, width))
        layers: list[nn.Module] = []
        for _ in range(architecture.depth):
            layers += [nn.GELU(), nn.Linear(width, width)]
        self.layers = nn.Sequential(*layers)

    def forward(self, values: Tensor, kept: Tensor, positions: Tensor) -> Tensor:
        """(n, K, patch), (n, K), (G, width) -> (n, 1, width)."""
        count, groups, patch = len(values), len(self.offset), values.shape[2]
        every = values.new_zeros(count, groups, patch)
        every.scatter_(1, kept[..., None].expand_as(values), values)
        seen = values.new_zeros(count, groups).scatter_(1, kept, 1.0)
        total = (every.reshape(count, -1) @ self.weight + seen @ self.offset) * (groups / kept.shape[1])
        code: Tensor = self.layers(total)
        return code[:, None]


class MlpDecoder(nn.Module):
    """The pixel's code, a token and the position of each hidden group, one layer -> the hidden groups' values."""

    def __init__(self, architecture: Architecture, patch: int) -> None:
        super().__init__()
        width = architecture.width
        self.narrow, self.position = nn.Linear(width, width), nn.Linear(width, width)
        self.token = nn.Parameter(0.02 * torch.randn(width))
        self.gate = nn.Linear(width, width)
        self.head = nn.Linear(width, patch)

    def forward(self, codes: Tensor, kept: Tensor, hidden: Tensor, positions: Tensor) -> Tensor:
        """(n, 1, width), (n, K), (n, L), (G, width) -> (n, L, patch)."""
        asked = (self.token + self.position(positions))[hidden]
        # A place asks of the code what it needs: a product, as one head of attention would read it.
        told = self.narrow(codes) * (1 + self.gate(positions)[hidden])
        filled: Tensor = self.head(nn.functional.gelu(told + asked))
        return filled
