"""A verdict survives its folder: assess(cube, read(write(run))) == assess(cube, run), every check and every number.

For every method, mixing, source of u and kind of painting: what the judge reads of an answer is all in its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from napari_unmix.answer import Unmixing
from napari_unmix.auxiliary import GENERATORS
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import (
    ContrastFound,
    Findings,
    MixingFound,
    MomentsFound,
    PriorFound,
    Recipe,
    RestartsFound,
    VariabilityFound,
)
from napari_unmix.geometry.recipes import FacetEdges, MinimumVolume, PlaneArchetypes, SphereArchetypes
from napari_unmix.identifiability.report import Report
from napari_unmix.joining import join_cubes
from napari_unmix.methods.registry import method_specs
from napari_unmix.output.run import read_run, write_run
from napari_unmix.pipeline import assess, unmix
from napari_unmix.progress import drain
from napari_unmix.synthetic import blind_scene, region_scene

Subject = tuple[Cube, Annotation | None]
SMALL = {"epochs": 1, "batch": 256}
LIT = ("ivae", "region-contrast", "vca-fcls", "sisal")  # light is divided out in one place: a method of each kind tells


def regions() -> Subject:
    scene = region_scene(2, materials=3, regions=12, size=32)
    return scene.cube, scene.annotation


def blind(kind: str = "linear", *, pure: bool = False) -> Callable[[], Subject]:
    def make() -> Subject:
        return blind_scene(3, materials=3, pure=pure, kind=kind, decibels=30, size=18).cube, None  # type: ignore[arg-type]

    return make


def acquisitions() -> Subject:
    cube = blind_scene(3, materials=3, pure=True, kind="linear", decibels=35, size=24).cube
    parts = [Cube(cube.spectra[:, k * 6 : k * 6 + 6], cube.wavelengths, name=f"part {k}") for k in range(4)]
    return join_cubes(parts), None


def strokes(kind: str) -> Callable[[], Subject]:
    """Two painted materials, a region, ignored rows, an excluded band and a pixel without data."""

    def make() -> Subject:
        scene = blind_scene(8, materials=3, pure=True, kind=kind, decibels=30, size=28)  # type: ignore[arg-type]
        labels = np.zeros((28, 28), np.int32)
        for material in range(3):
            most = np.argsort(-scene.abundances.reshape(-1, 3)[:, material])[:12]
            labels.ravel()[most] = material + 1
        labels[:2] = 4
        good = np.ones(scene.cube.shape[2], bool)
        good[7] = False
        valid = np.ones((28, 28), bool)
        valid[20, 20] = False
        meanings = {1: Meaning("material", "rock"), 2: Meaning("material", "soil"), 4: Meaning("ignore")}
        return Cube(scene.cube.spectra, scene.cube.wavelengths, good, valid), Annotation(labels, meanings)

    return make


CASES: dict[str, tuple[Callable[[], Subject], str, dict[str, object]]] = {
    **{f"{method}, regions": (regions, method, {}) for method in method_specs()},
    **{f"{method}, regions, light": (regions, method, {"illumination": True}) for method in LIT},
    **{
        f"ivae, {mixing}": (blind("fan", pure=True), "ivae", {"mixing": mixing})
        for mixing in ("fan", "bilinear", "ppnm", "post-nonlinear", "residual")
    },
    "ivae, variability": (blind("tilt", pure=True), "ivae", {"variability": "latent"}),
    "ivae, fan, regions": (regions, "ivae", {"mixing": "fan"}),
    **{
        f"ivae, u by {source}": (blind(), "ivae", {"auxiliary": source})
        for source in GENERATORS
        if source != "acquisition"
    },
    "ivae, acquisitions": (acquisitions, "ivae", {"auxiliary": "acquisition"}),
    "ivae, acquisitions, auto": (acquisitions, "ivae", {}),
    **{f"ivae, strokes, {kind}": (strokes(kind), "ivae", {}) for kind in ("linear", "tilt", "illumination")},
    "region-contrast, strokes": (strokes("linear"), "region-contrast", {}),
    "ivae, no wavelengths": (lambda: (Cube(blind()()[0].spectra), None), "ivae", {}),
}
QUICK = ("vca-fcls, regions, light", "ivae, u by blocks", "ivae, strokes, linear", "sisal, regions")


def run(name: str) -> tuple[Cube, Unmixing, Annotation | None]:
    make, method, options = CASES[name]
    cube, annotation = make()
    spec = method_specs()[method]
    quick = {key: value for key, value in SMALL.items() if key in spec.model_fields}
    return cube, drain(unmix(cube, spec(**{**quick, "endmembers": 3, **options}), annotation)), annotation  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [pytest.param(n, marks=[] if n in QUICK else pytest.mark.slow) for n in CASES])
def test_a_verdict_survives_its_folder(name: str, tmp_path: Path) -> None:
    cube, result, annotation = run(name)
    report = drain(assess(cube, result))
    write_run(tmp_path / "run", cube, result, report, annotation=annotation)
    stored = read_run(tmp_path / "run")
    assert stored.report == report
    again = stored.unmixing(cube)
    assert again.findings == result.findings
    assert (again.names, again.notes, again.spec) == (result.names, result.notes, result.spec)
    np.testing.assert_array_equal(again.endmembers, result.endmembers)
    np.testing.assert_allclose(again.reconstruction_error, result.reconstruction_error, rtol=1e-3, atol=1e-7)
    assert drain(assess(cube, again)) == report


number = st.floats(allow_nan=False)
positive = st.floats(1e-6, 1e6)
recipes: st.SearchStrategy[Recipe] = st.one_of(
    st.builds(PlaneArchetypes, space=st.sampled_from(["affine", "perspective"])),
    st.builds(SphereArchetypes, cone=st.booleans()),
    st.builds(FacetEdges, space=st.sampled_from(["affine", "perspective"]), weight=positive),
    st.builds(MinimumVolume, space=st.sampled_from(["affine", "perspective"]), hinge=st.booleans(), penalty=positive),
)
findings = st.builds(
    Findings,
    recipe=recipes,
    noise=st.none() | positive,
    declared_regions=st.integers(0, 99),
    sources=st.lists(st.text(max_size=9), max_size=3).map(tuple),
    moments=st.none()
    | st.builds(
        MomentsFound, use=st.sampled_from(["refused", "refined", "averaged"]), relative_error=number, misfit=number
    ),
    contrast=st.none()
    | st.builds(
        ContrastFound,
        used=st.booleans(),
        cross_entropy=number,
        chance=number,
        relative_error=number,
        regions=st.integers(0, 99),
    ),
    prior=st.none()
    | st.builds(PriorFound, chosen=st.text(max_size=9), evidence=st.dictionaries(st.text(max_size=5), number)),
    alpha=st.none() | st.lists(st.lists(positive, min_size=2, max_size=2).map(tuple), max_size=3).map(tuple),
    mixing=st.builds(
        MixingFound, kept=st.text(max_size=9), variability=st.booleans(), smallest_slope=st.none() | number
    ),
    variability=st.none()
    | st.builds(
        VariabilityFound,
        chosen=st.sampled_from(["none", "pairs"]),
        pairs=st.integers(0, 9),
        evidence=st.fixed_dictionaries({"none": number, "pairs": number}),
        spread=st.tuples(positive, positive),
    ),
    restarts=st.none()
    | st.builds(
        RestartsFound,
        starts=st.just(("a", "b")),
        evidence=st.tuples(number, number),
        chosen=st.just("a"),
        abundance_rms_to_chosen=st.tuples(number, number),
    ),
)


@given(findings)
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_findings_read_back_as_themselves(found: Findings) -> None:
    """Whatever was found, infinite numbers included: nothing has to be on a list to be kept."""
    assert Findings.model_validate_json(found.model_dump_json()) == found


def test_every_field_of_an_answer_is_kept(tmp_path: Path) -> None:
    """A field that is added and not written would be the allow-list again: all but the wall time's last digits come back."""
    cube, result, annotation = run("ivae, strokes, linear")
    report = Report("partly", "Partly: a test.", ())
    write_run(tmp_path / "run", cube, result, report, annotation=annotation)
    again = read_run(tmp_path / "run").unmixing(cube)
    for name in ("abundances", "abundance_std", "regions"):
        np.testing.assert_array_equal(getattr(again, name), getattr(result, name))
    assert again.illumination is result.illumination is None
    assert (again.history, again.seconds) == (result.history, result.seconds)
    assert again.model.keys() == result.model.keys()


def test_a_recipe_of_another_version_is_one_sentence(tmp_path: Path) -> None:
    import json

    from napari_unmix.sentences import UnmixError

    cube, result, _ = run("vca-fcls, regions, light")
    write_run(tmp_path / "run", cube, result, Report("partly", "Partly: a test.", ()))
    path = tmp_path / "run" / "run.json"
    meta = json.loads(path.read_text(encoding="utf-8"))
    meta["findings"]["recipe"] = {"kind": "os.system"}
    path.write_text(json.dumps(meta), encoding="utf-8")
    with pytest.raises(UnmixError, match="how it was found can't be read"):
        read_run(tmp_path / "run").unmixing(cube)
