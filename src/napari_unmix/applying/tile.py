"""``Applied``: from spectra of any pixels to abundances as the run infers them. Pure: the same pixels in the same unit, the same bits."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from napari_unmix.answer import Unmixing
from napari_unmix.applying.compressing import COMPONENTS, GAUSSIAN_COMPONENTS, compressed, compressed_gaussian
from napari_unmix.applying.gaussian import GaussianMixture
from napari_unmix.applying.law import Law, law_of
from napari_unmix.cube import BoolArray, FloatArray, IntArray
from napari_unmix.findings import NoteKind
from napari_unmix.model.infer import solve
from napari_unmix.model.law import Model
from napari_unmix.model.spread import abundance_std, widened
from napari_unmix.model.threads import one_thread
from napari_unmix.rows.inversion import Inversion
from napari_unmix.rows.simplex import fully_constrained, scaled
from napari_unmix.sentences import UnmixError

# Pixels that are solved together. The last bits of a pixel depend on its neighbours in matrix products, so a scene is cut into units at the same
# places whatever the size of the tiles that are asked for (decision 0036). With 4 endmembers and 120 bands, 5,000 pixels take 1.4 times as long each.
UNIT = 16_384
# Least squares gives exact zeros: starts stand inside the simplex by this share of what noise makes of an absent material, within these bounds. From
# there so many Gauss–Newton steps end within 2e-5 (rms of abundances) of sixty; from a fixed 0.02, as a fit starts, within 2.5e-4 (decision 0035).
_OF_THE_NOISE, _INSIDE = 0.1, (1e-4, 0.02)
_STEPS = 12
# A pixel darker than this share of the scene's mean light starts as bright as that.
_DARKEST = 1e-3


class Maps(NamedTuple):
    """Of n pixels, all float32.

    ``abundances`` (n, P); ``std`` (n, P), None where nothing says how far they may be off; ``error`` (n,) root mean square over the run's bands of
    what is left of a spectrum; ``illumination`` (n,), None where it is not free.
    """

    abundances: FloatArray
    std: FloatArray | None
    error: FloatArray
    illumination: FloatArray | None


class Inferred(NamedTuple):
    """Abundances (n, P), std (n, P) or None, what is left (n,) summed over squared bands, and illumination (n,) or None, in double precision."""

    abundances: FloatArray
    std: FloatArray | None
    left: FloatArray
    illumination: FloatArray | None


class Inference(Protocol):
    """How pixels are inferred."""

    def __call__(self, spectra: FloatArray, regions: IntArray) -> Inferred:
        """Of (n, B_good) spectra with u (n,), 0 = unknown."""
        ...


@dataclass(frozen=True, eq=False)
class Applied:
    """A run as a function of spectra.

    Attributes
    ----------
    names : (P,) of its endmembers
    endmembers : (P, B) as the run shows them, NaN in excluded bands
    inversion : what its abundances are
    infer : how pixels are inferred
    said : how, in a sentence, with the reason where it is not the run's own posterior
    digest : names the run's numbers: SHA-256
    """

    names: tuple[str, ...]
    endmembers: FloatArray
    inversion: Inversion
    infer: Inference
    said: str
    digest: str

    @classmethod
    def of(cls, result: Unmixing, *, components: int | None = None) -> Applied:
        """That of an answer, as ``unmix`` returned it or as ``read_run(folder).answer()`` has it.

        p(a) of pixels of unknown u is the mixture over the run's regions, by at most so many ``components``. Raises UnmixError where parameters are
        damaged.
        """
        good: BoolArray = np.asarray(~np.isnan(result.endmembers).all(axis=0))
        law, why = _law_or_why(result)
        most = components or (GAUSSIAN_COMPONENTS if law is not None and law.gaussian else COMPONENTS)
        infer: Inference = _LeastSquares(result.endmembers[:, good], result.inversion)
        if law is not None:
            infer = _closed_form(law, most) if law.gaussian else _posterior(law, result, good, most)
        said = _said(law, most) if law is not None else f"Abundances by least squares on the run's endmembers: {why}."
        return cls(result.names, result.endmembers, result.inversion, infer, said, _digest(result, most))

    @cached_property
    def good_bands(self) -> BoolArray:
        """(B,) the bands that take part."""
        return np.asarray(~np.isnan(self.endmembers).all(axis=0))

    @cached_property
    def has_std(self) -> bool:
        """Whether it says how far abundances may be off."""
        return not isinstance(self.infer, _LeastSquares)

    @property
    def columns(self) -> int:
        """Numbers of a pixel when its maps are packed."""
        return len(self.names) * (1 + self.has_std) + 1 + self.inversion.free_light

    def maps(self, spectra: FloatArray, regions: IntArray | None = None) -> Maps:
        """Of (n, B_good) ``spectra``, all finite, scaled as the run's cube; ``regions`` (n,) is u where it is known, as the run numbered it.

        Raises UnmixError where the bands are others.
        """
        bands = int(self.good_bands.sum())
        if spectra.ndim != 2 or spectra.shape[1] != bands:
            raise UnmixError(
                f"The run took {bands} bands, these spectra have {spectra.shape[-1]}: bring them to its bands."
            )
        known = np.zeros(len(spectra), np.int64) if regions is None else regions.astype(np.int64)
        if not len(spectra):
            return self._empty()
        with one_thread():
            found = self.infer(np.asarray(spectra, dtype=np.float64), known)
        light = None if found.illumination is None else found.illumination.astype(np.float32)
        std = None if found.std is None else found.std.astype(np.float32)
        error = np.sqrt(np.maximum(found.left, 0.0) / bands).astype(np.float32)
        return Maps(found.abundances.astype(np.float32), std, error, light)

    def packed(self, spectra: FloatArray, regions: IntArray | None = None) -> FloatArray:
        """(n, columns) float32: abundances, std where there is one, error, illumination where it is free."""
        found = self.maps(spectra, regions)
        rest = [each[:, None] for each in (found.error, found.illumination) if each is not None]
        return np.hstack([found.abundances, *([] if found.std is None else [found.std]), *rest])

    def unpacked(self, values: FloatArray) -> Maps:
        """The views of (…, columns) ``packed`` numbers that they are."""
        size, step = len(self.names), len(self.names) * (1 + self.has_std)
        std = values[..., size:step] if self.has_std else None
        light = values[..., step + 1] if self.inversion.free_light else None
        return Maps(values[..., :size], std, values[..., step], light)

    def _empty(self) -> Maps:
        none = np.zeros((0, len(self.names)), np.float32)
        return Maps(none, none if self.has_std else None, none[:, 0], none[:, 0] if self.inversion.free_light else None)


def _law_or_why(result: Unmixing) -> tuple[Law | None, str]:
    """The law that the run inferred by, or why there is none to repeat."""
    if any(note.kind is NoteKind.EDITED for note in result.notes):
        return None, "a person edited the answer, which no posterior is of"
    law = law_of(result.model, result.findings)
    if law is not None:
        return law, ""
    if result.findings.prior is not None:
        return None, "the run is of a version that did not save its posterior's law, train it again to have that"
    return None, f"{type(result.spec).title} leaves no posterior to repeat"


def _said(law: Law, components: int) -> str:
    regions = len(law.gaussian.counts) if law.gaussian else len(law.model.prior.concentrations())
    mixture = f"the mixture over its {regions} regions" if regions > 1 else "its one region's law"
    by = f", by {components} components" if regions > components else ""
    return f"Abundances by the run's own posterior; nothing is painted here, so p(a) is {mixture}{by}."


def _digest(result: Unmixing, components: int) -> str:
    """SHA-256 of all that decides the maps."""
    digest = hashlib.sha256(repr((result.names, result.spec.model_dump(mode="json"), components)).encode())
    for name, values in sorted({**result.model, "shown": result.endmembers}.items()):
        digest.update(f"{name} {values.dtype.str} {values.shape}".encode())
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()


# --- how pixels are inferred


@dataclass(frozen=True, eq=False)
class _LeastSquares:
    """Exact least squares on (P, B_good) ``endmembers``, by the run's inversion."""

    endmembers: FloatArray
    inversion: Inversion

    def __call__(self, spectra: FloatArray, regions: IntArray) -> Inferred:
        abundances, light = self.inversion.invert(spectra, self.endmembers)
        amounts = abundances if light is None else light[:, None] * abundances
        left = ((spectra - amounts @ self.endmembers) ** 2).sum(axis=1)
        return Inferred(abundances, None, left, light)


