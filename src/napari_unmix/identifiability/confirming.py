"""Whether the painted regions confirm the endmembers: a claim rests on two opinions that err in different ways, and on an error that is small.

The regions' moments assume a Dirichlet, the geometry that pixels reach the faces of the simplex, and contrastive learning neither of the two, but it
needs regions that differ. Where the moments were averaged with the geometry, or polished its pure pixels, they agreed. Endmembers that the moments
gave against an extrapolation may not differ from what contrastive learning determines; those that the geometry gave need it near them, and where
it extrapolated, the moments besides.
"""

from __future__ import annotations

from napari_unmix.cube import FloatArray
from napari_unmix.identifiability.again.refits import BY_CHANCE, Refits, degrees_from, moments_misfit, no_dirichlet
from napari_unmix.identifiability.errors import contrast_counts, expected_angle
from napari_unmix.identifiability.subject import Subject
from napari_unmix.identifiability.verdict import BY_GEOMETRY

# An estimate of the regions' confirms endmembers that it was not used for where it comes this close (degrees).
CONFIRMED_WITHIN = 2.0
# Degrees. An answer is right within 2° on average, so one that is expected to be further off is not called identified (decision 0026).
MOST_EXPECTED = 2.0


def unconfirmed(subject: Subject, refits: Refits) -> str:
    """Why the painted regions do not confirm the endmembers, as a clause of the verdict's sentence; "" where they do."""
    against = _against_moments(subject, refits) if subject.findings.by_regions else _against_geometry(subject, refits)
    if against or not refits.twins:
        return against
    expected = expected_angle(subject, refits)
    if expected <= MOST_EXPECTED:
        return ""
    return f"the endmembers are expected to be off by {expected:.1f}° on average, and {MOST_EXPECTED:.0f}° is the most that is called identified"


def _against_moments(subject: Subject, refits: Refits) -> str:
    """What speaks against endmembers of the regions' own moments: that contrastive learning, where it is determined, is not near them."""
    found = subject.findings.moments
    agreed = (found is not None and found.use == "averaged") or not _extrapolated(subject, refits)
    if agreed or refits.contrastive is None or not contrast_counts(refits):
        return ""
    apart = degrees_from(subject, refits.contrastive)
    if apart <= CONFIRMED_WITHIN:
        return ""
    return (
        "the regions' moments gave the endmembers against the geometry, and telling the regions apart, which assumes no Dirichlet, "
        f"gives others {apart:.1f}° away (up to {CONFIRMED_WITHIN:.0f}° confirms)"
    )


def _against_geometry(subject: Subject, refits: Refits) -> str:
    """The same for endmembers of the geometry.

    Contrastive learning has to come near them; of extrapolated ones the moments as well, because minimum volume errs with the law of the abundances
    as they do. Where regions are too few for contrastive learning: moments that follow a Dirichlet.
    """
    by_moments = refits.moment_fit is not None and _near(subject, refits.moment_fit.endmembers)
    if refits.contrastive is None:
        p_value = moments_misfit(refits)[1]
        follow = p_value is not None and p_value >= BY_CHANCE and not no_dirichlet(refits)
        return "" if by_moments and follow else BY_GEOMETRY
    near = _near(subject, refits.contrastive) and (by_moments or not _extrapolated(subject, refits))
    return "" if near else BY_GEOMETRY


def _near(subject: Subject, endmembers: FloatArray) -> bool:
    return degrees_from(subject, endmembers) <= CONFIRMED_WITHIN


def _extrapolated(subject: Subject, refits: Refits) -> bool:
    """Whether minimum volume gave the endmembers; where the method does not say, whether a search of the geometry's would have."""
    said = subject.recipe.extrapolated
    return refits.search is not None and not refits.search.pure if said is None else said
