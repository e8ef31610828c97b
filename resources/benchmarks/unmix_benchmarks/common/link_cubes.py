"""The two opinions on a painted cube: the iVAE's endmembers and α(u) against those that tell the regions apart, and a network's score."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.given import Given
from napari_unmix.methods.registry import spec_class
from napari_unmix.model.threads import one_thread
from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.rows import Rows
from napari_unmix.nonlinear.starts import Training
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.regions.contrast import LinearGcl, clip_softness, linear_gcl, usable_regions
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import spectral_angle
from napari_unmix.rows.subspace import affine_subspace, noise_level
from napari_unmix.synthetic import random_materials, region_parameters, truncated_dirichlet, voronoi_regions
from unmix_benchmarks.common.link_rows import Key, Row, agreement
from unmix_benchmarks.common.printed import commit

MATERIALS, HIGHEST = 4, 0.85
# The middle of the grid: regions, pixels of one, decibels.
REGIONS, PIXELS, DECIBELS = 12, 200, 30.0
# Spread of the logits of logistic-normal regions: of all, or between which each region has its own.
_SPREAD, _SPREADS = 0.5, (0.3, 0.9)
# Networks are small here: a few thousand pixels.
_TRAINING = Training(epochs=20, batch=256, starts=2, width=16)

Draw = tuple[FloatArray, Callable[[FloatArray], FloatArray]]


@dataclass(frozen=True, eq=False)
class Painted:
    """A cube that is painted all over, its truth, and the truth's score (N, R), up to terms of x alone and of u alone."""

    cube: Cube
    endmembers: FloatArray
    annotation: Annotation
    score: FloatArray

    @property
    def labels(self) -> IntArray:
        """(N,) the region that each pixel is painted as, from 1."""
        return self.annotation.labels.ravel()


def painted(key: Key) -> Painted:
    """Draw the cube of a row: independent pixels in each region, no abundance above 0.85 (Dirichlet), each region with a law of its own."""
    generator = np.random.default_rng(key.seed)
    value = {key.varied: key.value}
    regions, pixels = int(value.get("regions", REGIONS)), int(value.get("pixels", PIXELS))
    side = round((regions * pixels) ** 0.5)
    labels = voronoi_regions(side, side, regions, generator)
    wavelengths, endmembers, _ = random_materials(MATERIALS, generator)
    alpha = region_parameters(regions, MATERIALS, generator)
    abundances, score = _drawn(value.get("law", ""), labels.ravel() - 1, alpha, generator)
    clean = _mixed(abundances, endmembers, value.get("mixing", ""))
    noisy = clean + _sigma(clean, value.get("noise", f"{DECIBELS:.0f} dB")) * generator.normal(size=clean.shape)
    if value.get("law") == "u shuffled":
        labels = generator.permutation(labels.ravel()).reshape(labels.shape)
    cube = Cube(noisy.reshape(side, side, -1).astype(np.float32), wavelengths, name=f"{key.varied}-{key.value}")
    return Painted(cube, endmembers, Annotation(labels.astype(np.int32)), score)


