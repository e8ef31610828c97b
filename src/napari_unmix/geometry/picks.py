"""Pixels that stand at the corners: the starts of every other estimate."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.subspace import affine_subspace, linear_subspace, principal
from napari_unmix.wanted import still_wanted


def unit_length(spectra: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Spectra on the sphere (N, B) and their lengths (N,); lengths below 2 % of the median are raised to it, so that noise stays small."""
    lengths = np.linalg.norm(spectra, axis=1)
    lengths = np.maximum(lengths, max(1e-12, 0.02 * float(np.median(lengths))))
    return spectra / lengths[:, None], lengths


def successive_projection(scores: FloatArray, count: int) -> IntArray:
    """(N, K) -> (P,) indices: repeatedly the longest pixel, then projected out (SPA, Araújo et al. 2001)."""
    residual = scores.copy()
    picked = []
    for _ in range(count):
        still_wanted()
        power = (residual**2).sum(axis=1)
        index = int(power.argmax())
        picked.append(index)
        direction = residual[index] / max(np.sqrt(power[index]), 1e-300)
        residual -= np.outer(residual @ direction, direction)
    return np.array(picked)


def simplex_volume(scores: FloatArray, count: int) -> IntArray:
    """(N, K) -> (P,) indices: the pixel furthest from the mean, then always the one furthest from the span (SiVM, Thurau 2012)."""
    picked = [int(((scores - scores.mean(axis=0)) ** 2).sum(axis=1).argmax())]
    while len(picked) < count:
        still_wanted()
        residual = scores - scores[picked[0]]
        if len(picked) > 1:
            basis = np.linalg.qr((scores[picked[1:]] - scores[picked[0]]).T)[0]
            residual = residual - (residual @ basis) @ basis.T
        picked.append(int((residual**2).sum(axis=1).argmax()))
    return np.array(picked)


def vertex_components(
    spectra: FloatArray, count: int, generator: np.random.Generator, held: FloatArray | None = None
) -> IntArray:
    """(N, B) -> (P,) indices of VCA (Nascimento & Bioucas-Dias 2005): extremes along random directions off the span so far.

    Above the paper's signal-to-noise threshold, 15 + 10 log10 P dB, the pixels are projected perspectively onto a hyperplane; below, on
    the affine subspace lifted by a constant. Where spectra (Q, B) are ``held``, the span begins with them, and P − Q pixels are picked.
    """
    pixels, bands = spectra.shape
    mean = spectra.mean(axis=0)
    centred = spectra - mean
    values, directions = principal(centred, count, per=pixels)
    power = float((spectra**2).sum() / pixels)
    kept = float(values.sum() + mean @ mean)
    ratio = max(kept - count / bands * power, 1e-300) / max(power - kept, 1e-300)
    if 10 * np.log10(ratio) < 15 + 10 * np.log10(count):
        scores = centred @ directions[: count - 1].T
        constant = np.sqrt((scores**2).sum(axis=1).max())
        lifted = np.column_stack([scores, np.full(pixels, constant)])
        if held is not None and len(held):
            begun = (held - mean) @ directions[: count - 1].T
            return _extremes(lifted, count, generator, np.column_stack([begun, np.full(len(begun), constant)]))
    else:
        subspace = linear_subspace(spectra, count)
        scores = subspace.scores(spectra)
        lifted = perspective(scores)
        if held is not None and len(held):
            return _extremes(lifted, count, generator, perspective(subspace.scores(held), scores.mean(axis=0)))
    return _extremes(lifted, count, generator)


def vertex_spectra(
    spectra: FloatArray,
    count: int,
    inversion: Inversion,
    generator: np.random.Generator,
    held: FloatArray | None = None,
) -> FloatArray:
    """(P, B) VCA's picks, projected on the signal subspace: their noise off it is taken away. Beside Q that are held they are P − Q."""
    picked = spectra[vertex_components(spectra, count, generator, held)]
    subspace = linear_subspace(spectra, count) if inversion.free_light else affine_subspace(spectra, count - 1)
    return subspace.spectra(subspace.scores(picked))


def perspective(scores: FloatArray, forward: FloatArray | None = None) -> FloatArray:
    """(N, P) scores divided by their component along the mean score, or along ``forward`` (P,): gains become an exact simplex."""
    depth = scores @ (scores.mean(axis=0) if forward is None else forward)
    return scores / np.where(np.abs(depth) > 1e-12, depth, 1e-12)[:, None]


def _extremes(
    lifted: FloatArray, count: int, generator: np.random.Generator, begun: FloatArray | None = None
) -> IntArray:
    """Picks along random directions off the span so far, which begins with ``begun`` (Q, K)."""
    first = 0 if begun is None else len(begun)
    span = np.zeros((lifted.shape[1], count))
    span[-1, 0] = 1.0
    if begun is not None:
        span[:, :first] = begun.T
    picked = []
    for number in range(first, count):
        direction = generator.normal(size=(lifted.shape[1],))
        direction = direction - span @ (np.linalg.pinv(span) @ direction)
        index = int(np.abs(lifted @ direction).argmax())
        span[:, number] = lifted[index]
        picked.append(index)
    return np.array(picked, dtype=int)


def largest_volume(scores: FloatArray, picked: IntArray, sweeps: int = 5) -> IntArray:
    """Improve (P,) picks in (N, P−1) scores by exchanging single pixels for a larger simplex (N-FINDR, Winter 1999)."""
    chosen = np.array(picked)
    lifted = np.column_stack([np.ones(len(scores)), scores])
    for _ in range(sweeps):
        before = chosen.copy()
        for corner in range(len(chosen)):
            still_wanted()
            # The volume is linear in one corner: its coefficients are that row of cofactors, det · inverse.
            cofactors = _cofactor_row(lifted[chosen], corner)
            volume = np.abs(lifted @ cofactors)
            best = int(volume.argmax())
            if volume[best] > abs(lifted[chosen[corner]] @ cofactors) * (1 + 1e-9):
                chosen[corner] = best
        if (chosen == before).all():
            break
    return chosen


def _cofactor_row(matrix: FloatArray, row: int) -> FloatArray:
    # The null space of the other rows is the row of cofactors up to a factor, which an argmax does not see.
    others = np.delete(matrix, row, axis=0)
    return np.asarray(np.linalg.svd(others)[2][-1])


def starting_picks(
    spectra: FloatArray, count: int, generator: np.random.Generator, random_picks: int = 1
) -> list[IntArray]:
    """Distinct sets of P pixels by all picks above, on raw and unit-length spectra, in P and P + 2 dimensions."""
    unit, _ = unit_length(spectra)
    found: dict[tuple[int, ...], IntArray] = {}
    dimensions = (count, min(count + 2, spectra.shape[1]))
    bases = [linear_subspace(data, max(dimensions)).basis for data in (unit, spectra)]
    for dimension in dimensions:
        still_wanted()
        for data, basis in zip((unit, spectra), bases, strict=True):
            scores = data @ basis[:dimension].T
            for pick in (successive_projection, simplex_volume):
                picked = pick(scores, count)
                found.setdefault(tuple(sorted(picked.tolist())), picked)
        scores = unit @ bases[0][:dimension].T
        for _ in range(random_picks):
            picked = _extremes(perspective(scores[:, :count]), count, generator)
            found.setdefault(tuple(sorted(picked.tolist())), picked)
    return list(found.values())