@dataclass(frozen=True, eq=False)
class _ClosedForm:
    """The Gaussian regions' posterior: ``painted`` where u is known, the ``mixture`` elsewhere."""

    law: Law
    painted: GaussianMixture
    mixture: GaussianMixture

    def __call__(self, spectra: FloatArray, regions: IntArray) -> Inferred:
        abundances, std = (np.empty((len(spectra), len(self.law.endmembers))) for _ in range(2))
        for law, here in ((self.mixture, regions == 0), (self.painted, regions > 0)):
            if here.any():
                found = law.posterior(spectra[here], regions[here])
                abundances[here] = found.abundances
                std[here] = widened(found.std(self.law.endmember_error), self.law.widening)
        left = ((spectra - abundances @ self.law.endmembers) ** 2).sum(axis=1)
        return Inferred(abundances, std, left, None)


def _closed_form(law: Law, components: int) -> _ClosedForm:
    assert law.gaussian is not None
    painted = GaussianMixture(law.gaussian, law.endmembers, law.model.variance**0.5)
    return _ClosedForm(law, painted, replace(painted, regions=compressed_gaussian(law.gaussian, components)))


@dataclass(frozen=True, eq=False)
class _Posterior:
    """Each pixel's posterior mode and Laplace's spread under the law: of ``painted`` pixels by their region's prior, of others by the ``mixture``.

    ``brightness`` (P,): what the run's endmembers are shorter by than the law's, where light is free.
    """

    law: Law
    painted: Model
    mixture: Model
    brightness: FloatArray

    def __call__(self, spectra: FloatArray, regions: IntArray) -> Inferred:
        scores = self.law.subspace.scores(spectra)
        beyond = ((spectra - self.law.subspace.origin) ** 2).sum(axis=1) - (scores**2).sum(axis=1)
        abundances, std = (np.empty((len(spectra), len(self.brightness))) for _ in range(2))
        left, light = np.empty(len(spectra)), np.ones(len(spectra))
        with torch.no_grad():
            for model, here in ((self.mixture, regions == 0), (self.painted, regions > 0)):
                if here.any():
                    some = self._solved(model, torch.from_numpy(scores[here]), torch.from_numpy(regions[here]))
                    abundances[here], std[here], left[here], light[here] = (each.numpy() for each in some)
        left += np.maximum(beyond, 0.0)
        if self.painted.light is None:
            return Inferred(abundances, widened(std, self.law.widening), left, None)
        amounts = abundances * self.brightness
        total = amounts.sum(axis=1)
        return Inferred(amounts / total[:, None], widened(std, self.law.widening), left, light * total)

    def _solved(self, model: Model, scores: Tensor, regions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Abundances and their spread (n, P), squares left of the scores (n,), and brightness (n,)."""
        posterior = solve(self._start(scores), scores, regions, model, _STEPS)
        spread = abundance_std(posterior, model, torch.from_numpy(self.law.endmember_error))
        left = (scores - model.mixed(posterior.latents)).square().sum(dim=1)
        return model.abundances(posterior.latents), spread, left, model.brightness(posterior.latents)[:, 0]

    @cached_property
    def _least(self) -> FloatArray:
        """(P,) the share that noise gives a material which is not there: where the mode of an absent one is about."""
        corners = self.painted.mixing.endmembers.numpy()
        centred = corners - corners.mean(axis=0) if self.painted.light is None else corners
        precision = centred @ centred.T / self.painted.variance
        if self.painted.light is None:  # along the constant nothing may move
            precision += np.trace(precision)
        return np.asarray(np.clip(_OF_THE_NOISE * np.sqrt(np.diag(np.linalg.inv(precision))), *_INSIDE))

    def _start(self, scores: Tensor) -> Tensor:
        """(n, D) latents by least squares on the endmembers, inside the simplex by as much as noise; what a mixing has beside them at zero."""
        corners, light, model = self.painted.mixing.endmembers, self.painted.light, self.painted
        if light is None:
            abundances = fully_constrained(scores.numpy(), corners.numpy())
        else:
            from_zero = self.law.subspace.origin @ self.law.subspace.basis.T
            abundances, bright = scaled(scores.numpy() + from_zero, corners.numpy() + from_zero)
        inside = torch.from_numpy(np.maximum(abundances, self._least))
        latents = inside.log() @ model.basis()
        if light is not None:
            least = np.maximum(bright, _DARKEST * light.mean)
            latents = torch.cat([latents, torch.from_numpy(least).log()[:, None]], dim=1)
        return torch.nn.functional.pad(latents, (0, model.mixing.extras))


def _posterior(law: Law, result: Unmixing, good: BoolArray, components: int) -> _Posterior:
    shown, own = (np.linalg.norm(each, axis=1) for each in (result.endmembers[:, good], law.endmembers))
    mixture = replace(law.model, prior=compressed(law.model.prior, components))
    return _Posterior(law, law.model, mixture, own / np.maximum(shown, 1e-300))
