"""The general iVAE over a cube: x = f(z) + ε with a network f, p(z|u) normal with means and variances for each value of u."""

from __future__ import annotations

from napari_unmix.methods.coded import training_of
from napari_unmix.methods.coded_variational import fit_variational
from napari_unmix.methods.contract import Problem, Solution
from napari_unmix.methods.ivae_general.spec import IvaeGeneralSpec
from napari_unmix.model.threads import steps_on_one_thread
from napari_unmix.progress import Fit

_CAVEAT = (
    "Experimental: where its theorem holds, the latents are those of the scene up to order and component-wise maps; "
    "no theorem says that what is read off them are abundances."
)


@steps_on_one_thread
def fit(problem: Problem[IvaeGeneralSpec]) -> Fit[Solution]:
    """Khemakhem, Kingma, Monti, Hyvärinen, AISTATS 2020; see the card."""
    spec = problem.spec
    how = {"latents": spec.latents, "read_by": spec.read_by}
    return (yield from fit_variational(problem, training_of(spec), _CAVEAT, side_information=True, **how))  # type: ignore[arg-type]
