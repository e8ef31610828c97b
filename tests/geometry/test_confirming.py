"""How far a stroke draws the endmember that it confirms, on made-up numbers."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unmix.geometry.anchoring import left_by
from napari_unmix.geometry.confirming import (
    AGREE,
    AS_BRIGHT,
    PURE,
    Confirmed,
    _brightness,
    _towards,
    confirm,
    directions,
    no_worse,
    parts,
)
from napari_unmix.geometry.found import CHORD_CONE, NO_EXCESS, UNDETERMINED, Found
from napari_unmix.geometry.recipes import SphereArchetypes
from napari_unmix.progress import drain
from napari_unmix.rows.inversion import inversion
from napari_unmix.rows.metrics import spectral_angle

# Three materials of six bands, no two alike.
ENDMEMBERS = np.array([[1.0, 0.1, 0.1, 0.5, 0.2, 0.1], [0.1, 1.0, 0.1, 0.1, 0.5, 0.2], [0.1, 0.1, 1.0, 0.2, 0.1, 0.5]])


def scene() -> np.ndarray:
    """(400, 6) mixtures: of the first material four pixels are pure, and the next eighty 0.965 of it; ten of each other one are pure."""
    generator = np.random.default_rng(0)
    abundances = generator.dirichlet(np.ones(3), 400)
    abundances[:4], abundances[4:84] = [1.0, 0.0, 0.0], [0.965, 0.035, 0.0]
    abundances[84:94], abundances[94:104] = [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]
    return abundances @ ENDMEMBERS + 1e-3 * generator.normal(size=(400, 6))


def confirmed(*, determined: bool, purity: float = 1.0, light: bool = True) -> Confirmed:
    """What becomes of the exact endmembers where the first was painted on pixels that are a little of the second."""
    painted = [np.arange(4, 84)]
    way = inversion(free_light=light)
    return drain(confirm(scene(), ENDMEMBERS, painted, np.array([purity]), way, determined=determined))


@pytest.mark.parametrize(
    ("apart", "determined"),
    [(None, False), ((1.0, UNDETERMINED), True), ((1.0, UNDETERMINED + 1e-9), False), ((0.0, 0.0), True)],
)
def test_data_say_where_endmembers_are_where_chord_and_cone_say_the_same(
    apart: tuple[float, ...] | None, determined: bool
) -> None:
    numbers = {} if apart is None else {CHORD_CONE: apart}
    assert Found(ENDMEMBERS, SphereArchetypes(), 0.0, NO_EXCESS, numbers=numbers).determined is determined


def test_a_part_falls_with_the_cube_of_purity_and_is_less_where_the_data_say_enough() -> None:
    purities = np.array([1.0, 0.5, 1.2, 0.0])
    np.testing.assert_allclose(parts(purities, determined=False), [1 / 2, 1 / 16, 1 / 2, 0])
    np.testing.assert_allclose(parts(purities, determined=True), [1 / 3, 1 / 24, 1 / 3, 0])


def test_no_worse_is_of_each_endmember_alone() -> None:
    spectra, exact = scene(), directions(ENDMEMBERS)
    inward = directions(0.8 * exact + 0.2 * exact[[1, 2, 0]])
    np.testing.assert_array_equal(no_worse(spectra, exact, exact), [True] * 3)  # as much is not more
    np.testing.assert_array_equal(no_worse(spectra, exact, inward), [False] * 3)
    wrong = exact.copy()
    wrong[0] = inward[0]
    np.testing.assert_array_equal(no_worse(spectra, wrong, np.vstack([exact[0], inward[1]])), [True, False])


def test_a_stroke_that_would_leave_more_of_the_scene_moves_what_the_data_do_not_say_and_nothing_else() -> None:
    exact = directions(ENDMEMBERS)
    sure, unsure = confirmed(determined=True), confirmed(determined=False)
    assert sure.agree.tolist() == unsure.agree.tolist() == [True]
    np.testing.assert_array_equal(sure.endmembers, exact)
    assert left_by(scene(), unsure.endmembers) > left_by(scene(), exact)
    assert 0.05 < np.degrees(spectral_angle(unsure.endmembers[0], exact[0])) < np.degrees(AGREE) / 2
    np.testing.assert_array_equal(unsure.endmembers[1:], exact[1:])  # nobody painted them


def test_the_less_pure_a_stroke_the_less_it_draws() -> None:
    exact = directions(ENDMEMBERS)
    moved = [
        float(spectral_angle(confirmed(determined=False, purity=purity).endmembers[0], exact[0]))
        for purity in (1.0, 0.8, 0.0)
    ]
    assert moved[0] > 1.5 * moved[1] > 0
    assert moved[2] < 1e-6


@pytest.mark.parametrize(("share", "counts"), [(PURE + 0.01, True), (PURE - 0.01, False)])
def test_brightness_is_measured_where_the_stroke_is_pure(share: float, counts: bool) -> None:
    dim = ENDMEMBERS * 0.9
    painted = np.repeat(1.05 * np.array([[share, 1 - share, 0.0]]) @ dim, 6, axis=0)
    lengths = np.linalg.norm(dim, axis=1)
    changed = _brightness(painted, dim, [np.arange(6)])
    assert bool(changed[0] != lengths[0]) is counts
    np.testing.assert_array_equal(changed[1:], lengths[1:])
    np.testing.assert_array_equal(_brightness(painted, dim, [np.arange(2)]), lengths)  # too few


@pytest.mark.parametrize(
    ("times", "expected"),
    [(AS_BRIGHT - 1e-6, AS_BRIGHT ** (1 / 3)), (AS_BRIGHT + 1e-6, 1.0), (1 / AS_BRIGHT - 1e-6, 1.0)],
)
def test_brightness_is_drawn_by_a_third_where_both_are_alike(times: float, expected: float) -> None:
    assert _towards(2.0, 2.0 * times) == pytest.approx(2.0 * expected, rel=1e-5)
