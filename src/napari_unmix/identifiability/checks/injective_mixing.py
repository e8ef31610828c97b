"""Check 7: noise in the worst direction against the abundances' spread; the weakest material's signal; for nonlinear mixing its Jacobian."""

from __future__ import annotations

import numpy as np

from napari_unmix.identifiability.again.refits import Refits
from napari_unmix.identifiability.report import Check, Condition, Status
from napari_unmix.identifiability.subject import Subject
from napari_unmix.rows.metrics import angle_table
from napari_unmix.rows.subspace import eigenvalues

# The weakest material's signal over the noise variance.
_SIGNAL, _NO_SIGNAL = 4.0, 2.5
_WELL_INVERTED, _BADLY_INVERTED = 0.1, 0.3
# Two endmembers this many times a pixel's noise apart, or this angle (radians), are two.
_PIXELS_NOISE, _TWO_SPECTRA = 3.0, np.radians(5.0)
_JACOBIAN, _NO_JACOBIAN = 1e-2, 1e-4
CONDITION = Condition(
    "injective mixing",
    "required",
    number=7,
    precedence=7,
    threshold=_WELL_INVERTED,
    title="Mixtures can be told apart",
    told="noise alone moves a pixel's shares by {share:.2g} % at most (good below {limit:.0f} %)",
    serves="answer",
)


def check(subject: Subject, refits: Refits) -> Check:
    """Can two mixtures look the same?"""
    centred = subject.endmembers - subject.endmembers.mean(axis=0)
    smallest = float(np.linalg.svd(centred, compute_uv=False)[subject.count - 2])
    error = min(subject.noise_in_plane / max(smallest, 1e-300), 1e6)
    signal = _weakest_signal(subject)
    status = _worse(
        "pass" if error < _WELL_INVERTED else "doubtful" if error < _BADLY_INVERTED else "fail",
        "pass" if signal > _SIGNAL else "doubtful" if signal > _NO_SIGNAL else "fail",
    )
    table = np.degrees(angle_table(subject.endmembers, subject.endmembers)) + 360 * np.eye(subject.count)
    first, second = sorted(int(k) for k in np.unravel_index(int(table.argmin()), table.shape))
    names = subject.result.names
    sentence = (
        f"Noise alone moves a single pixel's abundances by at most {100 * min(error, 1):.2g} %; the ± beside a pixel's abundances is larger where "
        "it holds the uncertainty of the endmembers too; "
        f"the closest endmembers, {names[first]} and {names[second]}, are {table.min():.1f}° apart."
    )
    if signal <= _SIGNAL:
        sentence += (
            f" The weakest of {subject.count} materials hardly rises over the noise ({signal:.1f}× its variance)."
        )
    numbers: dict[str, float | None] = {
        "abundance_error": error,
        "weakest_signal": signal,
        "closest_degrees": float(table.min()),
    }
    jacobian = subject.findings.mixing.smallest_slope
    if jacobian is not None and not subject.linear:
        numbers["jacobian_smallest"] = float(jacobian)
        level = float(jacobian) / max(smallest, 1e-300)
        status = _worse(status, "pass" if level > _JACOBIAN else "doubtful" if level > _NO_JACOBIAN else "fail")
        sentence += f" The mixing's smallest slope on the simplex is {level:.2g} of linear mixing's (0: two mixtures look the same)."
    if (one := one_spectrum(subject, float(np.radians(table.min())), first, second)) is not None:
        status, sentence = "fail", f"{sentence} {one[0].upper()}{one[1:]}."
    measured = ""
    if signal <= _SIGNAL:
        measured = (
            f"the weakest of {subject.count} materials rises {signal:.1f}× over the noise (good above {_SIGNAL:.0f}×)"
        )
    elif error > 1:
        measured = "no: noise alone may turn one mixture into another"
    remedy = "" if status == "pass" else "Ask for one endmember fewer, or smooth the cube."
    return CONDITION.check(
        status,
        float(error),
        sentence,
        remedy,
        numbers,
        limit="the weakest material hardly rises over the noise",
        broken=one or ("two endmembers are too alike for the noise" if status == "fail" else ""),
        measured=measured,
    )


def one_spectrum(subject: Subject, angle: float, first: int, second: int) -> str | None:
    """That the two closest endmembers, ``angle`` (radians) apart, are one spectrum in different light, as a clause; None where they are two.

    They are one where the spectra rise over the noise in fewer directions than there are endmembers, the two have nearly the same direction,
    and the noise of a single pixel is about as long as the way between them at the brightness of the weaker.
    """
    apart = np.sin(angle) * float(np.linalg.norm(subject.endmembers[[first, second]], axis=1).min())
    brightness = float(np.median(subject.illumination))
    if angle > _TWO_SPECTRA or apart * brightness > _PIXELS_NOISE * subject.noise_in_plane:
        return None
    if subject.directions >= subject.count:
        return None
    return f"{subject.named([first, second])} are one spectrum in different brightness, which noise alone tells apart"


_ORDER: tuple[Status, ...] = ("pass", "doubtful", "fail")


def _worse(first: Status, second: Status) -> Status:
    return max(first, second, key=_ORDER.index)


def _weakest_signal(subject: Subject) -> float:
    """Variance over the noise's in the last direction that P endmembers need."""
    spectra = subject.inversion.from_origin(subject.spectra)
    values = eigenvalues(spectra) / subject.noise_in_plane**2
    return float(values[subject.inversion.dimension(subject.count) - 1])
