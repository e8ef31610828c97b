"""Where to paint: on what is hidden, on what is not settled, never on what is painted; made-up grades in, places out."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, FloatArray, Meaning
from napari_unmix.findings import Findings, GivenFound, StrokeFound
from napari_unmix.geometry.found import VARIABILITY, Found
from napari_unmix.geometry.recipes import PlaneArchetypes
from napari_unmix.geometry.strokes import LINEAR as ONLY_NAMES
from napari_unmix.geometry.strokes import with_strokes
from napari_unmix.identifiability.again.refits import Refits, Twin
from napari_unmix.identifiability.checks import geometry, model_fits, simulated_twin
from napari_unmix.identifiability.missed import MISSED, left_over
from napari_unmix.identifiability.painting import (
    ANCHORED,
    MOST_PLACES,
    NO_MIXTURE,
    NOTHING,
    NOWHERE,
    Place,
    nothing_said,
    places_said,
    unsettled,
    where_to_paint,
)
from napari_unmix.identifiability.patches import FEWEST, Ground
from napari_unmix.identifiability.report import Grade, Report, Word
from napari_unmix.identifiability.subject import gather
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.methods.vae.spec import VaeSpec
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import SumToOne
from napari_unmix.rows.subspace import Excess
from napari_unmix.synthetic import random_materials, smooth_field

SIZE, NOISE = 48, 0.004
VARYING, LINEAR = 1.3, 1.0
HIDDEN = (slice(30, 38), slice(5, 12))


def fields(count: int, seed: int = 3) -> FloatArray:
    """(H, W, P) smooth abundances, pure in places."""
    generator = np.random.default_rng(seed)
    shares = np.exp(4 * np.stack([smooth_field((SIZE, SIZE), 4.0, generator) for _ in range(count)], axis=-1))
    return np.asarray(shares / shares.sum(axis=-1, keepdims=True))


def scene(*, hidden: bool = False) -> tuple[Cube, FloatArray]:
    """Three materials, in a patch a fourth where ``hidden``; and the spectra (3, B) of the three."""
    generator = np.random.default_rng(0)
    wavelengths, spectra, _ = random_materials(4, generator, least_degrees=12.0)
    mixed = fields(3) @ spectra[:3]
    if hidden:
        mixed[HIDDEN] = spectra[3]
    noisy = mixed + NOISE * generator.normal(size=mixed.shape)
    return Cube(noisy.astype(np.float32), wavelengths, name="scene"), spectra[:3]


def answer(cube: Cube, endmembers: FloatArray, chi: float = VARYING, names: Sequence[str] = ()) -> Unmixing:
    """Least squares with these endmembers, as a run's result."""
    spectra = cube.spectra.reshape(-1, cube.shape[2]).astype(float)
    shares = SumToOne().invert(spectra, endmembers).abundances
    error = np.sqrt(np.mean((spectra - shares @ endmembers) ** 2, axis=1)).reshape(cube.shape[:2])
    return Unmixing(
        endmembers,
        shares.reshape(*cube.shape[:2], -1).astype(np.float32),
        None,
        None,
        error.astype(np.float32),
        tuple(names) or tuple(f"material {k}" for k in range(len(endmembers))),
        IvaeSpec.model_validate({"endmembers": len(endmembers)}),
        findings=Findings(noise=NOISE, search={"chi_linear": chi}),
    )


def graded(result: Unmixing, *words: Word, moved: Sequence[float] = ()) -> Report:
    """A report with one grade of each endmember."""
    degrees = moved or [1.0] * len(words)
    each = zip(result.names, words, degrees, strict=True)
    grades = tuple(Grade(name, word, "", numbers={"moved_degrees": value}) for name, word, value in each)
    return Report("partly", "Partly.", (), grades=grades)


def pixels(places: Sequence[Place]) -> list[list[tuple[int, int]]]:
    """The pixels of each place."""
    return [sorted(zip(place.rows.tolist(), place.columns.tolist(), strict=True)) for place in places]


# --- what is hidden


