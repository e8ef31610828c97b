"""What the search made of a stroke is told by the material's name, in notes and findings."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import BACKGROUND, Findings, StrokeFound
from napari_unmix.methods.registry import method_specs
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain

SPECTRA = np.random.default_rng(5).uniform(0.1, 0.9, (3, 20))
How = Literal["names", "confirms", "anchors", "refused"]


def unmixed(rough: bool) -> Unmixing:
    """Grass and road mix linearly, roof stands in one line; its stroke runs along that line, or across it."""
    right = np.linspace(0, 1, 50)
    shares = np.zeros((40, 50, 3))
    shares[..., 0], shares[..., 1] = 1 - right, right
    shares[20] = (0.0, 0.0, 1.0)
    noise = 0.003 * np.random.default_rng(0).normal(size=(40, 50, 20))
    cube = Cube(shares @ SPECTRA + noise, np.linspace(450, 900, 20))
    labels = np.zeros((40, 50), np.int32)
    labels[5:9, 0:3], labels[5:9, 47:] = 1, 2
    labels[12:28, 24:26] = 3 if rough else 0
    labels[20, 5:45] = 3
    if rough:
        labels[20, 5:24] = labels[20, 26:45] = 0
    names = ("grass", "road", "roof")
    painted = Annotation(labels, {k + 1: Meaning("material", name) for k, name in enumerate(names)})
    return drain(unmix(cube, method_specs()["region-contrast"](endmembers=3, illumination=False), painted))


@pytest.mark.parametrize("rough", [False, True])
def test_a_rough_stroke_is_told_of_by_its_name_and_moves_nothing(rough: bool) -> None:
    result = unmixed(rough)
    assert result.names == ("grass", "road", "roof")
    strokes = result.findings.strokes
    assert [one.material for one in strokes] == ["grass", "road", "roof"]
    assert [one.background for one in strokes] == [False, False, rough]
    told = [str(note) for note in result.notes if "“roof”" in note.sentence]
    assert bool(told) is rough
    assert all(one.endswith("Paint only where the material is pure.") for one in told)
    np.testing.assert_allclose(result.endmembers, SPECTRA, atol=0.02)


def test_what_was_found_of_strokes_reads_back_from_a_folder() -> None:
    findings = Findings(strokes=(StrokeFound(material="roof", how="refused", purity=0.1, cost=3.0),))
    assert Findings.model_validate_json(findings.model_dump_json()) == findings
    assert Findings.model_validate({}).strokes == ()  # of a run of before


@pytest.mark.parametrize(
    ("how", "purity", "background"),
    [
        ("names", BACKGROUND, False),
        ("names", BACKGROUND - 1e-9, True),
        ("refused", BACKGROUND - 1e-9, True),
        ("anchors", 0.0, False),
        ("confirms", 0.0, False),
    ],
)
def test_what_is_mostly_background(how: How, purity: float, background: bool) -> None:
    assert StrokeFound(how=how, purity=purity).background is background


@pytest.mark.parametrize(
    ("found", "sentence", "advised"),
    [
        (StrokeFound(how="names", purity=0.83), "names its endmember (83 % of the stroke is it).", False),
        (StrokeFound(how="names", purity=0.05), "mostly background: 5 % of it is the endmember that it names", True),
        (StrokeFound(how="refused", purity=0.9, cost=2.96), "with it the fit leaves 3.0 × as much", True),
        (StrokeFound(how="anchors", purity=0.9, cost=1.1), "anchors an endmember that the search had not found", False),
        (StrokeFound(how="confirms", purity=0.9), "confirms the endmember that it names", False),
    ],
)
def test_each_end_of_a_stroke_has_its_sentence(found: StrokeFound, sentence: str, advised: bool) -> None:
    assert sentence in found.said
    assert bool(found.advice) is advised
    assert str(found.model_copy(update={"material": "roof"})).startswith("Stroke “roof”: ")