def _drawn(law: str, u: IntArray, alpha: FloatArray, generator: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """(N, P) abundances of regions u (N,) from 0, and (N, R) the exact score of every region."""
    abundances = np.empty((len(u), alpha.shape[1]))
    if not law.startswith("logistic-normal"):
        for region, parameters in enumerate(alpha):
            here = u == region
            abundances[here] = truncated_dirichlet(parameters, int(here.sum()), HIGHEST, generator)
        return abundances, np.log(np.maximum(abundances, 1e-12)) @ alpha.T
    logits = np.log(alpha)
    spreads = np.full(len(alpha), _SPREAD)
    if law.endswith("differ"):
        spreads = generator.uniform(*_SPREADS, len(alpha))
    drawn = logits[u] + spreads[u][:, None] * generator.normal(size=abundances.shape)
    shares = np.exp(drawn - drawn.max(axis=1, keepdims=True))
    abundances = shares / shares.sum(axis=1, keepdims=True)
    # Gaussian logits, of which abundances keep what is left without their mean: with one spread the score is linear in log a.
    seen = np.log(abundances) - np.log(abundances).mean(axis=1, keepdims=True)
    centres = logits - logits.mean(axis=1, keepdims=True)
    square = ((seen[:, None, :] - centres[None]) ** 2).sum(axis=2)
    return abundances, -0.5 * square / spreads**2


def _mixed(abundances: FloatArray, endmembers: FloatArray, mixing: str) -> FloatArray:
    spectra = abundances @ endmembers
    if mixing == "bilinear":
        for first in range(len(endmembers)):
            for second in range(first + 1, len(endmembers)):
                both = abundances[:, first] * abundances[:, second]
                spectra = spectra + 0.5 * both[:, None] * (endmembers[first] * endmembers[second])
    return np.asarray(spectra)


def _sigma(clean: FloatArray, noise: str) -> float:
    if noise == "none":
        return 0.0
    return float(np.sqrt((clean**2).mean() * 10 ** (-float(noise.split()[0]) / 10)))


def run_cube(key: Key) -> Row:
    """Both opinions, each from its own beginning and from the other's endmembers."""
    begun = time.process_time()
    made = painted(key)
    pixels = made.cube.pixels().astype(float)
    noise = max(noise_level(pixels, MATERIALS), 1e-6)
    corners = drain(unmix(made.cube, spec_class("vca-fcls").model_validate({"endmembers": MATERIALS}))).endmembers
    # 1. The iVAE, and contrastive learning from VCA's corners, as they are and spread out.
    ivae = _ivae(made, None)
    centre = corners.mean(axis=0)
    contrast = _contrast(pixels, made.labels, [centre + growth * (corners - centre) for growth in (1.0, 1.3)], noise)
    # 2. Each from the other's.
    told_from_ivae = _contrast(pixels, made.labels, [ivae.endmembers], noise)
    names = tuple(f"material {k + 1}" for k in range(MATERIALS))
    ivae_from_told = _ivae(made, Given(np.maximum(contrast.endmembers, 1e-6), np.zeros(MATERIALS, bool), names))
    # 3. What each says of every region; and the same by a network that knows no simplex.
    # Regions that are too small for the classifier are left out of all.
    kept = usable_regions(made.labels) - 1
    assert ivae.findings.alpha is not None
    scores = [
        log_abundances(pixels, endmembers, noise) @ evidence.T
        for endmembers, evidence in (
            (ivae.endmembers, np.array(ivae.findings.alpha)[kept]),
            (contrast.endmembers, contrast.evidence),
        )
    ]
    return Row(
        *key,
        ivae=_degrees(ivae.endmembers, made.endmembers),
        contrast=_degrees(contrast.endmembers, made.endmembers),
        apart=_degrees(contrast.endmembers, ivae.endmembers),
        scores=agreement(*scores),
        scores_ivae=agreement(scores[0], made.score[:, kept]),
        scores_contrast=agreement(scores[1], made.score[:, kept]),
        general=agreement(_by_network(pixels, made.labels - 1, key.seed)[:, kept], made.score[:, kept]),
        contrast_from_ivae=_degrees(told_from_ivae.endmembers, made.endmembers),
        ivae_from_contrast=_degrees(ivae_from_told.endmembers, made.endmembers),
        seconds=time.process_time() - begun,
        commit=commit(),
    )


def _ivae(made: Painted, given: Given | None) -> Unmixing:
    """With the Dirichlet prior, whose α(u) is the λ(u) of the link, and without a law of variability."""
    asked = {"endmembers": MATERIALS, "prior": "dirichlet", "variability": "none"}
    return drain(unmix(made.cube, spec_class("ivae").model_validate(asked), made.annotation, given))


def _contrast(pixels: FloatArray, labels: IntArray, starts: list[FloatArray], noise: float) -> LinearGcl:
    return drain(linear_gcl(pixels, labels, starts, noise))


def _by_network(pixels: FloatArray, u: IntArray, seed: int) -> FloatArray:
    """(N, R) the exponential form of contrastive learning on as many principal components as there are materials: h is any function."""
    scores = affine_subspace(pixels, MATERIALS).scores(pixels)
    rows = Rows(scores / scores.std(axis=0), u.astype(np.int64), MATERIALS)
    training = Training(**{**_TRAINING.__dict__, "seed": seed})
    with one_thread():
        return drain(gcl(rows, training, "exponential")).score_of(rows.x)


def log_abundances(pixels: FloatArray, endmembers: FloatArray, noise: float) -> FloatArray:
    """(N, P) log of the barycentric coordinates in a simplex, clipped softly at zero as the classifier does: of pixels alone, no region is read.

    A posterior's mode would have seen the region of its pixel.
    """
    subspace = affine_subspace(pixels, len(endmembers) - 1)
    softness = clip_softness(endmembers, subspace, noise)
    lifted = np.vstack([subspace.scores(endmembers).T, np.ones(len(endmembers))])
    shares = np.column_stack([subspace.scores(pixels), np.ones(len(pixels))]) @ np.linalg.pinv(lifted).T
    return np.asarray(np.log(softness * np.logaddexp(0.0, shares / softness)))


def _degrees(endmembers: FloatArray, reference: FloatArray) -> float:
    order = match_endmembers(endmembers, reference)
    return float(np.degrees(spectral_angle(endmembers[order], reference)).mean())
