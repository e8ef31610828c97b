"""Generalised contrastive learning over a cube."""

from __future__ import annotations

from functools import partial

from napari_unmix.methods.coded import Coded, check_u, coded, read_real, training_of
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.gcl.spec import GclSpec
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.nonlinear.contrast import gcl
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Learning
from napari_unmix.progress import Fit

_CAVEAT = (
    "Experimental: where its theorem holds, the latents are those of the scene up to order and component-wise maps, "
    "or up to an affine map in the exponential form; no theorem says that what is read off them are abundances."
)


@steps_on_one_thread
def fit(problem: Problem[GclSpec]) -> Fit[Solution]:
    """Hyvärinen, Sasaki, Turner, AISTATS 2019, Theorems 1 and 3; see the card."""
    spec = problem.spec

    def learn(seen: Coded, training: Training) -> Learning:
        check_u(seen)
        return (yield from gcl(seen.rows(seen.learned_from), training, spec.form))

    return (yield from coded(problem, learn, partial(read_real, spec.read_by), _CAVEAT, training_of(spec)))