def test_the_first_place_lies_on_a_material_that_has_no_endmember() -> None:
    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    first, *_ = where_to_paint(cube, result, graded(result, "shaky", "shaky", "steady"))
    inside = np.zeros(cube.shape[:2], bool)
    inside[HIDDEN] = True
    assert (first.kind, first.endmember) == ("material", None)
    assert inside[first.rows, first.columns].all()
    assert f"{len(first.rows)} pixels at the lower left leave" in first.reason


def test_an_endmember_that_is_not_determined_comes_before_what_is_hidden_and_a_shaky_one_after() -> None:
    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    places = where_to_paint(cube, result, graded(result, "shaky", "not determined here", "steady"))
    assert [place.endmember for place in places][:3] in ([1, None, 0], [1, None, None])


def test_what_noise_leaves_is_no_material() -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers)
    places = where_to_paint(cube, result, graded(result, "shaky", "shaky", "shaky"))
    assert places
    assert all(place.endmember is not None for place in places)


@pytest.mark.parametrize(("times", "suggested"), [(1.4, True), (0.8, False)])
def test_a_patch_is_missed_from_a_multiple_of_the_rest_on(times: float, suggested: bool) -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers)
    direction = np.random.default_rng(1).normal(size=cube.shape[2])
    ground = Ground.of(cube, result, None)
    typical = float(np.median(left_over(ground)))
    # What is added is at right angles to the endmembers, so that least squares leaves all of it; noise has its own part of the multiple.
    direction -= endmembers.T @ np.linalg.lstsq(endmembers.T, direction, rcond=None)[0]
    wanted = (times * MISSED - typical) * NOISE**2 * cube.shape[2]
    spectra = cube.spectra.copy()
    spectra[HIDDEN] += (direction * np.sqrt(wanted) / np.linalg.norm(direction)).astype(np.float32)
    moved = replace(cube, spectra=spectra)
    result = answer(moved, endmembers)
    places = where_to_paint(moved, result, graded(result, "steady", "steady", "steady"))
    assert bool(places) is suggested


# --- materials


def test_the_worst_comes_first_and_its_patch_is_mostly_that_material() -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers)
    report = graded(result, "shaky", "steady", "not determined here", moved=(2.0, 0.1, 4.0))
    places = where_to_paint(cube, result, report)
    assert [place.endmember for place in places] == [2, 0]
    for place in places:
        assert result.abundances[place.rows, place.columns, place.endmember].mean() > 0.9
        assert f"% material {place.endmember}, the clearest patch of a material that is " in place.reason
    assert "not determined here" in places[0].reason


def test_all_steady_nothing() -> None:
    cube, endmembers = scene()
    for chi in (LINEAR, VARYING):
        result = answer(cube, endmembers, chi)
        report = graded(result, "steady", "steady", "steady")
        assert where_to_paint(cube, result, report) == ()
        assert nothing_said(result, report) == NOTHING


def test_what_is_painted_and_what_is_invalid_is_left_out() -> None:
    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    report = graded(result, "shaky", "shaky", "shaky")
    labels = np.zeros(cube.shape[:2], np.int32)
    for _ in range(4):
        places = where_to_paint(cube, result, report, Annotation(labels))
        assert all((labels[place.rows, place.columns] == 0).all() for place in places)
        for place in places:
            labels[place.rows, place.columns] = labels.max() + 1
    everything = Annotation(np.ones(cube.shape[:2], np.int32))
    assert where_to_paint(cube, result, report, everything) == ()
    assert nothing_said(result, report) == NOWHERE
    linear = answer(cube, endmembers, LINEAR)
    assert where_to_paint(cube, linear, report, everything) == ()
    assert nothing_said(linear, report) == NO_MIXTURE
    valid = np.ones(cube.shape[:2], bool)
    valid[HIDDEN] = False
    within = where_to_paint(replace(cube, valid_pixels=valid), result, report)
    assert all(valid[place.rows, place.columns].all() for place in within)


