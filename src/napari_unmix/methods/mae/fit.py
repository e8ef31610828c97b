"""Masked autoencoding of spectra: half of the bands are hidden, the network fills them in, a linear probe reads abundances off its embedding.

The pretext of He et al. (CVPR 2022) on single spectra, as a baseline. Noise that is independent between bands can't be predicted, so the
reconstruction is denoised; but no theorem connects its embedding with abundances (theory page, "What is not identified"). The probe's targets are
least squares on vertices of the reconstructions: what it adds to them is the denoising. Where endmembers are held, the vertices are picked beside
them; those that are given but not held are picked anew.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Findings, Note, NoteKind
from napari_unmix.geometry.picks import vertex_components
from napari_unmix.methods.contract import Problem, QuickLook, Solution
from napari_unmix.methods.mae.spec import MaeSpec
from napari_unmix.model.network import Loss, Step, device_of, dropped_notes, train
from napari_unmix.model.threads import seeded, steps_on_one_thread
from napari_unmix.progress import Fit, Preview, Progress, meanwhile
from napari_unmix.rows.simplex import project_to_simplex
from napari_unmix.rows.subspace import noise_level

_CHUNK = 20_000
# Neighbouring bands are nearly copies: blocks of bands are hidden, not single ones.
_BLOCKS = 16
_HIDDEN_SHARE = 0.5
# The embedding of a pixel is the mean over this many random masks, each with its complement.
_MASKS = 4
_WIDTH = 96
_PROBED = 20_000
_LOOKED_AT = 2_000
# Shares of the progress bar.
_TRAINED = 0.85


@steps_on_one_thread
def fit(problem: Problem[MaeSpec]) -> Fit[Solution]:
    """Train on the pretext, pick vertices among the reconstructions, probe linearly."""
    spec = problem.spec
    yield Progress("hiding bands", 0, 1, 0.01)
    with seeded(spec.seed):
        model = MaskedAutoencoder(problem.spectra, problem.endmember_count, spec.seed, device_of(spec))
    history, batch = [], Step(0, 0, 0.0)
    for batch in train(
        list(model.parameters()),
        model.loss,
        len(problem.spectra),
        epochs=spec.epochs,
        batch=spec.batch,
        learning_rate=spec.learning_rate,
        seed=spec.seed,
        draws=[model.generator],
    ):
        step, steps, loss, _ = batch
        history.append(("filling in hidden bands", step, loss))
        share = 0.02 + (_TRAINED - 0.02) * step / steps
        yield Progress("filling in hidden bands", step, steps, share, loss, lambda: _look(problem, model))
    embeddings = []
    starts = range(0, len(problem.spectra), _CHUNK)
    for number, start in enumerate(starts):
        embeddings.append(model.embed(slice(start, start + _CHUNK)))
        yield Progress("embedding", number + 1, len(starts), _TRAINED + 0.1 * (number + 1) / len(starts))
    embedding = np.concatenate(embeddings)
    restored = model.restore(embedding[_sampled(len(embedding))])
    probing = Progress("probing", 0, 1, 0.96)
    endmembers, abundances = yield from meanwhile(
        lambda: _probe(problem, embedding, restored), probing, pixels=len(problem.spectra)
    )
    yield Progress("probing", 1, 1, 1.0)
    caveat = "No theorem says that a masked autoencoder's embedding holds abundances: other seeds may give others."
    return Solution(
        endmembers=endmembers,
        abundances=abundances,
        illumination=_brightness(problem.spectra, abundances @ endmembers) if spec.illumination else None,
        notes=(Note(NoteKind.METHOD, caveat), *dropped_notes(batch)),
        history=tuple(history),
        findings=Findings(noise=noise_level(problem.spectra, problem.endmember_count)),
        model={
            "endmembers": endmembers.astype(np.float32),
            **{f"network.{name}": value.cpu().numpy() for name, value in model.state_dict().items()},
        },
    )


def _sampled(count: int) -> IntArray:
    """The pixels, of ``count``, that the probe is fitted to."""
    return np.arange(0, count, max(1, count // _PROBED))


def _probe(problem: Problem[MaeSpec], embedding: FloatArray, restored: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Endmembers (P, B) from vertices of the ``restored`` spectra, and abundances (N, P) by an affine map of the embedding."""
    inversion, count = problem.inversion, problem.endmember_count
    sample = _sampled(len(embedding))
    picked = vertex_components(restored, count, np.random.default_rng(problem.spec.seed), problem.held_spectra)
    endmembers = problem.exactly(problem.written(problem.beside_held(restored[picked])))
    targets = inversion.invert(problem.spectra[sample], endmembers).abundances
    centre, spread = embedding.mean(axis=0), np.maximum(embedding.std(axis=0), 1e-12)
    features = np.column_stack([np.ones(len(embedding)), (embedding - centre) / spread])
    gram = features[sample].T @ features[sample] + 1e-6 * len(sample) * np.eye(features.shape[1])
    probe = np.linalg.solve(gram, features[sample].T @ targets)
    abundances = project_to_simplex(features @ probe, np.eye(count))
    first = 0 if problem.given is None else len(problem.given)
    others = first + np.argsort(-abundances[:, first:].mean(axis=0), kind="stable")
    order = np.concatenate([np.arange(first), others])
    return endmembers[order], abundances[:, order]


