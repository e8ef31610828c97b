"""Side information: labels without gaps, who wins where paint and generators meet, what is read, and what may be claimed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unmix.auxiliary import GENERATORS, blocks, position, side_information, superpixels
from napari_unmix.auxiliary.labelling import crossed
from napari_unmix.auxiliary.names import ALONE, GENERATOR_NAMES, SOURCES, Source, combinable, generator_names
from napari_unmix.auxiliary.quantised import quantise
from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray, Meaning
from napari_unmix.joining import join_cubes
from napari_unmix.methods.ivae.spec import IvaeSpec
from napari_unmix.sentences import UnmixError
from napari_unmix.synthetic import region_scene

NAMES = list(GENERATORS)
OF_PLACE = [name for name, generator in GENERATORS.items() if generator.reads_spectra == "no"]


@pytest.fixture(scope="module")
def cube() -> Cube:
    """Two acquisitions, with a hole in the first."""
    spectra = region_scene(3, size=40, regions=8).cube.spectra.copy()
    spectra[:5, :5] = np.nan
    return join_cubes([Cube(spectra[:, :24]), Cube(spectra[:, 24:])])


def painted(cube: Cube) -> Annotation:
    labels = np.zeros(cube.shape[:2], dtype=np.int32)
    labels[10:20, 10:20], labels[25:30, 5:15], labels[35:38, 30:38] = 7, 3, 9
    return Annotation(labels, {9: Meaning("material", "rock")})


def check_labels(labels: IntArray, cube: Cube) -> None:
    """1 … R without gaps where the cube is valid, 0 elsewhere."""
    assert labels.shape == cube.shape[:2]
    assert (labels[~cube.valid_pixels] == 0).all()
    inside = labels[cube.valid_pixels]
    assert set(np.unique(inside)) == set(range(1, int(inside.max()) + 1))


def refines(fine: IntArray, coarse: IntArray) -> bool:
    """Whether no label of ``fine`` lies in two labels of ``coarse``."""
    known = (fine > 0) & (coarse > 0)
    pairs = np.unique(np.stack([fine[known], coarse[known]]), axis=1)
    return bool(len(np.unique(pairs[0])) == pairs.shape[1])


# --- every generator


def test_everything_follows_from_the_table() -> None:
    assert len({source.name for source in SOURCES}) == len(SOURCES) == len(GENERATORS)
    assert {*GENERATOR_NAMES, *ALONE} == {*GENERATORS, "auto"}
    assert all(text.endswith(".") for source in SOURCES for text in (source.description, source.status))
    ordered = [source.order for source in SOURCES if source.order is not None]
    assert len(set(ordered)) == len(ordered)


@given(st.permutations(SOURCES))
def test_the_order_of_a_combination_is_the_fields_and_not_the_tables(shuffled: list[Source]) -> None:
    assert combinable(shuffled) == GENERATOR_NAMES
    assert list(GENERATOR_NAMES) == sorted(GENERATOR_NAMES, key=lambda name: int(GENERATORS[name].order or 0))
    reading = [GENERATORS[name].reads_spectra != "no" for name in GENERATOR_NAMES]
    assert reading == sorted(reading)  # what reads no spectra is never mixed with what does


@pytest.mark.parametrize("name", NAMES)
def test_labels_have_no_gaps_and_invalid_pixels_have_none(cube: Cube, name: str) -> None:
    labels = GENERATORS[name].make(cube)
    check_labels(labels, cube)
    np.testing.assert_array_equal(labels, GENERATORS[name].make(cube))
    assert (labels.max() == 1) == (name == "none")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 7, 3), (9, 1, 2), (3, 4, 1), (6, 5, 24)])
@pytest.mark.parametrize("kind", ["constant", "random", "without data"])
def test_small_and_degenerate_cubes(name: str, shape: tuple[int, int, int], kind: str) -> None:
    spectra = np.random.default_rng(0).uniform(size=shape) if kind == "random" else np.full(shape, 0.5)
    whole = np.ones(shape[:2], int)
    valid = np.zeros(shape[:2], bool) if kind == "without data" else whole.astype(bool)
    small = Cube(spectra, acquisitions=whole, valid_pixels=valid)
    labels = GENERATORS[name].make(small)
    if (name == "neighbours" and shape == (1, 1, 3)) or kind == "without data":
        assert not labels.any()
    else:
        check_labels(labels, small)


@pytest.mark.parametrize("name", OF_PLACE)
def test_what_reads_no_spectra_is_independent_of_them(cube: Cube, name: str) -> None:
    other = replace(cube, spectra=np.random.default_rng(0).uniform(size=cube.shape))
    np.testing.assert_array_equal(GENERATORS[name].make(other), GENERATORS[name].make(cube))


@pytest.mark.parametrize("name", ["superpixels", "bands"])
def test_held_out_bands_are_not_read(cube: Cube, name: str) -> None:
    spectra = cube.spectra.copy()
    spectra[:, :, ::2] = np.random.default_rng(0).uniform(size=spectra[:, :, ::2].shape)
    other = replace(cube, spectra=spectra)
    np.testing.assert_array_equal(GENERATORS[name].make(other), GENERATORS[name].make(cube))
    assert not np.array_equal(GENERATORS["clusters"].make(other), GENERATORS["clusters"].make(cube))


def test_neighbours_leave_the_pixel_itself_out() -> None:
    rng = np.random.default_rng(0)
    dark, bright = 0.2 + rng.normal(0, 1e-3, (12, 12, 6)), 0.8 + rng.normal(0, 1e-3, (12, 12, 6))
    spectra = np.concatenate([dark, bright], axis=1)
    spectra[5, 4] = 0.8  # a bright pixel in the dark field
    scene = Cube(spectra)
    labels = GENERATORS["neighbours"].make(scene)
    assert labels[5, 4] in labels[:, :3]
    assert not np.isin(labels[:, :2], labels[:, 22:]).any()
    assert GENERATORS["clusters"].make(scene)[5, 4] not in GENERATORS["clusters"].make(scene)[:4, :3]


def test_a_pixel_without_neighbours_is_unknown() -> None:
    valid = np.ones((6, 6), bool)
    valid[:3, :3] = False
    valid[0, 0] = True
    labels = GENERATORS["neighbours"].make(Cube(np.random.default_rng(0).uniform(size=(6, 6, 5)), valid_pixels=valid))
    assert labels[0, 0] == 0
    assert (labels[3:] > 0).all()


def test_segments_have_the_size_that_was_asked_for(cube: Cube) -> None:
    for labels in (blocks(cube, 50), superpixels(cube, 50)):
        inside = labels[cube.valid_pixels]
        assert 0.4 * len(inside) / 50 < len(np.unique(inside)) < 2.5 * len(inside) / 50


def test_strata_of_position_are_fewer_and_larger_than_blocks(cube: Cube) -> None:
    assert position(cube).max() == 16 < blocks(cube).max()


def test_a_large_scene_is_cut_in_strips_as_it_is_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = region_scene(4).cube
    valid = made.valid_pixels.copy()
    valid[3:6, 2:9] = False
    cube = replace(made, valid_pixels=valid, good_bands=np.arange(made.shape[2]) != 5)
    at_once = superpixels(cube)
    for name in ("_AT_ONCE", "_STRIP"):
        monkeypatch.setattr(f"napari_unmix.auxiliary.segments.{name}", 3 * cube.shape[1])
    np.testing.assert_array_equal(superpixels(cube), at_once)


def test_superpixels_depend_on_a_pixels_own_noise_only_weakly() -> None:
    """The share of the noise, in the signal's subspace, that lies between segments beyond what as many random segments would hold."""
    rng = np.random.default_rng(1)
    endmembers = region_scene(5, size=16, regions=4).endmembers
    fields = np.repeat(np.repeat(rng.dirichlet(np.ones(len(endmembers)), (2, 2)), 32, axis=0), 32, axis=1)
    clean = fields @ endmembers  # four homogeneous fields
    noise = rng.normal(0, 0.05 * clean.std(), clean.shape)
    directions = np.linalg.qr((endmembers[1:] - endmembers[0]).T)[0]
    own = (noise @ directions).reshape(-1, directions.shape[1])

    def between(labels: IntArray) -> float:
        members = labels.ravel() - 1
        sizes = np.bincount(members)
        means = np.stack([np.bincount(members, column) / sizes for column in own.T], axis=1)
        chance = len(sizes) / len(own)
        return float(((means[members] ** 2).sum() / (own**2).sum() - chance) / (1 - chance))

    noisy = Cube(clean + noise)
    assert abs(between(superpixels(noisy))) < 0.01
    assert between(GENERATORS["clusters"].make(noisy)) > 0.02


