"""More simulated twins where three leave it open on which side of the line the error to expect lies, and with it the verdict."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_unmix.identifiability.again.refits import Refits, Steps, some_rows
from napari_unmix.identifiability.again.twins import another_twin
from napari_unmix.identifiability.confirming import MOST_EXPECTED
from napari_unmix.identifiability.errors import expected_square
from napari_unmix.identifiability.subject import Subject

# So many twins at most; and so many standard errors away from the line the number is on its side (decision 0050).
MOST_TWINS, SURE = 8, 2.0


def add_twins(subject: Subject, refits: Refits, generator: np.random.Generator) -> Steps[Refits]:
    """One after another, until the line is further than the twins scatter; the shared generator is not drawn from."""
    own = np.random.default_rng(1)
    rows = some_rows(len(subject.spectra), own)
    while 1 < len(refits.twins) < MOST_TWINS and undecided(*expected_square(subject, refits)):
        if (twin := (yield from another_twin(subject, refits, rows, own))) is None:
            break
        refits = replace(refits, twins=(*refits.twins, twin))
    return refits


def undecided(square: float, error: float, line: float = MOST_EXPECTED) -> bool:
    """Whether the line (degrees) is within ``SURE`` standard errors of an expected error's square."""
    return abs(square - line**2) < SURE * error
