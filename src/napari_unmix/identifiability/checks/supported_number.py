"""A second opinion: do as many endmembers rise over noise and variability as there are, and is none of them half of another's material?"""

from __future__ import annotations

import numpy as np

from napari_unmix.geometry.counting import Rising, rising, suggest_endmembers
from napari_unmix.geometry.halves import Halves, find_halves, said_of_rises, said_of_support, support, why_halves
from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.report import Check, Condition
from napari_unmix.identifiability.subject import Subject

CONDITION = Condition(
    "number of endmembers",
    "informs",
    number=None,
    precedence=99,
    threshold=None,
    title="As many as the scene supports",
    told="{value:.0f} rise over noise and variability, and there are {threshold:.0f}",
    serves="answer",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Do as many rise as there are, and are they as many materials? Fewer alone is no alarm: the count errs by one on real scenes."""
    spectra, count = subject.spectra, subject.count
    rise = rising(spectra, count, suggest_endmembers(spectra), subject.inversion)
    found = support(rise, _halves(subject))
    numbers = {"supported": float(rise.number)}
    if found is None:
        return CONDITION.check("pass", rise.number, _said(rise, count), "", numbers, threshold=count)
    sentence, remedy = said_of_support(found, subject.result.names)
    degrees = float(np.degrees(found.apart))
    numbers |= {"halves_degrees": degrees, "halves_left": found.left, "halves_between": found.between}
    return CONDITION.check("doubtful", rise.number, f"{sentence} {why_halves(found)}", remedy, numbers, threshold=count)


def _halves(subject: Subject) -> Halves | None:
    return find_halves(subject.spectra, subject.endmembers, subject.inversion, subject.noise, subject.findings.held)


def _said(rise: Rising, count: int) -> str:
    """How many rise, where no two endmembers are one material."""
    if rise.number == count:
        return f"All {count} endmembers rise over noise and variability."
    if rise.number > count:
        return f"All {count} endmembers rise over noise and variability, and {rise.number} would."
    further = said_of_rises(rise.rises, rise.needed)
    return f"{rise.number} of {count} endmembers rise over noise and variability{further}, but no two are halves of one material."