def test_the_order_of_the_endmembers_changes_nothing() -> None:
    cube, endmembers = scene(hidden=True)
    words: tuple[Word, ...] = ("shaky", "not determined here", "shaky")
    for chi in (LINEAR, VARYING):
        result = answer(cube, endmembers, chi)
        places = where_to_paint(cube, result, graded(result, *words, moved=(1.0, 4.0, 2.0)))
        order = [2, 0, 1]
        turned = answer(cube, endmembers[order], chi, [result.names[k] for k in order])
        report = graded(turned, *(words[k] for k in order), moved=[(1.0, 4.0, 2.0)[k] for k in order])
        again = where_to_paint(cube, turned, report)
        assert pixels(again) == pixels(places)
        assert [place.reason for place in again] == [place.reason for place in places]


def test_a_place_can_be_painted_by_hand() -> None:
    from scipy.ndimage import binary_opening, label

    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    for place in where_to_paint(cube, result, graded(result, "shaky", "shaky", "shaky")):
        mask = place.mask(cube.shape[:2])
        assert mask.sum() == len(place.rows) >= FEWEST
        assert label(mask)[1] == 1
        assert np.array_equal(binary_opening(mask, np.ones((2, 2))), mask)  # no line, nowhere a pixel wide
        assert mask[place.centre]


# --- who is asked for


def test_a_material_that_has_a_stroke_or_was_given_is_not_asked_for_again() -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers)
    report = graded(result, "shaky", "shaky", "given")
    assert unsettled(result, report) == (0, 1) or unsettled(result, report) == (1, 0)
    stroke = StrokeFound(material="material 0", how="confirms", purity=0.9)
    given = GivenFound(place=0, name="material 1", held=True)
    findings = result.findings.model_copy(update={"strokes": (stroke,), "given": (None, given, None)})
    assert unsettled(replace(result, findings=findings), report) == ()
    background = findings.model_copy(update={"strokes": (stroke.model_copy(update={"how": "names", "purity": 0.1}),)})
    assert unsettled(replace(result, findings=background), report) == (0,)  # a stroke of something else settles nothing


def test_where_a_stroke_anchors_the_others_are_asked_for_as_far_as_they_have_grades() -> None:
    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    report = graded(result, "shaky", "shaky", "shaky")
    stroke = StrokeFound.model_validate({"material": "material 1", "how": "anchors", "purity": 0.9})
    stroked = replace(result, findings=result.findings.model_copy(update={"strokes": (stroke,)}))
    asked = {place.endmember for place in where_to_paint(cube, stroked, report)}
    assert {0, 2} <= asked <= {0, 2, None}
    ungraded = Report("partly", "Partly.", ())
    assert where_to_paint(cube, stroked, ungraded) == ()
    assert nothing_said(stroked, ungraded) == ANCHORED


@pytest.mark.parametrize(("chi", "says"), [(ONLY_NAMES + 0.01, True), (VARIABILITY, True), (VARIABILITY + 0.01, False)])
def test_a_place_says_where_a_single_stroke_only_names(chi: float, says: bool) -> None:
    """And so it is: the search's endmembers stay, to the bit."""
    cube, endmembers = scene()
    result = answer(cube, endmembers, chi)
    places = where_to_paint(cube, result, graded(result, "shaky", "shaky", "shaky"))
    assert [place.reason.endswith("names it and moves nothing.") for place in places] == [says] * len(places)
    found = Found(endmembers, PlaneArchetypes(space="affine"), NOISE, Excess(chi, chi, np.zeros(0), np.zeros(0)))
    spectra = cube.spectra.reshape(-1, cube.shape[2]).astype(float)
    stroke = np.flatnonzero(places[0].mask(cube.shape[:2]))
    after = drain(with_strokes(spectra, found, [stroke], NOISE, SumToOne(), variability=chi))
    kept = np.array_equal(np.sort(after.endmembers, axis=0), np.sort(endmembers, axis=0))
    assert (after.strokes[0].how, kept) == (("names", True) if says else ("confirms", False))


