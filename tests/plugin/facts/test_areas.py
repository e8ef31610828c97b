"""Shares and areas, by made-up numbers."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from napari_unmix.cube import Annotation, Georeference, Meaning
from napari_unmix.io.place.ground import Ground, ground_of
from napari_unmix.plugin.facts import areas as facts
from napari_unmix.plugin.facts.areas import Areas, Asked, Outline, area_of, area_unit, covered, measured, number_text
from napari_unmix.progress import drain

SQUARE = np.array([[1.0, 1.0], [1.0, 4.0], [3.0, 4.0], [3.0, 1.0]])


def asked(**others: Any) -> Asked:
    """Two endmembers on 4×6 pixels: the left half is all of the first, the right half a quarter of it; one pixel holds no data."""
    shares = np.zeros((4, 6, 2), np.float32)
    shares[:, :3] = (1.0, 0.0)
    shares[:, 3:] = (0.25, 0.75)
    shares[0, 0] = np.nan
    given: dict[str, Any] = {"abundances": shares, "spread": None, "annotation": None, "outlines": (), **others}
    return Asked(**given)


def test_shares_of_image_regions_and_shapes() -> None:
    labels = np.zeros((4, 6), int)
    labels[0, :2], labels[2:, 4:], labels[3, 0] = 1, 2, 3
    annotation = Annotation(labels, {2: Meaning("material", "rock"), 3: Meaning("ignore")})
    found = drain(measured(asked(annotation=annotation, outlines=(Outline("field", SQUARE),)), Ground()))
    assert [(zone.name, zone.kind, zone.pixels) for zone in found.zones] == [
        ("whole image", "image", 23),
        ("region 1", "region", 1),  # the other one holds no data
        ("rock", "region", 4),
        ("field", "shape", 6),
    ]
    shares = [[amount.share for amount in zone.amounts] for zone in found.zones]
    np.testing.assert_allclose(shares[0], [(11 + 12 * 0.25) / 23, 12 * 0.75 / 23])
    np.testing.assert_allclose(shares[1:3], [[1, 0], [0.25, 0.75]])
    np.testing.assert_allclose(shares[3], [(4 + 2 * 0.25) / 6, 2 * 0.75 / 6])


def test_the_error_is_that_of_pixels_which_err_by_themselves_and_beside_it_that_of_all_together() -> None:
    spread = np.full((4, 6, 2), 0.3, np.float32)
    spread[0, 0] = np.nan
    amount = drain(measured(asked(spread=spread), Ground())).zones[0].amounts[0]
    assert amount.error == pytest.approx(0.3 / np.sqrt(23))
    assert amount.common == pytest.approx(0.3)


def test_blocks_give_what_the_whole_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    spread = np.random.default_rng(0).random((4, 6, 2)).astype(np.float32)
    whole = drain(measured(asked(spread=spread), Ground()))
    monkeypatch.setattr(facts, "BLOCK_VALUES", 6)
    steps = []
    parts = drain(measured(asked(spread=spread), Ground()), steps.append)
    assert len(steps) > 8
    for one, other in zip(whole.zones[0].amounts, parts.zones[0].amounts, strict=True):
        assert (one.share, one.error) == pytest.approx((other.share, other.error))


def test_a_shape_beside_the_image_and_a_line_cover_nothing() -> None:
    outlines = (Outline("away", SQUARE + 50), Outline("line", SQUARE[:2]))
    found = drain(measured(asked(outlines=outlines), Ground()))
    assert [zone.pixels for zone in found.zones] == [23, 0, 0]
    assert np.isnan(found.zones[1].amounts[0].share)


def test_shapes_with_a_common_side_share_no_pixel() -> None:
    left, right = covered(SQUARE, (9, 9)), covered(SQUARE + np.array([0, 3]), (9, 9))
    assert left.size == right.size == 6
    assert not set(left) & set(right)
    assert covered(SQUARE - 2, (9, 9)).tolist() == [0, 1]  # what is outside is cut off
    assert set(covered(SQUARE[::-1], (9, 9))) == set(left)


def test_a_triangle_is_half_of_its_square() -> None:
    assert covered(np.array([[-0.5, -0.5], [-0.5, 99.5], [99.5, -0.5]]), (200, 200)).size == pytest.approx(
        5000, rel=0.02
    )


UTM = (
    'PROJCS["WGS 84 / UTM 11N",GEOGCS["WGS 84",DATUM["D",SPHEROID["S",6378137,298.25]],UNIT["degree",0.0174]],'
    'PROJECTION["Transverse_Mercator"],UNIT["{}",{}]]'
)
WKT2 = (
    'PROJCRS["a",BASEGEOGCRS["b",DATUM["c",ELLIPSOID["d",6378137,298.25,LENGTHUNIT["metre",1]]]],CONVERSION["e",METHOD["f"],'
    'PARAMETER["g",500,LENGTHUNIT["metre",1]]],CS[Cartesian,2],AXIS["x",east,LENGTHUNIT["US survey foot",0.3048006]]]'
)


@pytest.mark.parametrize(
    ("crs", "area"),
    [
        ("EPSG:32611", 600.0),
        ("EPSG:32760", 600.0),
        (UTM.format("metre", "1"), 600.0),
        (UTM.format("US survey foot", "0.3048006"), 600 * 0.3048006**2),
        (WKT2, 600 * 0.3048006**2),
    ],
)
def test_the_ground_of_a_pixel_in_a_projected_system(crs: str, area: float) -> None:
    ground = ground_of(Georeference((20.0, 0, 5e5, 0, -30.0, 4e6), crs))
    assert ground.why_not == ""
    assert ground.area == pytest.approx(area)
    assert ground.right / ground.down == pytest.approx(20 / 30)


def test_a_turned_pixel_has_its_area() -> None:
    turn, side = np.radians(30), 10
    a, b = side * np.cos(turn), side * np.sin(turn)
    ground = ground_of(Georeference((a, b, 0, b, -a, 0), "EPSG:25833"))
    assert (ground.area, ground.right) == pytest.approx((100, 10))


@pytest.mark.parametrize(
    ("crs", "says"),
    [
        ("EPSG:4326", "degrees"),
        ('GEOGCS["Moon",DATUM["D",SPHEROID["M",1737400,0]],UNIT["Degree",0.0174]]', "degrees"),
        ("EPSG:3857", "Mercator"),
        ("", "no coordinate system"),
        ("LOCAL 7", "not known"),
    ],
)
def test_why_there_are_no_areas(crs: str, says: str) -> None:
    ground = ground_of(Georeference((1.0, 0, 0, 0, -1.0, 0), crs))
    assert says in ground.why_not
    assert "pixels" in ground.why_not
    assert ground.area == 0
    assert "does not lie on a map" in ground_of(None).why_not
    assert "no extent" in ground_of(Georeference((0.0, 0, 0, 0, 0.0, 0), "EPSG:32611")).why_not


@pytest.mark.parametrize(("side", "unit"), [(0.2, "m²"), (30.0, "m²"), (200.0, "ha"), (2000.0, "km²")])
def test_the_unit_suits_the_image(side: float, unit: str) -> None:
    areas = drain(measured(asked(), Ground(side, side, side**2)))
    assert area_unit(areas) == unit
    assert area_of(2, areas) == pytest.approx(2 * side**2 / facts.SQUARE_METRES[unit])
    without = drain(measured(asked(), Ground(why_not="no map")))
    assert (area_unit(without), area_of(2, without)) == ("pixels", 2)


@pytest.mark.parametrize(
    ("value", "text"), [(12345.6, "12\u202f300"), (1.2345, "1.23"), (0.01234, "0.0123"), (0, "0"), (float("nan"), "–")]
)
def test_three_figures(value: float, text: str) -> None:
    assert number_text(value) == text


def test_the_table_for_other_programs_reads_back() -> None:
    spread = np.full((4, 6, 2), 0.1, np.float32)
    areas = drain(measured(asked(spread=spread), Ground(2, 2, 4.0)))
    rows = list(csv.DictReader(io.StringIO(facts.table_csv(areas, ("a, b", 'c "d"')))))
    assert [row["endmember"] for row in rows] == ["a, b", 'c "d"']
    assert float(rows[1]["area_m2"]) == pytest.approx(4 * 9.0)
    assert float(rows[0]["share_std_independent_pixels"]) == pytest.approx(0.1 / np.sqrt(23), rel=1e-4)
    without = Areas(areas.asked, areas.zones, Ground(why_not="no map"))
    assert next(iter(csv.DictReader(io.StringIO(facts.table_csv(without, ("a", "b"))))))["area_m2"] == ""


def test_of_composition_no_area_is_claimed_in_table_or_sentence() -> None:
    areas, fractions = (
        drain(measured(asked(composition=composition), Ground(2, 2, 4.0))) for composition in (True, False)
    )
    assert facts.no_areas(fractions) == ""
    assert "choose the brightness “own” in step 3" in facts.no_areas(areas)
    rows = list(csv.DictReader(io.StringIO(facts.table_csv(areas, ("a", "b")))))
    assert {(row["area_pixels"], row["area_m2"]) for row in rows} == {("", "")}
    assert float(rows[0]["share"]) == pytest.approx((11 + 12 * 0.25) / 23, rel=1e-5)
    assert not areas.asked.same_as(fractions.asked)


@pytest.mark.parametrize(
    ("light", "brightness", "composition"), [(False, "maximum", False), (True, "maximum", True), (True, "own", False)]
)
def test_whether_shares_are_composition(
    light: bool, brightness: str, composition: bool, session: Any, tools: Any
) -> None:
    from napari_unmix.methods.registry import spec_class
    from napari_unmix.plugin.facts.asking import asked_now
    from napari_unmix.plugin.verbs.controller import Controller
    from napari_unmix.plugin.verbs.runners import run_inline

    def fit(cube: Any, spec: Any, annotation: Any) -> Any:
        yield from ()
        made = tools.make_unmixing(cube, spec)
        return replace(made, illumination=np.ones(cube.shape[:2], np.float32) if light else None)

    controller = Controller(session, run_inline, tools.make_engine(unmix=fit))
    controller.add_cube(tools.make_cube())
    session.spec = spec_class("vca-fcls").model_validate({"illumination": light, "brightness": brightness})
    controller.start()
    found = asked_now(session)
    assert found is not None
    assert found.composition is composition


def test_what_was_asked_is_told_by_identity() -> None:
    one = asked()
    assert one.same_as(Asked(one.abundances, one.spread, one.annotation, one.outlines))
    assert not one.same_as(asked())
    assert not one.same_as(None)
