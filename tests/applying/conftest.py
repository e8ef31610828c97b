"""What these tests share: answers of laws that were drawn and not trained, so that nothing here takes seconds."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import FloatArray, IntArray
from napari_unmix.findings import Findings, MixingFound, PriorFound
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.model.fitted import Fitted, GaussianFitted, finish
from napari_unmix.model.priors.gaussian import gaussian_posterior
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import Inverted, inversion


def _laws() -> ModuleType:
    """The random laws of the model's tests."""
    found = importlib.util.spec_from_file_location(
        "laws_of_the_model", Path(__file__).parents[1] / "model" / "conftest.py"
    )
    assert found is not None
    assert found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules[found.name] = module  # dataclasses look there for what their annotations mean
    found.loader.exec_module(module)
    return module


LAWS = _laws()
KEPT = {"variable": "linear"}
ERROR = 0.01


@dataclass(frozen=True, eq=False)
class Answer:
    """An answer of a drawn law, with its pixels: spectra (N, B), u (N,), and what was fitted."""

    result: Unmixing
    spectra: FloatArray
    regions: IntArray
    fitted: Fitted


def drawn(
    seed: int, size: int, *, prior: str = "dirichlet", mixing: str = "linear", lit: bool = False, **more: Any
) -> Answer:
    """An answer as ``unmix`` returns it, to pixels that were drawn from its law."""
    law = "dirichlet" if prior == "gaussian" else prior
    made = LAWS.random_setting(seed, size, prior=law, mixing=mixing, lit=lit, **more)
    laplace = drain(finish(replace(made.state, latents=made.truth), made.data))
    spectra = made.data.spectra(made.data.scores)
    regions = made.data.regions.numpy()
    fitted: Fitted = laplace
    if prior == "gaussian":
        gaussian = gaussian_posterior(spectra, laplace.endmembers(), regions, made.model.variance**0.5)
        assert gaussian is not None
        fitted = GaussianFitted(gaussian, laplace)
    way = inversion(free_light=lit)
    endmembers, found = fitted.endmembers(), Inverted(fitted.abundances(), fitted.brightness())
    endmembers, found = way.rewritten(endmembers, found)

    def image(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else values[None].astype(np.float32)

    result = Unmixing(
        endmembers=endmembers,
        abundances=found.abundances[None].astype(np.float32),
        abundance_std=image(fitted.std(np.full(size, ERROR))),
        illumination=image(found.illumination),
        reconstruction_error=np.zeros((1, len(spectra)), np.float32),
        names=tuple(f"material {k}" for k in range(size)),
        spec=IvaeSpec(illumination=lit),
        findings=Findings(
            prior=PriorFound(chosen=prior, evidence={}),
            mixing=MixingFound(kept=KEPT.get(mixing, mixing), variability=mixing == "variable"),
            endmember_error=(ERROR,) * size,
        ),
        regions=regions[None],
        model=fitted.parameters(),
    )
    return Answer(result, spectra, regions, fitted)


@pytest.fixture
def answer() -> Callable[..., Answer]:
    """Makes an answer of a random law: see ``drawn``."""
    return drawn
