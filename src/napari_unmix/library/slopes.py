"""First derivatives of spectra, and how much of them is noise."""

from __future__ import annotations

import numpy as np

from napari_unmix.cube import FloatArray

REACH = 75.0  # nm to either side: of 30, 50, 75 and 100 the one that tells relatives apart best under 30 dB of noise (decision 0010)
_REACH_OF_BANDS = 4.0  # to either side, where bands have no wavelength
_FEWEST = 3  # bands that a line is laid through
_NORMAL = 1.4826  # deviation of normal noise over the median of its size
_SECOND = np.sqrt(6.0)  # deviation of a second difference over that of the noise in it


def derivative(axis: FloatArray, reach: float) -> FloatArray:
    """(B, B) operator that takes spectra to their slopes: of the least-squares line through the bands within ``reach``.

    A band has at least its two nearest with it, however far they are. A gap is never bridged where bands nearer by suffice. ``axis`` (B,) in
    any order, B ≥ 3, without doubled bands. (Local polynomial regression of degree 1; Savitzky & Golay 1964, doi 10.1021/ac60214a047,
    on bands that need not be evenly spaced.)
    """
    distance = axis[None, :] - axis[:, None]
    near = np.abs(distance) <= reach
    closest = np.argsort(np.abs(distance), axis=1, kind="stable")[:, :_FEWEST]
    np.put_along_axis(near, closest, True, axis=1)
    mean = (distance * near).sum(axis=1, keepdims=True) / near.sum(axis=1, keepdims=True)
    centred = np.where(near, distance - mean, 0.0)
    power = (centred**2).sum(axis=1, keepdims=True)
    return np.asarray(centred / np.where(power > 0, power, 1.0))


def reach_of(wavelengths: FloatArray | None) -> float:
    """How far to either side a slope looks: in nm, or in bands where these are only numbered."""
    return _REACH_OF_BANDS if wavelengths is None else REACH


def noise_angles(spectra: FloatArray, operator: FloatArray, order: np.ndarray) -> FloatArray:
    """(P,) degrees by which noise alone turns the derivative of spectra (P, B), whose bands ascend by ``order`` (B,).

    The noise is the median of second differences of neighbouring bands: features of a few bands count as noise, so that it is never too small.
    """
    if spectra.shape[1] < _FEWEST:
        return np.zeros(len(spectra))
    second = np.diff(spectra[:, order], 2, axis=1)
    deviation = _NORMAL * np.median(np.abs(second), axis=1) / _SECOND
    power = (operator**2).sum() * deviation**2
    whole = ((spectra @ operator.T) ** 2).sum(axis=1)
    return np.asarray(np.degrees(np.arcsin(np.sqrt(np.clip(power / np.where(whole > 0, whole, 1.0), 0.0, 1.0)))))
