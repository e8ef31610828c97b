"""Searches along the answer's own route, and when more simulated twins are drawn: numbers in, one word out, on both sides of each line."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.identifiability.test_grading import answered, mixed_scene

from napari_unmix.cube import FloatArray
from napari_unmix.findings import Learned
from napari_unmix.geometry.along import route_of, search_along
from napari_unmix.geometry.archetypes import IN_PLANE, fit_archetypes
from napari_unmix.geometry.racing import TRIED
from napari_unmix.geometry.recipes import FacetEdges, PlaneArchetypes, SphereArchetypes, SupportedPicks, in_plane
from napari_unmix.identifiability.again.more_twins import MOST_TWINS, add_twins, undecided
from napari_unmix.identifiability.again.refits import Refits, Twin, angles
from napari_unmix.identifiability.again.searches import Searches
from napari_unmix.identifiability.checks.geometry import facet_tails
from napari_unmix.identifiability.subject import Subject, gather
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers


@pytest.fixture(scope="module")
def noisy() -> Subject:
    cube = mixed_scene(noise=0.002)
    return gather(cube, answered(cube))


def moved(subject: Subject, found: FloatArray) -> float:
    """The largest angle to the answer's endmembers (degrees)."""
    return float(angles(found[match_endmembers(found, subject.endmembers)], subject.endmembers).max())


@pytest.mark.parametrize(
    ("route", "within"),
    [
        (PlaneArchetypes(space="affine"), 0.1),
        (PlaneArchetypes(space="perspective"), 0.5),
        (SphereArchetypes(), 3.0),
        (SphereArchetypes(cone=True), 3.0),
        (FacetEdges(space="affine"), 1.0),
    ],
)
def test_every_route_finds_the_answer_again(
    noisy: Subject, route: PlaneArchetypes | SphereArchetypes | FacetEdges, within: float
) -> None:
    found = drain(search_along(route, noisy.spectra, noisy.endmembers, noisy.inversion, noisy.noise))
    assert moved(noisy, found) < within


def test_fresh_corners_count_where_known_ones_give_no_fit(noisy: Subject) -> None:
    nowhere = noisy.endmembers.copy()
    nowhere[1] = np.nan
    for route in (PlaneArchetypes(space="affine"), SphereArchetypes()):
        found = drain(search_along(route, noisy.spectra, nowhere, noisy.inversion, noisy.noise))
        assert moved(noisy, found) < 3


def test_a_fit_that_cannot_come_down_to_what_is_needed_is_given_up(noisy: Subject) -> None:
    plane = in_plane("affine", noisy.spectra, 3, noisy.noise)
    fits = (
        fit_archetypes(plane.scores, plane.scores[:3], plane.weights, IN_PLANE, needed=needed)
        for needed in (0.0, np.inf)
    )
    given_up, followed = (len(list(fit)) for fit in fits)
    assert TRIED <= given_up < followed


def test_searches_do_not_depend_on_the_order_of_what_is_known(noisy: Subject) -> None:
    searches, route = Searches(), PlaneArchetypes(space="affine")
    for order in ([0, 1, 2], [2, 0, 1]):
        drain(searches.along(route, noisy.spectra, noisy.endmembers[order], noisy.inversion, noisy.noise))
    assert len(searches) == 1
    drain(searches.along(SphereArchetypes(), noisy.spectra, noisy.endmembers, noisy.inversion, noisy.noise))
    assert len(searches) == 2


def test_routes_are_those_that_fits_can_follow() -> None:
    assert route_of(SphereArchetypes(cone=True)) == SphereArchetypes(cone=True)
    assert route_of(SupportedPicks()) is None
    assert route_of(Learned()) is None


@pytest.mark.parametrize("order", [[1, 2, 0], [0, 2, 1], [2, 1, 0]])
def test_tails_beyond_the_faces_go_with_their_endmembers(noisy: Subject, order: list[int]) -> None:
    found = noisy.findings.model_copy(update={"recipe": FacetEdges(space="affine")})
    extrapolated = replace(noisy, result=replace(noisy.result, findings=found))
    tails = facet_tails(extrapolated)
    assert tails is not None
    assert len(set(tails.round(6))) == 3
    assert facet_tails(replace(extrapolated, endmembers=noisy.endmembers[order])) == pytest.approx(tails[order])


@pytest.mark.parametrize(
    ("square", "error", "word"),
    [(4.3, 0.2, True), (4.3, 0.1, False), (3.7, 0.2, True), (3.7, 0.1, False), (4.0, 0.0, False), (9.0, 2.4, False)],
)
def test_a_number_within_its_own_scatter_of_the_line_is_undecided(square: float, error: float, word: bool) -> None:
    assert undecided(square, error) is word


def twins_at(subject: Subject, *degrees: float) -> Refits:
    """Made-up twins that are so far off."""
    across = np.linalg.qr(np.vstack([subject.endmembers, np.ones(subject.endmembers.shape[1])]).T)[0][:, -1]
    lengths = np.linalg.norm(subject.endmembers, axis=1, keepdims=True)
    return Refits(
        twins=tuple(Twin(subject.endmembers + np.tan(np.radians(one)) * lengths * across, 0.0) for one in degrees)
    )


def test_more_twins_are_drawn_near_the_line_alone_and_from_numbers_of_their_own(noisy: Subject) -> None:
    generator = np.random.default_rng(0)
    near = twins_at(noisy, 1.4, 2.0, 2.6)
    more = drain(add_twins(noisy, near, generator))
    assert more.twins[:3] == near.twins
    assert 3 < len(more.twins) <= MOST_TWINS
    for far in (twins_at(noisy, 0.9, 1.0, 1.1), twins_at(noisy, 3.0, 3.5, 4.0), Refits(), twins_at(noisy, 2.0)):
        assert drain(add_twins(noisy, far, generator)) is far
    assert generator.random() == np.random.default_rng(0).random()