def _look(problem: Problem[MaeSpec], model: MaskedAutoencoder) -> Preview:
    """What vertices of the reconstructions give now, on few pixels and by nearly least squares: the probe itself is for the end."""
    few = np.arange(0, len(problem.spectra), max(1, len(problem.spectra) // _LOOKED_AT))
    restored = model.restore(model.embed(few))
    picked = vertex_components(restored, problem.endmember_count, np.random.default_rng(problem.spec.seed))
    return QuickLook(problem, restored[picked])()


def _brightness(spectra: FloatArray, mixed: FloatArray) -> FloatArray:
    """(N,) scale that fits best."""
    return np.asarray(np.maximum((spectra * mixed).sum(axis=1), 0.0) / np.maximum((mixed**2).sum(axis=1), 1e-300))


class MaskedAutoencoder(nn.Module):
    """Spectra with hidden blocks, and which are hidden -> embedding (N, K) -> all bands, linearly."""

    def __init__(self, spectra: FloatArray, count: int, seed: int, device: torch.device | str = "cpu") -> None:
        super().__init__()
        bands = spectra.shape[1]
        self.centre = spectra.mean(axis=0)
        # One scale for all bands: bands that hardly vary stay small, instead of being noise at full strength.
        self.scale = max(float((spectra - self.centre).std()), 1e-12)
        self.data = torch.from_numpy((spectra - self.centre) / self.scale).float().to(device)
        blocks = min(_BLOCKS, bands)
        self.block_of_band = torch.from_numpy(np.arange(bands) * blocks // bands).to(device)
        self.blocks = blocks
        self.generator = torch.Generator(device=device).manual_seed(seed)
        self.encoder = nn.Sequential(
            nn.Linear(bands + blocks, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, _WIDTH), nn.SiLU(), nn.Linear(_WIDTH, count)
        )
        self.decoder = nn.Linear(count, bands)
        self.to(device)

    def masks(self, rows: int, generator: torch.Generator) -> Tensor:
        """(rows, blocks) 1 where hidden: half of the blocks of each pixel."""
        order = torch.rand(rows, self.blocks, generator=generator, device=self.data.device).argsort(dim=1)
        return torch.where(order < max(1, round(_HIDDEN_SHARE * self.blocks)), 1.0, 0.0)

    def encode(self, data: Tensor, hidden: Tensor) -> Tensor:
        """(n, B) and (n, blocks) -> (n, K)."""
        seen = 1 - hidden[:, self.block_of_band]
        # What is left is scaled up, so that the sum over bands keeps its size.
        share = seen.mean(dim=1, keepdim=True).clamp_min(1e-3)
        embedding: Tensor = self.encoder(torch.cat([data * seen / share, hidden], dim=1))
        return embedding

    def loss(self, rows: Tensor, done: float) -> Loss:
        """Mean squared error on the hidden bands."""
        data, hidden = self.data[rows], self.masks(len(rows), self.generator)
        weight = hidden[:, self.block_of_band]
        value = (weight * (self.decoder(self.encode(data, hidden)) - data) ** 2).sum() / weight.sum()
        return Loss(value, float(value.detach()))

    def embed(self, rows: slice | IntArray) -> FloatArray:
        """(n, K) mean over masks and their complements; the same masks at every call."""
        generator = torch.Generator(device=self.data.device).manual_seed(0)
        with torch.no_grad():
            data = self.data[rows]
            total = torch.zeros(len(data), self.decoder.in_features, device=data.device)
            for _ in range(_MASKS):
                hidden = self.masks(1, generator).expand(len(data), -1)
                total += self.encode(data, hidden) + self.encode(data, 1 - hidden)
        return np.asarray(total.cpu().numpy(), dtype=np.float64) / (2 * _MASKS)

    def restore(self, embedding: FloatArray) -> FloatArray:
        """(n, K) -> (n, B) spectra."""
        with torch.no_grad():
            restored = self.decoder(torch.from_numpy(embedding).float().to(self.data.device))
        return np.asarray(restored.cpu().numpy() * self.scale + self.centre, dtype=np.float64)
