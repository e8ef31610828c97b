"""Side information: what is labelled, what counts as declared and usable, and what is said, on made-up cubes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_unmix.auxiliary import GENERATORS, blocks, make_side_information, position, side_information
from napari_unmix.auxiliary.information import PAINTED, SideInformation, in_use, statuses
from napari_unmix.auxiliary.labelling import crossed, numbered, ranks
from napari_unmix.auxiliary.names import generator_names
from napari_unmix.auxiliary.quantised import quantise
from napari_unmix.auxiliary.segments import principal_scores, second_half, superpixels
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.progress import drain
from napari_unmix.sentences import UnmixError


def flat(height: int, width: int, **more: np.ndarray) -> Cube:
    return Cube(np.full((height, width, 3), 0.5), **more)


# --- labels


def test_numbers_are_ascending_without_gaps_and_zero_where_unknown() -> None:
    raw, known = np.array([[7, -2, 7], [4, 9, 4]]), np.array([[True, True, True], [True, False, True]])
    np.testing.assert_array_equal(numbered(raw, known), [[3, 1, 3], [2, 0, 2]])


@pytest.mark.parametrize(
    "values", [[3, 0, 3, 1], [9, 0, 9, 900], [2, -5, 2, 0], []], ids=["few", "large", "negative", "none"]
)
def test_ranks_are_those_of_sorting(values: list[int]) -> None:
    found = ranks(np.array(values, np.int64))
    np.testing.assert_array_equal(found, np.unique(np.array(values, np.int64), return_inverse=True)[1])


def test_small_cells_of_a_label_join_and_stay_apart_from_other_labels() -> None:
    first = np.array([[1] * 10, [2] * 10])
    second = np.array([[1, 1, 1, 1, 1, 2, 2, 3, 3, 4], [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]])
    # Label 1: five and, joined, the five of three cells that are too small. Label 2: nine, and one that is too small even alone.
    expected = [[2, 2, 2, 2, 2, 1, 1, 1, 1, 1], [3, 3, 3, 3, 3, 3, 3, 3, 3, 3]]
    np.testing.assert_array_equal(crossed(first, second, 5), expected)
    kept = [[1, 1, 1, 1, 1, 2, 2, 3, 3, 4], [5, 5, 5, 5, 5, 5, 5, 5, 5, 6]]
    np.testing.assert_array_equal(crossed(first, second, 1), kept)
    np.testing.assert_array_equal(crossed(first, 0 * second, 1), 0)
    np.testing.assert_array_equal(crossed(first * (second > 1), second, 1)[:, :5], 0)


def test_without_a_size_ten_pixels_make_a_cell() -> None:
    first, second = np.ones((1, 19), int), np.repeat([1, 2], [10, 9])[None]
    assert crossed(first, second).max() == 1
    assert crossed(np.ones((1, 20), int), np.repeat([1, 2], [10, 10])[None]).max() == 2


def tiles(height: int, width: int, side: int) -> np.ndarray:
    rows, columns = np.arange(height) // side, np.arange(width) // side
    return 1 + rows[:, None] * (columns[-1] + 1) + columns


@pytest.mark.parametrize(
    ("height", "width", "pixels", "side"),
    [(100, 90, 60, 8), (100, 90, 200, 14), (12, 12, 60, 3), (5, 4, 60, 2), (1000, 800, 60, 20), (16, 17, 4, 2), (30, 30, 20, 4)],
)  # fmt: skip
def test_blocks_are_square_tiles_within_limits(height: int, width: int, pixels: int, side: int) -> None:
    np.testing.assert_array_equal(blocks(flat(height, width), pixels), tiles(height, width, side))


def test_blocks_hold_sixty_pixels() -> None:
    np.testing.assert_array_equal(blocks(flat(64, 64)), tiles(64, 64, 8))


@pytest.mark.parametrize(("length", "strata"), [(3, 1), (7, 1), (8, 2), (11, 2), (12, 3), (16, 4), (100, 4)])
def test_strata_are_four_pixels_and_a_quarter_of_the_axis_at_least(length: int, strata: int) -> None:
    expected = 1 + np.arange(length) * strata // length
    np.testing.assert_array_equal(position(flat(length, 1))[:, 0], expected)
    np.testing.assert_array_equal(position(flat(1, length))[0], expected)


def test_strata_of_rows_and_columns_are_crossed() -> None:
    np.testing.assert_array_equal(position(flat(8, 8))[[0, 0, 7, 7], [0, 7, 0, 7]], [1, 2, 3, 4])


def test_pixels_of_no_acquisition_are_unknown() -> None:
    acquisitions = np.array([[0, 2, 2], [5, 5, 0]])
    cube = flat(2, 3, acquisitions=acquisitions)
    np.testing.assert_array_equal(GENERATORS["acquisition"].make(cube), [[0, 1, 1], [2, 2, 0]])
    # What a source leaves unknown gets no u, and the others keep theirs without a gap.
    side = side_information(cube, None, "acquisition")
    np.testing.assert_array_equal(side.labels, [[0, 1, 1], [2, 2, 0]])
    painted = Annotation(np.array([[0, 9, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(side_information(cube, painted, "acquisition").labels, [[0, 1, 2], [3, 3, 0]])


def test_a_neighbourhood_is_the_mean_of_the_valid_pixels_around() -> None:
    generator = np.random.default_rng(0)
    valid = generator.uniform(size=(14, 12)) > 0.3
    valid[:3, :3] = np.eye(3)[1] > 0  # a row of three, and nothing else near the corner
    cube = Cube(generator.uniform(size=(14, 12, 5)), valid_pixels=valid)
    scores = np.asarray(cube.image(principal_scores(cube.pixels(), 8)))
    means, known = [], np.zeros(valid.shape, bool)
    for row, column in zip(*np.nonzero(valid), strict=True):
        near = [
            scores[i, j]
            for i in range(max(row - 1, 0), min(row + 2, 14))
            for j in range(max(column - 1, 0), min(column + 2, 12))
            if valid[i, j] and (i, j) != (row, column)
        ]
        known[row, column] = bool(near)
        means += [np.mean(near, axis=0)] if near else []
    raw = np.zeros(valid.shape, int)
    raw[known] = quantise(np.array(means), 2)
    np.testing.assert_array_equal(GENERATORS["neighbours"].make(cube), numbered(raw, known))


def test_as_many_clusters_as_sixty_pixels_each_allow_and_at_most_two_dozen() -> None:
    generator = np.random.default_rng(1)

    def clusters(*shape: int) -> int:
        return int(GENERATORS["clusters"].make(Cube(generator.uniform(size=(*shape, 6)))).max())

    assert [clusters(5, 5), clusters(11, 11), clusters(12, 15), clusters(20, 30), clusters(50, 60)] == [2, 2, 3, 10, 24]


def test_quantised_values_are_their_own_groups_where_these_are_far_apart() -> None:
    centres = np.array([[0.0, 0.0], [10, 0], [0, 10], [10, 10]])
    members = np.random.default_rng(2).integers(4, size=400)
    values = centres[members] + np.random.default_rng(3).normal(0, 0.1, (400, 2))
    found = quantise(values, 4)
    assert len(np.unique(np.stack([found, members]), axis=1).T) == 4
    many = quantise(np.tile(values, (130, 1)), 4)  # 52 000: more than are learnt from, and than are labelled at once
    np.testing.assert_array_equal(many, np.tile(many[:400], 130))
    assert len(np.unique(np.stack([many[:400], members]), axis=1).T) == 4
    assert len(np.unique(quantise(np.ones((9, 2)), 4))) == 1
    assert len(quantise(np.zeros((0, 2)), 4)) == 0


def test_a_held_out_half_is_every_second_band_where_that_is_enough() -> None:
    spectra = np.arange(14.0).reshape(2, 7)
    np.testing.assert_array_equal(second_half(spectra), [[1, 3, 5], [8, 10, 12]])
    np.testing.assert_array_equal(second_half(spectra, 3), [[1, 3, 5], [8, 10, 12]])
    np.testing.assert_array_equal(second_half(spectra, 4), spectra)
    assert second_half(spectra[:, :1]).shape == (2, 1)


def test_principal_scores_are_the_centred_leading_ones() -> None:
    spectra = np.random.default_rng(4).normal(3, 1, (50, 4)) * [1, 5, 2, 0.1]
    centred = spectra - spectra.mean(axis=0)
    expected = np.abs(centred @ np.linalg.svd(centred)[2][:2].T)
    np.testing.assert_allclose(np.abs(principal_scores(spectra, 2)), expected, atol=1e-9)
    assert principal_scores(spectra, 8).shape == (50, 4)
    assert principal_scores(spectra[:0], 2).shape == (0, 2)


def test_superpixels_are_twenty_at_least_and_two_thousand_at_most_and_see_what_is_bright() -> None:
    generator = np.random.default_rng(5)
    assert 12 <= superpixels(Cube(generator.uniform(size=(20, 20, 8))), 400).max() <= 30
    assert 1500 <= superpixels(Cube(generator.uniform(size=(80, 80, 8))), 1).max() <= 2100
    halves = np.full((24, 24, 8), 0.2)
    halves[:, 12:] = 0.6
    labels = superpixels(Cube(1000 * (halves + generator.normal(0, 0.01, halves.shape))))
    assert not np.isin(labels[:, :11], labels[:, 13:]).any()


# --- names


@pytest.mark.parametrize(
    ("written", "names"),
    [
        ("auto", ("auto",)),
        (" none ", ("none",)),
        ("blocks", ("blocks",)),
        ("blocks+blocks", ("blocks",)),
        ("clusters+bands+position", ("position", "bands", "clusters")),
    ],
)
def test_names_are_put_in_order(written: str, names: tuple[str, ...]) -> None:
    assert generator_names(written) == names


@pytest.mark.parametrize("written", ["auto+auto", "auto+blocks", "blocks+none", "", "blocks+no such source"])
def test_words_that_are_no_names_or_stand_alone_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="side information"):
        generator_names(written)


# --- what is in use, declared and usable


@pytest.mark.parametrize(
    ("choice", "painted", "acquisitions", "expected"),
    [
        ("auto", False, 1, ("superpixels",)),
        ("auto", False, 2, ("acquisition", "superpixels")),
        ("auto", True, 1, ()),
        ("auto", True, 2, ()),
        ("none", False, 1, ("none",)),
        ("none", True, 1, ()),
        ("blocks", True, 1, ("blocks",)),
        ("blocks", False, 3, ("blocks",)),
    ],
)
def test_what_labels_the_unpainted_pixels(
    choice: str, painted: bool, acquisitions: int, expected: tuple[str, ...]
) -> None:
    assert in_use(choice, painted=painted, acquisitions=acquisitions) == expected


def side(sources: tuple[str, ...], sizes: list[int], painted: int) -> SideInformation:
    labels = np.repeat(np.arange(len(sizes)), sizes)[None]
    return SideInformation(labels, sources, {10 * k: k for k in range(1, painted + 1)}, ("One.", "Two."))


@pytest.mark.parametrize(
    ("sources", "painted", "declared", "usable"),
    [
        ((PAINTED,), 4, 4, 3),
        ((PAINTED, "blocks"), 2, 2, 1),
        ((PAINTED, "acquisition"), 2, 4, 3),
        (("acquisition",), 0, 4, 3),
        (("acquisition", "blocks"), 0, 0, 0),
        (("superpixels",), 0, 0, 0),
    ],
)
def test_regions_that_a_person_declared_and_those_of_thirty_pixels(
    sources: tuple[str, ...], painted: int, declared: int, usable: int
) -> None:
    made = side(sources, [500, 30, 29, 31, 40], painted)
    assert (made.count, made.declared, made.usable) == (4, declared, usable)


def test_what_claims_rest_on() -> None:
    assert side((PAINTED, "blocks"), [1, 2], 1).source == PAINTED
    assert side(("acquisition", "blocks"), [1, 2], 0).source == "acquisition+blocks"
    assert side((PAINTED,), [1, 2], 1).status == "One. Two."
    assert SideInformation(np.zeros((0, 0), int), (), {}, ()).count == 0


# --- what is said


@pytest.mark.parametrize(("usable", "claimed"), [(2, False), (3, True), (4, True)])
def test_painted_regions_claim_the_theorems_from_three_usable_ones_on(usable: int, claimed: bool) -> None:
    (said,) = statuses("auto", painted=True, usable=usable)
    assert said.startswith("Side information: painted regions. ")
    assert ("The theorems apply if" in said) is claimed
    assert ("no theorem's claim is made" in said) is not claimed


def test_without_a_number_painted_regions_are_enough() -> None:
    assert "The theorems apply if" in statuses("auto", painted=True)[0]


def test_the_reason_is_said_where_auto_chose_and_the_weakest_where_parts_meet() -> None:
    (one,) = statuses("auto", painted=False)
    assert one.startswith("Side information: superpixels (auto: no region is painted). Made from the cube")
    several = statuses("auto", painted=False, acquisitions=2)
    assert several[0] == (
        "Side information: acquisitions × superpixels (auto: no region is painted, 2 acquisitions are joined). "
        "Together they allow no more than the weakest of them."
    )
    assert [said.split(":")[0] for said in several[1:]] == ["Acquisitions", "Superpixels"]
    painted, beside = statuses("blocks", painted=True)
    assert painted.startswith("Side information: painted regions.")
    assert beside.startswith("Unpainted pixels: blocks. Independent of the noise")
    assert statuses("blocks", painted=False)[0].startswith("Side information: blocks. Independent")
    assert "auto" not in statuses("acquisition", painted=False, acquisitions=2)[0]


def test_u_of_a_painted_cube_says_what_its_own_regions_carry() -> None:
    labels = np.zeros((20, 20), int)
    labels[:6, :5], labels[6:12, :5], labels[12:18, :5] = 2, 3, 4
    cube = flat(20, 20)
    assert side_information(cube, Annotation(labels), "auto").status.count("The theorems apply if") == 1
    cube = replace(cube, valid_pixels=np.arange(400).reshape(20, 20) != 0)
    side = side_information(cube, Annotation(labels), "auto")
    assert (side.usable, side.labels[0, 0], side.labels[0, 1]) == (2, 0, 1)
    assert "no theorem's claim is made" in side.status


def test_only_regions_that_are_still_visible_count_and_materials_are_none() -> None:
    labels = np.zeros((6, 6), int)
    labels[0], labels[1], labels[2] = 4, 7, 5
    cube = flat(6, 6, valid_pixels=np.arange(36).reshape(6, 6) >= 6)
    side = side_information(cube, Annotation(labels, {5: Meaning("material", "rock")}), "auto")
    assert side.painted_labels == {7: 1}
    np.testing.assert_array_equal(np.unique(side.labels[2:]), 0)
    with pytest.raises(UnmixError, match="crop to, the cube's size"):
        side_information(flat(5, 6), Annotation(labels), "auto")


def test_cells_of_a_combination_are_as_large_as_the_scene_asks() -> None:
    acquisitions = np.ones((6, 8), int)
    acquisitions[:, 4:] = 2
    cube = flat(6, 8, acquisitions=acquisitions)
    # Blocks of two by two have four pixels, fewer than ten: within each acquisition they are one.
    assert side_information(cube, None, "acquisition+blocks").count == 2
    assert side_information(flat(6, 8), None, "blocks").count == 12


def test_each_part_is_announced_before_it_is_made() -> None:
    seen = []
    drain(make_side_information(flat(40, 40), None, "position+blocks"), seen.append)
    assert [(one.stage, one.step, one.total, one.fraction) for one in seen] == [
        ("making the side information (position)", 0, 2, 0.0),
        ("making the side information (blocks)", 1, 2, 0.0),
    ]
