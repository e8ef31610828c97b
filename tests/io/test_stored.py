"""Stored numbers become spectra as double precision says, to the bit, whichever precision divides."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.io.stored import Stored, scaled


def by_double(numbers: np.ndarray, scale: float) -> np.ndarray:
    with np.errstate(over="ignore"):
        return (numbers.astype(np.float64) / scale).astype(np.float32)


@pytest.mark.parametrize("scale", [10_000.0, 255.0, 3.0, 65_535.0, 0.1, 1e-3, 1.0, 7.77])
@pytest.mark.parametrize(
    "kind", ["uint8", "int8", "uint16", ">u2", "int16", "int32", "uint64", "float32", ">f4", "float64"]
)
def test_a_scale_divides_as_double_precision_does(kind: str, scale: float) -> None:
    whole = np.arange(-32_768, 65_536)
    if np.dtype(kind).kind == "f":
        generator = np.random.default_rng(0)
        numbers = (generator.normal(size=200_000) * 10.0 ** generator.integers(-6, 7, 200_000)).astype(kind)
    else:
        limits = np.iinfo(kind)
        numbers = whole[(whole >= limits.min) & (whole <= limits.max)].astype(kind)
    out = np.empty((1, 1, numbers.size), np.float32)
    scaled(numbers[None, None], Stored(array=numbers, scale=scale), out)
    np.testing.assert_array_equal(out[0, 0], by_double(numbers, scale))


def test_gains_and_offsets_are_of_double_precision() -> None:
    generator = np.random.default_rng(1)
    numbers = generator.integers(0, 65_536, (50, 40, 6)).astype("uint16")
    gains, offsets = generator.random(6), generator.random(6)
    out = np.empty(numbers.shape, np.float32)
    scaled(numbers, Stored(array=numbers, scale=3.3, gains=gains.tolist(), offsets=offsets.tolist()), out)
    np.testing.assert_array_equal(out, ((numbers * gains + offsets) / 3.3).astype(np.float32))
