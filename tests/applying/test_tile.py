"""A run as a function: its own pixels get its own maps again, whatever its law is; what can't be repeated is least squares, and says so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_unmix.applying.tile import Applied
from napari_unmix.cube import FloatArray
from napari_unmix.findings import Findings, Note, NoteKind
from napari_unmix.methods.vca_fcls.spec import VcaFclsSpec
from napari_unmix.rows.simplex import fully_constrained
from napari_unmix.sentences import UnmixError

Made = Callable[..., Any]
# Parameters are saved in single precision, and the search for a mode ends where it gains 1e-7 nats, or 1e-4 where spectra vary.
SAME, SAME_VARIED = 5e-4, 1e-3


def rms(difference: FloatArray) -> float:
    return float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)))


LAWS: list[dict[str, Any]] = [
    {},
    {"prior": "logistic-normal"},
    {"prior": "gaussian"},
    {"lit": True},
    {"lit": True, "prior": "logistic-normal"},
    {"varied": 0.05},
    {"varied": 0.05, "lit": True},
    *({"mixing": mixing} for mixing in ("fan", "bilinear", "post-nonlinear", "residual", "variable")),
    {"mixing": "fan", "lit": True},
]


@pytest.mark.parametrize("law", LAWS, ids=lambda law: ", ".join(f"{k} {v}" for k, v in law.items()) or "plain")
def test_its_own_pixels_get_its_own_maps_again(law: dict[str, Any], answer: Made) -> None:
    made = answer(21, 3, pixels=60, **law)
    applied, same = Applied.of(made.result), SAME_VARIED if "varied" in law else SAME
    assert "the run's own posterior" in applied.said
    painted = applied.maps(made.spectra, made.regions)
    assert rms(painted.abundances - made.result.abundances[0]) < same
    assert painted.std is not None
    assert rms(painted.std - made.result.abundance_std[0]) < same
    # Three regions are fewer than the components: the mixture is the run's own.
    unpainted, unknown = applied.maps(made.spectra), made.regions == 0
    assert 5 < unknown.sum() < 40
    assert rms((unpainted.abundances - made.result.abundances[0])[unknown]) < same
    assert rms((unpainted.abundances - made.result.abundances[0])[~unknown]) > 1e-5  # u says something
    if law.get("lit"):
        assert painted.illumination is not None
        np.testing.assert_allclose(painted.illumination, made.result.illumination[0], rtol=5e-3)
    for maps in (painted, unpainted):
        assert maps.abundances.dtype == np.float32
        np.testing.assert_allclose(maps.abundances.sum(axis=1), 1, atol=1e-5)
        assert (maps.error >= 0).all()


def test_the_error_is_what_the_law_leaves(answer: Made) -> None:
    made = answer(22, 3)
    maps = Applied.of(made.result).maps(made.spectra)
    made_of = maps.abundances @ made.result.endmembers
    np.testing.assert_allclose(maps.error, np.sqrt(((made.spectra - made_of) ** 2).mean(axis=1)), atol=1e-5)


def test_pixels_do_not_know_of_each_other(answer: Made) -> None:
    """The last bits of double precision may: in single precision copies, another order and another number of pixels give equal maps."""
    made = answer(23, 4, pixels=400)
    applied = Applied.of(made.result)
    whole = applied.packed(made.spectra)
    order = np.random.default_rng(0).permutation(400)
    np.testing.assert_allclose(applied.packed(made.spectra[order]), whole[order], rtol=0, atol=2e-6)
    twice = applied.packed(np.repeat(made.spectra, 2, axis=0))
    np.testing.assert_allclose(twice[::2], twice[1::2], rtol=0, atol=2e-6)
    few = np.concatenate([applied.packed(part) for part in np.array_split(made.spectra, 7)])
    np.testing.assert_allclose(few, whole, rtol=0, atol=2e-6)
    np.testing.assert_array_equal(applied.packed(made.spectra), whole)  # and the same call, the same bits


@pytest.mark.parametrize("lit", [False, True])
def test_packed_numbers_are_the_maps(lit: bool, answer: Made) -> None:
    made = answer(24, 3, lit=lit)
    applied = Applied.of(made.result)
    packed = applied.packed(made.spectra)
    assert packed.shape == (30, applied.columns)
    maps, back = applied.maps(made.spectra), applied.unpacked(packed)
    for one, other in zip(maps, back, strict=True):
        assert (one is None) is (other is None)
        if one is not None:
            np.testing.assert_array_equal(one, other)
    assert applied.packed(made.spectra[:0]).shape == (0, applied.columns)


def test_what_can_not_be_repeated_is_least_squares_and_says_why(answer: Made) -> None:
    made = answer(25, 3)
    older = {name: values for name, values in made.result.model.items() if not name.startswith("law.")}
    edited = Note(NoteKind.EDITED, "Two endmembers were merged.")
    cases = {
        "train it again": replace(made.result, model=older),
        "a person edited": replace(made.result, notes=(edited,)),
        "leaves no posterior": replace(made.result, findings=Findings(), spec=VcaFclsSpec()),
    }
    expected = fully_constrained(made.spectra, made.result.endmembers)
    for why, result in cases.items():
        applied = Applied.of(result)
        assert "least squares" in applied.said
        assert why in applied.said
        maps = applied.maps(made.spectra)
        assert maps.std is None
        np.testing.assert_allclose(maps.abundances, expected, atol=1e-6)


def test_other_bands_and_damaged_parameters_are_refused(answer: Made) -> None:
    made = answer(26, 3)
    with pytest.raises(UnmixError, match="The run took 3 bands, these spectra have 2"):
        Applied.of(made.result).maps(made.spectra[:, :2])
    for name, values in (("law.corners", np.zeros((2, 3), np.float32)), ("noise.variance", np.zeros(1, np.float32))):
        damaged = replace(made.result, model={**made.result.model, name: values})
        with pytest.raises(UnmixError, match=r"do not fit each other .*: train it again\."):
            Applied.of(damaged)


def test_the_digest_is_of_all_that_decides_the_maps(answer: Made) -> None:
    made = answer(27, 3)
    digests = {Applied.of(made.result).digest, Applied.of(made.result, components=2).digest}
    digests.add(Applied.of(replace(made.result, names=("a", "b", "c"))).digest)
    changed = {**made.result.model, "noise.variance": 2 * made.result.model["noise.variance"]}
    digests.add(Applied.of(replace(made.result, model=changed)).digest)
    assert len(digests) == 4
    assert Applied.of(answer(27, 3).result).digest in digests