@given(st.integers(1, 300), st.integers(1, 30), st.integers(0, 5))
def test_k_means_centres_are_nearest_to_their_own(size: int, count: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(size, 3))
    members = quantise(values, count)
    assert len(np.unique(members)) <= count
    means = np.stack([values[members == k].mean(axis=0) for k in np.unique(members)])
    place = np.searchsorted(np.unique(members), members)
    apart = ((values[:, None, :] - means[None, :, :]) ** 2).sum(axis=2)
    assert np.mean(apart.argmin(axis=1) == place) > 0.9  # all, once no centre moves any more
    np.testing.assert_array_equal(quantise(values, count), members)


@given(st.integers(1, 60), st.integers(1, 5), st.integers(1, 24))
def test_k_means_of_few_different_values_tells_all_of_them_apart(size: int, different: int, count: int) -> None:
    values = np.eye(5)[np.arange(size) % different]
    found = len(np.unique(quantise(values, count)))
    assert found == min(count, different, size)


def left(values: FloatArray, members: IntArray) -> float:
    """The sum of squared distances from the groups' means."""
    groups = [values[members == label] for label in np.unique(members)]
    return float(sum(((group - group.mean(axis=0)) ** 2).sum() for group in groups))


def plain_k_means(values: FloatArray, count: int, rng: np.random.Generator) -> IntArray:
    """Lloyd's rounds from values drawn at random."""
    centres = values[rng.choice(len(values), count, replace=False)]
    for _ in range(30):
        members = ((values[:, None] - centres) ** 2).sum(axis=2).argmin(axis=1)
        own = [values[members == label] for label in range(count)]
        centres = np.stack(
            [group.mean(axis=0) if len(group) else centre for group, centre in zip(own, centres, strict=True)]
        )
    return members


