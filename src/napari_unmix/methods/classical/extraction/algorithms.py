"""Which algorithms there are, by the name in the spec."""

from __future__ import annotations

from napari_unmix.methods.classical.extraction import (
    archetypal,
    atgp,
    minimum_volume_nmf,
    mvsa,
    n_findr,
    ppi,
    sisal,
    sivm,
    spa,
    vca,
)
from napari_unmix.methods.classical.extraction.asked import Algorithm
from napari_unmix.methods.classical.spec import Extraction

ALGORITHMS: dict[Extraction, Algorithm] = {
    "vca": vca.find,
    "n-findr": n_findr.find,
    "ppi": ppi.find,
    "atgp": atgp.find,
    "spa": spa.find,
    "sivm": sivm.find,
    "sisal": sisal.find,
    "mvsa": mvsa.find,
    "minimum-volume-nmf": minimum_volume_nmf.find,
    "archetypal-analysis": archetypal.find,
}
# These may stand beyond all pixels.
BEYOND: frozenset[Extraction] = frozenset({"sisal", "mvsa", "minimum-volume-nmf"})
# These draw, and another seed may end elsewhere.
DRAWN: frozenset[Extraction] = frozenset({"vca", "ppi"})
