"""The β-VAE over a cube: the general iVAE without u, and with another weight of the divergence."""

from __future__ import annotations

from napari_unmix.methods.beta_vae.spec import BetaVaeSpec
from napari_unmix.methods.coded import training_of
from napari_unmix.methods.coded_variational import fit_variational
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit

_CAVEAT = "The β-VAE uses no side information: its latents, endmembers and abundances are not identifiable, other seeds may give others."


@steps_on_one_thread
def fit(problem: Problem[BetaVaeSpec]) -> Fit[Solution]:
    """Higgins et al., ICLR 2017; see the card."""
    spec = problem.spec
    how = {"latents": spec.latents, "read_by": spec.read_by, "beta": spec.beta}
    return (yield from fit_variational(problem, training_of(spec), _CAVEAT, side_information=False, **how))  # type: ignore[arg-type]
