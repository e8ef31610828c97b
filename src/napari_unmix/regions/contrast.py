"""Linear contrastive learning: the abundances are what tells regions apart through their logarithms, and linearly.

Generalised contrastive learning (Hyvärinen, Sasaki, Turner, AISTATS 2019) trains a classifier to tell true pairs (x, u) from shuffled ones.
For labels u it becomes the softmax of time-contrastive learning (Hyvärinen & Morioka, NeurIPS 2016), in which the term that depends
on x alone drops out:

    p(u|x) = softmax_u( λ(u)ᵀ log a(x) + b(u) ),        a(x) the barycentric coordinates of x in a simplex that is learned.

Where a|u has density Q(a) exp(α(u)ᵀ log a)/Z(u) and mixing is linear, that is p(u|x) exactly, with λ = α up to a vector common to all u, whatever
the base measure Q (theory page, "The link"). Nothing here assumes a Dirichlet's normaliser or its moments: an opinion independent of theirs.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from napari_unmix.auxiliary.labelling import FEWEST_PIXELS_OF_A_REGION
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import ContrastFound, Recipe, Redraw
from napari_unmix.journal.loops import long_loop
from napari_unmix.journal.trees import Tree, array, like, listed_as, named, number, numbers, plain, truth
from napari_unmix.regions.acceptance import without_brightness
from napari_unmix.rows.subspace import Subspace, affine_subspace
from napari_unmix.sentences import UnmixError

# Beyond this many pixels the classifier changes by less than the noise, and a step would be slow.
MOST_PIXELS = 20_000
# Iterations from every start, then from the best one.
_TRIED, _FINISHED = 40, 260
_PER_STEP = 5
# Penalty on λ, worth a hundredth of a pixel: it keeps regions that nothing tells apart finite.
_WEAK = 0.01
# What torch's L-BFGS keeps between two steps beside numbers: vectors, and lists of what the second name is.
_VECTORS, _LISTS = ("d", "prev_flat_grad"), {"old_dirs": "d", "old_stps": "d", "ro": ""}
# Abundances are clipped softly, log a has to exist for pixels outside the simplex: over half of their own noise, and at least this share. (Ten
# scenes: mean 1.37° at half the noise, 1.58° at a quarter, 1.70° at once, 2.18° at one and a half.)
_SOFT, _SOFTEST = 0.5, 1e-3


@dataclass(frozen=True, eq=False)
class LinearGcl:
    """What contrastive learning found.

    Attributes
    ----------
    endmembers : (P, B)
    evidence : (R, P) λ(u), centred over the regions: only its differences are determined
    offsets : (R,) b(u), centred
    cross_entropy : nats per pixel, of telling the region from the spectrum
    chance : the same without looking at the spectrum: the entropy of the regions' shares
    relative_error : standard error of the vertices over the simplex's size, from the profile Hessian; inf where it is not positive
    pixels : how many independent ones were read
    """

    endmembers: FloatArray
    evidence: FloatArray
    offsets: FloatArray
    cross_entropy: float
    chance: float
    relative_error: float
    pixels: float

    @property
    def information(self) -> float:
        """Nats per pixel that abundances carry about the region: 0 where regions are alike."""
        return self.chance - self.cross_entropy

    @property
    def tells_apart(self) -> bool:
        """Whether the information is beyond what as many regions drawn at random give (likelihood ratio, 5 standard deviations of χ²).

        Five, because under chance the vertices are free to fit it, which makes the ratio larger than χ².
        """
        regions, size = self.evidence.shape
        freedom = (regions - 1) * size + size * (size - 1)
        return bool(2 * self.pixels * self.information > freedom + 5 * np.sqrt(2 * freedom))

    def found(self, *, used: bool) -> ContrastFound:
        """What the run keeps of it."""
        return ContrastFound(
            used=used,
            cross_entropy=self.cross_entropy,
            chance=self.chance,
            relative_error=self.relative_error,
            regions=len(self.offsets),
        )


class Contrast(Recipe):
    """Endmembers by telling declared regions apart."""

    reads_regions: ClassVar[bool] = True
    extrapolated: ClassVar[bool | None] = False

    kind: Literal["contrast"] = "contrast"

    def again(self, redraw: Redraw, start: FloatArray) -> Generator[Any, None, FloatArray]:
        spectra, regions, noise = without_brightness(
            redraw.spectra, redraw.regions, redraw.noise, start, redraw.inversion
        )
        painted = regions > 0
        held = np.isin(np.arange(len(start)), self.kept)
        found = yield from linear_gcl(spectra[painted], regions[painted], [start], noise, held=held)
        return np.asarray(np.where(held[:, None], start, found.endmembers))

    @property
    def kept(self) -> tuple[int, ...]:
        """The numbers of the endmembers that were held as they were given."""
        return ()


class ContrastBeside(Contrast):
    """Endmembers by telling declared regions apart, beside those that were ``held`` as they were given."""

    kind: Literal["contrast beside given"] = "contrast beside given"  # type: ignore[assignment]
    held: tuple[int, ...] = ()

    @property
    def kept(self) -> tuple[int, ...]:
        return self.held


def usable_regions(regions: IntArray) -> IntArray:
    """Labels ≥ 1 with at least ``FEWEST_PIXELS_OF_A_REGION`` pixels."""
    counts = np.bincount(regions, minlength=1)
    counts[0] = 0
    return np.asarray(np.flatnonzero(counts >= FEWEST_PIXELS_OF_A_REGION))


def linear_gcl(
    spectra: FloatArray,
    regions: IntArray,
    starts: list[FloatArray],
    noise: float,
    *,
    redundancy: float = 1.0,
    seed: int = 0,
    held: BoolArray | None = None,
) -> Generator[tuple[float, FloatArray], None, LinearGcl]:
    """Fit endmembers by telling regions apart; yields the loss (nats per pixel) and the best endmembers (P, B) every few iterations.

    Parameters
    ----------
    spectra : (N, B), abundances summing to one on them
    regions : (N,) u of each pixel, 0 = none; regions with fewer than ``FEWEST_PIXELS_OF_A_REGION`` pixels are left out
    starts : endmembers (P, B) to start from, matched in order: the geometry's first, then for instance the same spread out
    noise : white noise level of the spectra
    redundancy : how many neighbouring pixels say what one independent pixel would; widens the standard error
    seed : of the pixels that are read where there are more than ``MOST_PIXELS``
    held : (P,) endmembers that stay where the starts have them

    Raises
    ------
    UnmixError : fewer than two usable regions: there is nothing to tell apart
    """
    labels = usable_regions(regions)
    if len(labels) < 2:
        raise UnmixError(
            f"Contrastive learning tells regions apart: {len(labels)} has {FEWEST_PIXELS_OF_A_REGION} pixels or more; give at least two."
        )
    rows = np.flatnonzero(np.isin(regions, labels))
    if len(rows) > MOST_PIXELS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_PIXELS, replace=False))
    targets = np.searchsorted(labels, regions[rows])
    subspace = affine_subspace(spectra[rows], len(starts[0]) - 1)
    softness = clip_softness(starts[0], subspace, noise)
    heads = [ContrastiveHead(spectra[rows], targets, subspace, start, softness, held) for start in starts]
    best = heads[0]
    for head in heads:
        for value in head.train(_TRIED):
            best = min(best, head, key=lambda one: one.value)
            yield value, best.endmembers()
    for value in best.train(_FINISHED):
        yield value, best.endmembers()
    return best.summary(redundancy)


def clip_softness(start: FloatArray, subspace: Subspace, noise: float) -> FloatArray:
    """(P,) softness of the clip for each abundance, from its noise in the simplex of ``start`` (P, B).

    One for all starts, and held while learning: otherwise simplices would compete by their clip.
    """
    inverse = np.linalg.pinv(np.vstack([subspace.scores(start).T, np.ones(len(start))]))
    spread = noise * np.sqrt((inverse[:, :-1] ** 2).sum(axis=1))
    return np.asarray(np.clip(_SOFT * spread, _SOFTEST, 0.2))


class ContrastiveHead:
    """The classifier: vertices, λ and b, in scores of the signal subspace scaled to unit spread."""

    def __init__(
        self,
        spectra: FloatArray,
        targets: IntArray,
        subspace: Subspace,
        start: FloatArray,
        softness: FloatArray,
        held: BoolArray | None = None,
    ) -> None:
        scores = subspace.scores(spectra)
        self.subspace, self.spread = subspace, np.maximum(scores.std(axis=0), 1e-12)
        self.lifted = torch.from_numpy(np.column_stack([scores / self.spread, np.ones(len(scores))]))
        self.targets, self.regions = torch.from_numpy(targets.astype(np.int64)), int(targets.max()) + 1
        self.size = len(start)
        self.held = torch.from_numpy(np.zeros(self.size, bool) if held is None else held)
        corners = subspace.scores(start) / self.spread
        self.softness = torch.from_numpy(softness)
        self.basis = torch.from_numpy(self.spread[:, None] * subspace.basis)
        self.origin = torch.from_numpy(subspace.origin)
        self.level = float(np.abs(subspace.origin).mean()) + 1e-12
        self.corners = torch.from_numpy(corners).requires_grad_(True)
        evidence, offsets = self._from_moments()
        self.evidence, self.offsets = evidence.requires_grad_(True), offsets.requires_grad_(True)
        self.parameters = [self.corners, self.evidence, self.offsets]
        self.optimiser = torch.optim.LBFGS(
            self.parameters, max_iter=_PER_STEP, history_size=30, line_search_fn="strong_wolfe", tolerance_change=1e-11
        )
        self.value = float(self.loss().detach())
        self.kept = [part.detach().clone() for part in self.parameters]

    def _from_moments(self) -> tuple[Tensor, Tensor]:
        """Start of λ and b: the Dirichlet of the regions' means, with one concentration from all variances."""
        with torch.no_grad():
            kept = self.abundances().clamp_min(0.01)
            kept = kept / kept.sum(dim=1, keepdim=True)
            counts = torch.bincount(self.targets).to(kept.dtype)[:, None]
            blank = torch.zeros(self.regions, self.size, dtype=kept.dtype)
            mean = blank.index_add(0, self.targets, kept) / counts
            variance = blank.index_add(0, self.targets, kept**2) / counts - mean**2
            concentration = ((mean * (1 - mean)).sum(dim=1) / variance.sum(dim=1).clamp_min(1e-9) - 1).clamp(1.0, 200.0)
            alpha = mean * concentration[:, None]
            offsets = torch.lgamma(concentration) - torch.lgamma(alpha).sum(dim=1) + counts[:, 0].log()
            return alpha - alpha.mean(dim=0), offsets - offsets.mean()

    def abundances(self) -> Tensor:
        """(N, P) barycentric coordinates, clipped softly at zero."""
        lifted = torch.cat([self.corners.T, torch.ones(1, self.size, dtype=self.corners.dtype)])
        # inv_ex does not raise on a simplex that the line search has made flat: the loss is then not finite, and the step shorter.
        inverse = torch.linalg.inv_ex(lifted)[0]
        return self.softness * torch.nn.functional.softplus(self.lifted @ inverse.T / self.softness)

    def _entropy(self) -> Tensor:
        scores = self.abundances().log() @ self.evidence.T + self.offsets
        return torch.nn.functional.cross_entropy(scores, self.targets)

    def loss(self) -> Tensor:
        """Cross-entropy, with endmembers kept non-negative and λ's common part, which nothing determines, at zero."""
        negative = (torch.relu(-(self.corners @ self.basis + self.origin)) ** 2).mean() / self.level**2
        common = (self.evidence.mean(dim=0) ** 2).mean() + self.offsets.mean() ** 2
        weak = _WEAK * ((self.evidence - self.evidence.mean(dim=0)) ** 2).sum() / len(self.targets)
        total: Tensor = self._entropy() + 1e2 * negative + 1e-3 * common + weak
        return total

    def train(self, iterations: int) -> Generator[float, None, None]:
        """L-BFGS; the best point so far is what counts."""

        def closure() -> Tensor:
            self.optimiser.zero_grad()
            value = self.loss()
            value.backward()  # type: ignore[no-untyped-call]
            assert self.corners.grad is not None
            self.corners.grad[self.held] = 0.0  # a corner without a slope stays
            return value

        values, last, over = list[float](), self.value, False

        def place() -> Tree:
            return {"values": np.array(values), "last": last, "over": over, "head": self._place()}

        with long_loop("telling apart", place) as loop:
            if loop.before is not None:
                before, kept_last, was_over, head = named(loop.before, "values", "last", "over", "head")
                values, last, over = numbers(before, iterations), number(kept_last), truth(was_over)
                self._go_to(head)
                yield from values
            while not over and len(values) < iterations // _PER_STEP:
                self.optimiser.step(closure)  # type: ignore[no-untyped-call]
                value = float(self.loss().detach())
                if not np.isfinite(value):
                    over = True
                    continue
                if value < self.value:
                    self.value, self.kept = value, [part.detach().clone() for part in self.parameters]
                over = abs(last - value) < 1e-8 * max(1.0, abs(value))
                last = value
                values.append(value)
                yield value
        with torch.no_grad():
            for part, kept in zip(self.parameters, self.kept, strict=True):
                part.copy_(kept)

    def _place(self) -> Tree:
        known = dict(self.optimiser.state.get(self.corners, {}))
        known.pop("al", None)  # scratch
        return plain({"parameters": self.parameters, "kept": self.kept, "value": self.value, "known": known})

    def _go_to(self, place: Tree) -> None:
        parameters, kept, value, known = named(place, "parameters", "kept", "value", "known")
        self.kept, self.value = like(self.kept, kept), number(value)
        with torch.no_grad():
            for own, part in zip(self.parameters, like([*self.parameters], parameters), strict=True):
                own.copy_(part)
        length = sum(part.numel() for part in self.parameters)
        self.optimiser.state[self.corners].update({name: _known(name, part, length) for name, part in known.items()})

    def cross_entropy(self) -> float:
        """Nats per pixel, without the penalties."""
        with torch.no_grad():
            return float(self._entropy())

    def endmembers(self) -> FloatArray:
        """(P, B)."""
        return self.subspace.spectra(self.corners.detach().numpy() * self.spread)

    def summary(self, redundancy: float) -> LinearGcl:
        """What was found, with ``redundancy`` pixels counting as one."""
        evidence, offsets = self.evidence.detach().numpy(), self.offsets.detach().numpy()
        shares = np.bincount(self.targets.numpy()) / len(self.targets)
        return LinearGcl(
            endmembers=self.endmembers(),
            evidence=evidence - evidence.mean(axis=0),
            offsets=offsets - offsets.mean(),
            cross_entropy=self.cross_entropy(),
            chance=float(-(shares * np.log(shares)).sum()),
            relative_error=self.relative_error() * float(np.sqrt(redundancy)),
            pixels=len(self.targets) / redundancy,
        )

    def relative_error(self) -> float:
        """Standard error of the vertices (root mean square) over the simplex's size, λ and b maximised out."""
        gradient = torch.autograd.grad(self.loss(), self.corners, create_graph=True)[0].flatten()
        count, size = len(self.targets), len(gradient)
        own, cross = torch.zeros(size, size, dtype=gradient.dtype), []
        for k in range(size):
            parts = torch.autograd.grad(gradient[k], self.parameters, retain_graph=True)
            own[k] = parts[0].flatten()
            cross.append(torch.cat([parts[1], parts[2][:, None]], dim=1).flatten())
        mixed = torch.stack(cross)
        # inv_ex does not raise where the classifier is singular: what it leaves then is not finite.
        profile = own - mixed @ torch.linalg.inv_ex(self._classifier_curvature())[0] @ mixed.T
        free = np.flatnonzero(np.repeat(~self.held.numpy(), self.corners.shape[1]))
        if not free.size:
            return 0.0
        curvature = (0.5 * (profile + profile.T).numpy() * count)[np.ix_(free, free)]
        if not np.isfinite(curvature).all():
            return float("inf")
        values, vectors = np.linalg.eigh(curvature)
        if values[0] <= 1e-9 * max(float(values[-1]), 1e-12):
            return float("inf")
        variances = (vectors**2 / values).sum(axis=1).reshape(-1, self.corners.shape[1])
        corners = self.corners.detach().numpy()
        return float(np.sqrt(variances.sum(axis=1).mean() / ((corners - corners.mean(axis=0)) ** 2).sum(axis=1).mean()))

    def _classifier_curvature(self) -> Tensor:
        """(R(P + 1), R(P + 1)) second derivative of the cross-entropy in λ and b: multinomial logistic regression on (log a, 1)."""
        with torch.no_grad():
            logs = self.abundances().log()
            features = torch.cat([logs, torch.ones(len(logs), 1, dtype=logs.dtype)], dim=1)
            shares = torch.softmax(logs @ self.evidence.T + self.offsets, dim=1)
            joint = (shares[:, :, None] * features[:, None, :]).flatten(1)
            curvature = -(joint.T @ joint)
            width = features.shape[1]
            for region in range(self.regions):
                block = slice(region * width, (region + 1) * width)
                curvature[block, block] += features.T @ (shares[:, region, None] * features)
            # The loss's weak penalty; it also takes the place of the part common to all regions, which changes nothing.
            ridge = 2 * _WEAK * torch.eye(len(curvature), dtype=curvature.dtype)
            return (curvature + ridge) / len(logs)


def _known(name: str, tree: Tree, length: int) -> Any:
    """What L-BFGS knows of the curvature by this name: numbers, vectors of the parameters' ``length``, lists of either. Raises Unfitting."""
    if name in _LISTS:
        return [_known(_LISTS[name], part, length) for part in listed_as(tree)]
    if name in _VECTORS:
        return torch.from_numpy(array(tree, (length,), np.float64))
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(array(tree, (), np.float64))
    number(tree)
    return tree