def test_without_grades_no_endmember_is_asked_for() -> None:
    cube, endmembers = scene()
    result, report = answer(cube, endmembers), Report("partly", "Partly.", ())
    assert unsettled(result, report) == ()
    assert where_to_paint(cube, result, report) == ()


def test_a_method_that_reads_no_paint_is_told_nowhere_to_paint() -> None:
    cube, endmembers = scene(hidden=True)
    result = replace(answer(cube, endmembers), spec=VaeSpec.model_validate({}))
    report = graded(result, "shaky", "shaky", "shaky")
    assert where_to_paint(cube, result, report) == ()
    assert "does not read what is painted" in nothing_said(result, report)


# --- regions


def test_where_mixing_is_linear_regions_of_new_mixtures_are_suggested() -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers, LINEAR)
    report = graded(result, "shaky", "shaky", "shaky")
    places = where_to_paint(cube, result, report)
    assert 3 <= len(places) <= MOST_PLACES
    assert {place.kind for place in places} == {"region"}
    assert all(len(place.rows) >= 30 for place in places)
    means = np.array([result.abundances[place.rows, place.columns].mean(axis=0) for place in places[:3]])
    assert np.linalg.svd(means, compute_uv=False)[-1] > 0.3  # the first three are three mixtures


def test_a_mixture_that_a_region_has_is_not_suggested_again() -> None:
    cube, endmembers = scene()
    result = answer(cube, endmembers, LINEAR)
    report = graded(result, "shaky", "shaky", "shaky")
    labels = np.zeros(cube.shape[:2], np.int32)
    count = 0
    while places := where_to_paint(cube, result, report, Annotation(labels, {})):
        labels[places[0].rows, places[0].columns] = count = count + 1
        assert count <= 6
    assert count >= 3
    strokes = Annotation(labels, {k: Meaning("material", f"m{k}") for k in range(1, count + 1)})
    assert where_to_paint(cube, result, report, strokes)  # strokes are no regions


# --- at the seam


def test_a_place_as_plain_values() -> None:
    place = Place("material", 1, np.array([3, 3, 4, 4, 5, 5]), np.array([7, 8, 7, 8, 7, 8]), "here.")
    said = {"kind": "material", "endmember": 1, "centre": [4, 7], "pixels": 6, "reason": "here."}
    assert place.as_json() == said
    assert places_said([place, place]) == [
        "Where to paint:",
        "  1. row 4, column 7 as a material: here.",
        "  2. row 4, column 7 as a material: here.",
    ]
    assert places_said([]) == []


def test_no_remedy_asks_for_strokes_where_all_endmembers_are_given() -> None:
    cube, endmembers = scene(hidden=True)
    result = answer(cube, endmembers)
    given = tuple(GivenFound(place=k, name=name, held=True) for k, name in enumerate(result.names))
    known = replace(result, findings=result.findings.model_copy(update={"given": given}))
    # Twins that come back 30° off, and abundances that hold no pure pixel: every check has something to advise.
    twins = Refits(twins=(Twin(endmembers[[1, 2, 0]], 0.2),))
    mixed = np.full_like(result.abundances, 1 / 3)
    for one, asks in ((result, True), (known, False)):
        subject = gather(cube, replace(one, abundances=mixed))
        for module in (model_fits, geometry, simulated_twin):
            remedy = module.check(subject, twins).remedy
            assert ("stroke" in remedy) is asks, module


def test_a_large_scene_takes_about_a_second() -> None:
    cube, endmembers = scene()
    small = answer(cube, endmembers)
    tiled = Cube(np.tile(cube.spectra, (6, 6, 1)), cube.wavelengths, name="tiled")
    shares, error = np.tile(small.abundances, (6, 6, 1)), np.tile(small.reconstruction_error, (6, 6))
    result = replace(small, abundances=shares, reconstruction_error=error)
    begun = time.process_time()
    assert where_to_paint(tiled, result, graded(result, "shaky", "shaky", "shaky"))
    assert time.process_time() - begun < 3.0  # some tenths where nothing else runs
