"""Exact least squares on the simplex for whoever has pixels and endmembers, as arrays or as tensors of any device."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeGuard, get_args, overload

import numpy as np

from napari_unmix.cube import FloatArray
from napari_unmix.rows.quadratic import Quadratic, quadratic_of
from napari_unmix.rows.simplex import composition, solved
from napari_unmix.sentences import UnmixError

if TYPE_CHECKING:
    from torch import Tensor

Constraint = Literal["sum-to-one", "scaled", "non-negative"]


@overload
def simplex_least_squares(
    pixels: FloatArray, endmembers: FloatArray, constraint: Constraint = ..., *, start: FloatArray | None = ...
) -> FloatArray: ...
@overload
def simplex_least_squares(
    pixels: Tensor, endmembers: FloatArray | Tensor, constraint: Constraint = ..., *, start: FloatArray | None = ...
) -> Tensor: ...
def simplex_least_squares(
    pixels: FloatArray | Tensor,
    endmembers: FloatArray | Tensor,
    constraint: Constraint = "sum-to-one",
    *,
    start: FloatArray | None = None,
) -> FloatArray | Tensor:
    """Abundances of every pixel that minimise |x - aM|², exactly: the optimality conditions hold to 1e-8 of the largest correlation.

    Parameters
    ----------
    pixels : (N, B) spectra, of any real numbers; they are written in double precision a part at a time
    endmembers : (P, B)
    constraint : ``"sum-to-one"``: on the simplex (FCLS, Heinz & Chang 2001); ``"non-negative"``: a ≥ 0 (NNLS, Lawson & Hanson 1974);
        ``"scaled"``: x = s·aM with a on the simplex and a brightness s ≥ 0 of each pixel's own, which is non-negative over its sum
    start : (N, P) abundances of similar endmembers, whose supports are tried first; the answer does not depend on it

    Returns
    -------
    (N, P) abundances in double precision; where ``pixels`` are a tensor, one on their device. Correlations are computed there, supports are
    exchanged on the processor (block principal pivoting, Kim & Park 2011), and no gradient is kept.

    Where endmembers do not determine abundances (equal ones, more than the data have dimensions), they are those of the smallest sum of
    squares, nearly: equal endmembers share. With sum-to-one a zero endmember is a point like others; else its amount is 0. A pixel that no
    endmember explains has amounts 0, with ``"scaled"`` equal ones.

    Raises UnmixError for shapes that do not fit, numbers that are not finite, and an unknown constraint.
    """
    if constraint not in get_args(Constraint):
        raise UnmixError(
            f"The constraint {constraint!r} is unknown: choose {', '.join(map(repr, get_args(Constraint)))}."
        )
    materials = _checked(endmembers, tuple(pixels.shape))
    problem = quadratic_of(materials, sum_to_one=constraint == "sum-to-one")
    amounts = solved(problem, len(pixels), lambda rows: _correlations(problem, pixels[rows]), start)
    if not np.isfinite(amounts).all():
        unknown = int((~np.isfinite(amounts).all(axis=1)).sum())
        raise UnmixError(f"{unknown} of {len(pixels)} pixels hold numbers that are not finite: leave them out.")
    abundances = composition(amounts) if constraint == "scaled" else amounts
    return _beside(pixels, abundances) if _is_tensor(pixels) else abundances


def _checked(endmembers: FloatArray | Tensor, pixels: tuple[int, ...]) -> FloatArray:
    """(P, B) in double precision, which pixels of the shape (N, B) can be made of."""
    spectra = np.asarray(endmembers.detach().cpu() if _is_tensor(endmembers) else endmembers, dtype=np.float64)
    if spectra.ndim != 2 or len(pixels) != 2 or spectra.shape[1] != pixels[1] or not len(spectra):
        raise UnmixError(
            f"Pixels {pixels} and endmembers {spectra.shape} don't fit: give (N, B) and (P, B), of the same B bands."
        )
    if not np.isfinite(spectra).all():
        raise UnmixError(
            f"{int((~np.isfinite(spectra).all(axis=1)).sum())} of {len(spectra)} endmembers hold numbers that are not finite: leave them out."
        )
    return spectra


def _is_tensor(values: FloatArray | Tensor) -> TypeGuard[Tensor]:
    """Whether these are torch's, without loading torch."""
    return hasattr(values, "detach")


def _correlations(problem: Quadratic, pixels: FloatArray | Tensor) -> FloatArray:
    """(P, n) of pixels (n, B), where they are."""
    if not _is_tensor(pixels):
        return problem.correlations(np.asarray(pixels))
    import torch

    directions = torch.as_tensor(problem.directions, device=pixels.device)
    return np.asarray((directions @ pixels.detach().to(torch.float64).T).cpu().numpy())


def _beside(pixels: Tensor, abundances: FloatArray) -> Tensor:
    import torch

    return torch.as_tensor(abundances, device=pixels.device)
