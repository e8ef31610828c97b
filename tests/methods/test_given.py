"""Endmembers that are given: held ones are in the answer to the bit, the others are searched beside them; every method keeps it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from napari_unmix import Annotation, Cube, Meaning, UnmixError, Unmixing, assess, drain, unmix
from napari_unmix.given import Given
from napari_unmix.journal.checkpoint import given_digest, task_of
from napari_unmix.methods.registry import method_specs, spec_class
from napari_unmix.rows.metrics import spectral_angle

BANDS, SIZE = 30, 24
_AXIS = np.linspace(0, 1, BANDS)
TRUE = np.array(
    [
        0.2 + 0.5 * _AXIS + 0.1 * np.sin(9 * _AXIS),
        0.6 - 0.4 * _AXIS + 0.1 * np.cos(14 * _AXIS),
        0.3 + 0.3 * np.exp(-(((_AXIS - 0.5) / 0.1) ** 2)),
    ]
)
SHARES = np.random.default_rng(0).dirichlet(np.full(3, 0.8), (SIZE, SIZE))
METHODS = sorted(name for name, spec in method_specs().items() if not spec.chooser)  # one chooses among what is given


def scene(light: bool = False) -> Cube:
    """A mixture of three spectra with a little noise, one band excluded."""
    generator = np.random.default_rng(1)
    spectra = SHARES @ TRUE
    if light:
        spectra = spectra * generator.uniform(0.6, 1.3, (SIZE, SIZE, 1))
    good = np.ones(BANDS, bool)
    good[4] = False
    return Cube(spectra + 0.004 * generator.normal(size=spectra.shape), np.linspace(400, 900, BANDS), good)


def given(*which: int, held: bool = True) -> Given:
    """The true spectra of some materials, without a value in the excluded band."""
    spectra = TRUE[list(which)].copy()
    spectra[:, 4] = np.nan
    names = tuple(("grass", "soil", "peak")[k] for k in which)
    return Given(spectra, np.full(len(which), held), names, ("from the library",) * len(which))


def spec(method: str, **others: Any) -> Any:
    """A short training."""
    short = {"epochs": 2} if "epochs" in spec_class(method).model_fields else {}
    return spec_class(method)(endmembers=3, **short, **others)


def rmse(result: Unmixing, order: list[int]) -> float:
    """Root mean square error of the abundances, whose endmembers are those of ``order``."""
    return float(np.sqrt(np.mean((result.abundances - SHARES[..., order]) ** 2)))


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("method", METHODS)
def test_held_endmembers_are_in_the_answer_to_the_bit(method: str, light: bool) -> None:
    cube, known = scene(light), given(2, 0)
    result = drain(unmix(cube, spec(method, illumination=light), None, known))
    good = cube.good_bands
    np.testing.assert_array_equal(result.endmembers[:2, good], result.inversion.written(known.spectra[:, good]))
    assert np.isnan(result.endmembers[:, ~good]).all()
    assert result.names[:2] == ("peak", "grass")
    assert len(result.names) == 3
    np.testing.assert_allclose(result.abundances.sum(axis=2), 1, atol=1e-4)
    assert "Held as given: peak (from the library) and grass (from the library)." in [str(n) for n in result.notes]


@pytest.mark.parametrize("method", ["ivae", "region-contrast", "sisal", "vca-fcls"])
def test_the_true_spectra_give_abundances_at_least_as_good_as_blind_ones(method: str) -> None:
    from napari_unmix.rows.alignment import match_endmembers

    cube = scene()
    blind = drain(unmix(cube, spec(method)))
    order = match_endmembers(TRUE, blind.endmembers).tolist()
    known = drain(unmix(cube, spec(method), None, given(0, 1, 2)))
    assert rmse(known, [0, 1, 2]) <= rmse(blind, order)
    assert known.findings.recipe.model_dump()["by"] == "nothing"


def test_what_is_not_held_is_found_beside_what_is() -> None:
    for method in ("ivae", "sisal", "vca-fcls"):
        result = drain(unmix(scene(), spec(method), None, given(1)))
        found = result.endmembers[1:, scene().good_bands]
        angles = np.degrees(spectral_angle(found[:, None], TRUE[None][..., scene().good_bands]))
        assert sorted(angles.argmin(axis=1).tolist()) == [0, 2], method
        assert angles.min(axis=1).max() < 6, method


def test_what_is_not_held_may_move_and_keeps_its_row_and_name() -> None:
    crooked = given(2, 1, 0, held=False)
    crooked = Given(crooked.spectra * (1 + 0.2 * np.sin(40 * _AXIS)), crooked.held, crooked.names)
    result = drain(unmix(scene(), spec("ivae"), None, crooked))
    good = scene().good_bands
    after, before = (
        np.degrees(spectral_angle(values[:, good], TRUE[[2, 1, 0]][:, good]))
        for values in (result.endmembers, crooked.spectra)
    )
    assert result.names == ("peak", "soil", "grass")
    assert after.max() < before.min()


def test_there_are_at_least_as_many_as_are_given() -> None:
    two = spec("vca-fcls").model_copy(update={"endmembers": 2})
    assert len(drain(unmix(scene(), two, None, given(0, 1, 2))).names) == 3
    automatic = spec("vca-fcls").model_copy(update={"endmembers": "auto"})
    assert len(drain(unmix(scene(), automatic, None, given(0))).names) == 3


def test_strokes_lead_the_endmembers_after_the_given_ones_and_a_given_name_is_not_asked_for_twice() -> None:
    labels = np.zeros((SIZE, SIZE), np.int32)
    labels[SHARES[..., 0] > 0.85], labels[SHARES[..., 1] > 0.85] = 1, 2
    painted = Annotation(labels, {1: Meaning("material", "grass"), 2: Meaning("material", "clay")})
    result = drain(unmix(scene(), spec("ivae"), painted, given(2, 0)))
    assert result.names == ("peak", "grass", "clay")
    clay = result.endmembers[2, scene().good_bands]
    assert np.degrees(spectral_angle(clay, TRUE[1, scene().good_bands])) < 5
    two = spec("ivae").model_copy(update={"endmembers": 2})
    with pytest.raises(UnmixError, match="3 materials are painted or given but 2 endmembers were asked for"):
        drain(unmix(scene(), two, painted, given(2, 0)))


def test_regions_refine_what_is_not_held_alone() -> None:
    generator, side = np.random.default_rng(6), 60
    labels = np.repeat(np.arange(1, 10), side * side // 9).reshape(side, side)
    alpha = generator.uniform(0.5, 6, (10, 3))
    shares = np.array([[generator.dirichlet(alpha[label]) for label in row] for row in labels])
    cube = Cube(shares @ TRUE + 0.002 * generator.normal(size=(side, side, BANDS)))
    painted = Annotation(labels.astype(np.int32), {k: Meaning("region", f"r{k}") for k in range(1, 10)})
    for method in ("ivae", "region-contrast"):
        known = Given.known(TRUE[[1]], ["soil"])
        result = drain(unmix(cube, spec(method), painted, known))
        np.testing.assert_array_equal(result.endmembers[0], TRUE[1])
        angles = np.degrees(spectral_angle(result.endmembers[1:, None], TRUE[None, [0, 2]])).min(axis=1)
        assert angles.max() < 2, method
        found = result.findings
        used = found.moments.use == "refined" if found.moments else found.contrast is not None and found.contrast.used
        assert used, method


def test_the_verdict_claims_nothing_of_what_was_given() -> None:
    cube = scene()
    some = drain(assess(cube, drain(unmix(cube, spec("ivae"), None, given(1)))))
    assert some.summary.endswith("Nothing is claimed of what was given: soil (from the library).")
    everything = drain(assess(cube, drain(unmix(cube, spec("ivae"), None, given(0, 1, 2)))))
    assert everything.verdict == "not identified"
    assert everything.summary.startswith(
        "Not identified: all endmembers are as given, grass (from the library), soil ("
    )


def test_the_result_knows_what_was_given_again(tmp_path: Any) -> None:
    from napari_unmix import read_run, write_run

    cube, known = scene(), given(1, 2)
    result = drain(unmix(cube, spec("sisal"), None, known))
    write_run(tmp_path / "run", cube, result, drain(assess(cube, result)))
    again = read_run(tmp_path / "run").unmixing(cube).given
    assert again is not None
    np.testing.assert_array_equal(again.spectra, known.spectra)
    assert (again.names, again.sources, again.held.tolist()) == (known.names, known.sources, [True, True])
    assert drain(unmix(cube, spec("sisal"))).given is None


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Given.known(TRUE[:, :-1], ["a", "b", "c"]), "have 29 bands but the cube has 30: resample"),
        (lambda: Given.known(np.where(_AXIS > 0.9, np.nan, TRUE[:1]), ["a"]), "a has no value in 3 of the cube's 29"),
        (lambda: Given.known(-TRUE[:1], ["a"]), "a is nowhere above zero"),
        (lambda: Given.known(np.vstack([TRUE[0], 2 * TRUE[0]]), ["a", "b"]), "a and b are the same spectrum"),
    ],
)
def test_what_can_be_no_endmember_is_refused_before_any_work(wrong: Callable[[], Given], sentence: str) -> None:
    with pytest.raises(UnmixError, match=sentence):
        drain(unmix(scene(), spec("vca-fcls"), None, wrong()))


def test_names_and_lengths_of_what_is_given() -> None:
    with pytest.raises(UnmixError, match="Two of the given spectra are called a"):
        Given.known(TRUE[:2], ["a", "a"])
    with pytest.raises(UnmixError, match="3 spectra are given with 1 names"):
        Given(TRUE, np.ones(3, bool), ("a",))


def test_a_checkpoint_of_other_given_spectra_is_of_another_fit() -> None:
    cube, plain = scene(), spec("sisal")
    tasks = [task_of(cube, plain, None, known) for known in (None, given(0), given(1), given(0, held=False))]
    assert len(set(tasks)) == 4
    assert given_digest(None) == ""
    assert task_of(cube, plain, None) == tasks[0]


def test_a_held_spectrum_that_the_scene_does_not_have_is_told_of() -> None:
    absent = Given.known(np.abs(np.sin(25 * _AXIS))[None], ["plastic"])
    notes = " ".join(map(str, drain(unmix(scene(), spec("ivae"), None, absent)).notes))
    assert "plastic as it is held stands" in notes
    bright = Given.known(3 * TRUE[:1], ["grass"])
    notes = " ".join(map(str, drain(unmix(scene(), spec("ivae"), None, bright)).notes))
    assert "grass as it is held is 3" in notes
    assert "as it is held" not in " ".join(map(str, drain(unmix(scene(), spec("ivae"), None, given(0))).notes))


@pytest.mark.parametrize("method", ["ivae", "sisal"])
def test_a_held_mixture_throws_no_corner_away(method: str) -> None:
    """The smallest simplex around all pixels that has a corner inside them would be endless."""
    mixture = np.array([0.4, 0.35, 0.25]) @ TRUE
    held = Given(np.vstack([mixture, TRUE[:2]]), np.array([True, False, True]), ("m", "a", "b"))
    result = drain(unmix(scene(), spec(method), None, held))
    assert result.endmembers[:, scene().good_bands].max() < 1.5 * TRUE.max()
    assert any("this may be a mixture itself" in str(note) for note in result.notes)


@pytest.mark.parametrize("light", [False, True])
@pytest.mark.parametrize("method", ["ivae", "region-contrast", "sisal", "vca-fcls"])
def test_every_preview_on_the_way_can_be_looked_at(method: str, light: bool) -> None:
    cube, seen = scene(light), []

    def look(event: Any) -> None:
        if event.snapshot is not None and (not seen or seen[-1][0] != (event.stage, event.step)):
            seen.append(((event.stage, event.step), event.snapshot()))

    drain(unmix(cube, spec(method, illumination=light), None, given(2, 0)), look)
    assert seen
    for _, preview in seen:
        assert preview.endmembers.shape == (3, BANDS)
        assert np.isfinite(preview.endmembers[:, cube.good_bands]).all()
