"""Time-contrastive learning over a cube, with the values of u for segments of time."""

from __future__ import annotations

from functools import partial

from napari_unmix.methods.coded import Coded, check_u, coded, read_real, training_of
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.tcl.spec import TclSpec
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.nonlinear.contrast import tcl
from napari_unmix.nonlinear.starts import Training
from napari_unmix.nonlinear.trained import Learning
from napari_unmix.progress import Fit

_CAVEAT = (
    "Experimental: where its theorem holds, a statistic of the latents is that of the scene's up to an affine map; "
    "no theorem says that what is read off the latents are abundances."
)


@steps_on_one_thread
def fit(problem: Problem[TclSpec]) -> Fit[Solution]:
    """Hyvärinen & Morioka, NeurIPS 2016, Theorem 1; see the card."""
    spec = problem.spec

    def learn(seen: Coded, training: Training) -> Learning:
        check_u(seen)
        return (yield from tcl(seen.rows(seen.learned_from), training, spec.statistic))

    return (yield from coded(problem, learn, partial(read_real, spec.read_by), _CAVEAT, training_of(spec)))