def test_k_means_leaves_less_than_it_does_from_plain_starts() -> None:
    """What its starts are for, on average over scenes."""
    ratios = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        values = np.concatenate([rng.normal(centre, 0.3, (50, 4)) for centre in rng.normal(0, 3, (12, 4))])
        plain = [left(values, plain_k_means(values, 12, rng)) for _ in range(5)]
        ratios.append(left(values, quantise(values, 12)) / float(np.median(plain)))
    assert np.exp(np.mean(np.log(ratios))) < 0.7, ratios


# --- combinations


@given(st.integers(0, 20), st.integers(1, 6), st.integers(1, 9), st.integers(1, 8))
def test_a_combination_refines_its_first_part_and_no_cell_is_tiny(seed: int, few: int, many: int, fewest: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = rng.integers(0, few + 1, (12, 9)), rng.integers(0, many + 1, (12, 9))
    cells = crossed(first, second, fewest)
    known = (first > 0) & (second > 0)
    np.testing.assert_array_equal(cells > 0, known)
    assert refines(cells, first)
    outer = np.bincount(first[known], minlength=few + 1)
    sizes = np.bincount(cells[known])
    assert (sizes[cells[known]] >= np.minimum(fewest, outer[first[known]])).all()
    assert set(np.unique(cells[known])) == set(range(1, int(cells.max()) + 1))
    if fewest == 1:
        assert refines(cells, second)


@pytest.mark.parametrize("other", [name for name in GENERATOR_NAMES if name != "acquisition"])
def test_within_each_acquisition(cube: Cube, other: str) -> None:
    side = side_information(cube, None, f"{other}+acquisition")
    assert side.sources == ("acquisition", other)
    assert refines(side.labels, GENERATORS["acquisition"].make(cube))
    check_labels(side.labels, cube)
    assert all(GENERATORS[name].status in side.status for name in side.sources)


def test_painted_regions_and_acquisitions_are_declared_and_segments_are_not(cube: Cube) -> None:
    annotation = painted(cube)
    declared = {
        choice: [side_information(cube, paint, choice).declared for paint in (None, annotation)]
        for choice in ("auto", "acquisition", "blocks", "acquisition+blocks", "none")
    }
    assert declared == {
        "auto": [0, 2],
        "acquisition": [2, 4],
        "blocks": [0, 2],
        "acquisition+blocks": [0, 2],
        "none": [0, 2],
    }


def test_parts_of_large_cells_are_kept_apart(cube: Cube) -> None:
    side = side_information(cube, None, "position+acquisition")
    assert refines(side.labels, position(cube))


def test_names_are_written_in_any_order() -> None:
    assert generator_names("blocks + acquisition") == ("acquisition", "blocks")
    assert IvaeSpec(auxiliary="blocks+acquisition") == IvaeSpec(auxiliary="acquisition+blocks+blocks")
    assert IvaeSpec().auxiliary == "auto"
    for wrong, sentence in (
        ("paint", "'paint' is not known: give auto, none, or acquisition, position, blocks, superpixels"),
        ("blocks+", "'' is not known"),
        ("none+blocks", "'none' can't be combined"),
        ("auto+none", "'auto' can't be combined"),
    ):
        with pytest.raises(ValueError, match=sentence):
            IvaeSpec(auxiliary=wrong)


# --- with paint


def test_painted_regions_are_numbered_without_gaps_and_the_rest_is_unknown(cube: Cube) -> None:
    annotation = painted(cube)
    side = side_information(cube, annotation, "auto")
    assert (side.source, side.count, side.painted_labels) == ("painted regions", 2, {3: 1, 7: 2})
    assert side.sources == ("painted regions",)
    assert (side.labels[annotation.labels == 7] == 2).all()
    assert (side.labels[annotation.labels == 0] == 0).all()
    # A material stroke is an anchor, not a region.
    assert (side.labels[annotation.labels == 9] == 0).all()


@pytest.mark.parametrize("choice", ["superpixels", "blocks", "acquisition+bands"])
def test_painted_labels_win_where_a_generator_is_asked_for_too(cube: Cube, choice: str) -> None:
    annotation = painted(cube)
    side = side_information(cube, annotation, choice)
    assert (side.labels[annotation.labels == 3] == 1).all()
    check_labels(side.labels, cube)
    rest = side.labels[(side.labels > 2)]
    assert set(np.unique(rest)) == set(range(3, side.count + 1))
    assert side.sources == ("painted regions", *choice.split("+"))
    assert all(GENERATORS[name].status in side.status for name in choice.split("+"))


def squares(cube: Cube, *sides: int) -> Annotation:
    """Regions 1, 2 … of these sides, one below the other."""
    labels, row = np.zeros(cube.shape[:2], np.int32), 6
    for number, side in enumerate(sides, start=1):
        labels[row : row + side, 6 : 6 + side] = number
        row += side
    return Annotation(labels)


@pytest.mark.parametrize(("sides", "claimed"), [((1,), False), ((9,), False), ((6, 6, 5), False), ((6, 6, 6), True)])
def test_painted_regions_make_a_claim_only_where_three_are_large_enough(
    cube: Cube, sides: tuple[int, ...], claimed: bool
) -> None:
    side = side_information(cube, squares(cube, *sides), "auto")
    assert side.usable == sum(length**2 >= 30 for length in sides)
    assert ("The theorems apply if" in side.status) == claimed
    assert ("Fewer than 3 regions of 30 pixels or more are painted, so no theorem's claim" in side.status) != claimed


def test_two_thousand_regions_of_one_pixel_make_no_claim(cube: Cube) -> None:
    labels = np.arange(1, cube.shape[0] * cube.shape[1] + 1).reshape(cube.shape[:2])
    side = side_information(cube, Annotation(labels), "auto")
    assert (side.usable, len(side.painted_labels) > 1500) == (0, True)
    assert "no theorem's claim" in side.status


def test_acquisitions_count_beside_painted_regions(cube: Cube) -> None:
    assert side_information(cube, squares(cube, 6), "acquisition").usable == 3
    assert side_information(cube, squares(cube, 6), "blocks").usable == 1


def test_without_regions_the_default_is_superpixels_even_beside_material_strokes(cube: Cube) -> None:
    single = replace(cube, acquisitions=None)
    only_material = Annotation(np.where(painted(cube).labels == 9, 9, 0), {9: Meaning("material", "rock")})
    for annotation in (None, only_material):
        side = side_information(single, annotation, "auto")
        assert side.source == "superpixels"
        assert "no claim of identifiability" in side.status
        assert "superpixels (auto: no region is painted)." in side.status


def test_without_regions_several_acquisitions_are_kept_apart_and_it_is_said(cube: Cube) -> None:
    side = side_information(cube, None, "auto")
    assert side.sources == ("acquisition", "superpixels")
    assert "auto: no region is painted, 2 acquisitions are joined" in side.status


def test_none_is_one_prior_for_all_valid_pixels(cube: Cube) -> None:
    side = side_information(cube, None, "none")
    np.testing.assert_array_equal(side.labels, cube.valid_pixels.astype(int))
    assert side.sources == ("none",)
    assert side_information(cube, painted(cube), "none").sources == ("painted regions",)


def test_a_single_acquisition_is_no_side_information(cube: Cube) -> None:
    with pytest.raises(UnmixError, match="is one acquisition, so acquisitions can't be side information"):
        side_information(replace(cube, acquisitions=None), None, "acquisition+blocks")
