"""Pictures are drawn for any shape and number, and the palette is one and stable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube
from napari_unmix.identifiability.report import Report
from napari_unmix.methods.registry import spec_class
from napari_unmix.output.palette import OKABE_ITO, annotation_colours, endmember_colours, rgb
from napari_unmix.output.pictures import draw_run


def make(shape: tuple[int, int, int], count: int, *, wavelengths: bool = True) -> tuple[Cube, Unmixing]:
    generator = np.random.default_rng(1)
    height, width, bands = shape
    good = np.ones(bands, bool)
    good[2] = False
    valid = np.ones((height, width), bool)
    valid[0, 0] = False
    nm = np.linspace(420, 2400, bands) if wavelengths else None
    cube = Cube(generator.random(shape), nm, good_bands=good, valid_pixels=valid, name="scene")
    abundances = generator.dirichlet(np.ones(count), size=(height, width)).astype(np.float32)
    abundances[0, 0] = np.nan
    endmembers = generator.random((count, bands))
    endmembers[:, 2] = np.nan
    names = tuple(f"material with a long name {k}" for k in range(count))
    return cube, Unmixing(
        endmembers, abundances, None, None, np.zeros((height, width)), names, spec_class("vca-fcls")(endmembers=count)
    )


@pytest.mark.parametrize(
    ("shape", "count", "wavelengths"),
    [((20, 20, 30), 3, True), ((8, 60, 12), 2, False), ((70, 9, 12), 12, True), ((4, 4, 5), 30, True)],
)
def test_pictures_of_any_shape(tmp_path: Path, shape: tuple[int, int, int], count: int, wavelengths: bool) -> None:
    cube, result = make(shape, count, wavelengths=wavelengths)
    paths = draw_run(cube, result, Report("partly", "Partly: a sentence. " * 12, ()), tmp_path)
    assert [path.name for path in paths] == ["abundances.png", "endmembers.png"]
    for path in paths:
        with Image.open(path) as image:
            assert 600 < image.width < 3000
            assert np.asarray(image.convert("L")).std() > 5  # not blank


def test_pictures_are_the_same_every_time_and_names_may_be_anything(tmp_path: Path) -> None:
    cube, result = make((20, 20, 30), 3)
    report = Report("partly", "Partly: $\\frac$ < & {x}.", ())
    hostile = replace(result, names=("_hidden", "$\\frac$ <b> & {x}", "two\nlines"))
    first = [path.read_bytes() for path in draw_run(cube, hostile, report, tmp_path)]
    assert [path.read_bytes() for path in draw_run(cube, hostile, report, tmp_path)] == first


def test_a_name_that_starts_with_an_underscore_is_in_the_legend(tmp_path: Path) -> None:
    cube, result = make((6, 6, 12), 2)
    legends = []
    for names in (("_a", "_b"), ("", "")):
        path = draw_run(cube, replace(result, names=names), Report("partly", "", ()), tmp_path)[1]
        with Image.open(path) as image:
            legends.append(np.asarray(image.convert("L"))[:90, -60:])
    assert (legends[0] != legends[1]).any()


@pytest.mark.parametrize("colours", [endmember_colours, annotation_colours])
def test_a_longer_palette_starts_with_the_shorter(colours) -> None:
    longest = colours(30)
    assert len(set(longest)) == 30
    for count in range(30):
        assert colours(count) == longest[:count]


def test_palette_is_okabe_ito_first_and_paint_is_muted() -> None:
    assert tuple(endmember_colours(7)) == OKABE_ITO
    assert rgb("#ff0080") == pytest.approx((1, 0, 128 / 255))
    for colour in annotation_colours(20):
        assert max(rgb(colour)) - min(rgb(colour)) < 0.35
