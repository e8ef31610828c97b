"""Awkward cubes, by name: each makes its cube, its painting and the fields of its spec when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unmix.cube import Annotation, Cube, Meaning

HEIGHT, WIDTH, BANDS = 16, 14, 24
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Case:
    """What is to be unmixed; ``make`` and ``paint`` are called when it is, for a large cube is not to be kept."""

    make: Callable[[], Cube | Array]
    paint: Callable[[], Annotation] | None = None
    fields: dict[str, Any] = field(default_factory=dict)


def scene(
    height: int = HEIGHT,
    width: int = WIDTH,
    bands: int = BANDS,
    *,
    materials: int = 3,
    noise: float = 0.003,
    seed: int = 0,
    light: bool = False,
) -> Array:
    """(H, W, B) linear mixtures of bell-shaped spectra with white noise, each pixel in a light of its own where ``light``."""
    generator, place = np.random.default_rng(seed), np.linspace(0, 1, bands)
    centres = np.linspace(0.1, 0.9, materials)[:, None]
    endmembers = 0.15 + 0.6 * np.exp(-(((place - centres) / 0.2) ** 2))
    abundances = generator.dirichlet(np.full(materials, 0.6), (height, width))
    spectra = abundances @ endmembers + generator.normal(0, noise, (height, width, bands))
    return spectra * generator.uniform(0.6, 1, (height, width, 1)) if light else spectra


def where(rows: Any, value: Any, **made: Any) -> Callable[[], Array]:
    """The scene with ``value`` in the part ``rows``; a callable ``value`` is given what was there."""

    def make() -> Array:
        spectra = scene(**made)
        spectra[rows] = value(spectra[rows]) if callable(value) else value
        return spectra

    return make


def strata(count: int, kind: str = "region") -> Callable[[], Annotation]:
    """A painting of ``count`` bands of rows."""
    labels = np.repeat(np.arange(HEIGHT) * count // HEIGHT + 1, WIDTH).reshape(HEIGHT, WIDTH)
    meanings = {k: Meaning(kind, f"material {k}") for k in range(1, count + 1)} if kind != "region" else {}  # type: ignore[arg-type]
    return lambda: Annotation(labels, meanings)


def painted(labels: Array, kind: str = "region") -> Callable[[], Annotation]:
    """A painting whose labels all mean the same."""
    chosen = [int(label) for label in np.unique(labels) if label]
    meanings = {label: Meaning(kind, f"m{label}") for label in chosen} if kind != "region" else {}  # type: ignore[arg-type]
    return lambda: Annotation(labels, meanings)


def _normal(height: int = HEIGHT, width: int = WIDTH, bands: int = BANDS, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(0, 1, (height, width, bands))


def _one_spectrum() -> Array:
    return np.broadcast_to(scene(1, 1), (HEIGHT, WIDTH, BANDS)).copy()


def _copies(several: int) -> Array:
    """The scene of few spectra, each as often as any other."""
    few = scene(1, several, seed=2)[0]
    return few[np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % several]


def _of_rank_one() -> Array:
    return _one_spectrum() * np.random.default_rng(1).uniform(0.5, 1, (HEIGHT, WIDTH, 1))


def _checkered(value: float) -> Callable[[], Array]:
    """Every second value of every second pixel is another."""
    return where((slice(None, None, 2), slice(None, None, 2), slice(None, None, 2)), value)


# Zero, missing and masked pixels.
_EMPTY: dict[str, Case] = {
    "plain": Case(scene),
    "three rows of zero": Case(where(slice(0, 3), 0)),
    "half of the pixels zero": Case(where(slice(0, 8), 0)),
    "more than half zero": Case(where(slice(0, 9), 0)),
    "most pixels zero": Case(where(slice(0, 13), 0)),
    "all but 8 pixels zero": Case(lambda: where((slice(0, 15),), 0)()),
    "one pixel is not zero": Case(lambda: np.pad(scene(1, 1), ((0, HEIGHT - 1), (0, WIDTH - 1), (0, 0)))),
    "all zero": Case(lambda: np.zeros((HEIGHT, WIDTH, BANDS))),
    "more than half zero, lit": Case(where(slice(0, 9), 0, light=True), None, {"illumination": True}),
    "more than half nearly zero": Case(where(slice(0, 9), lambda part: part * 1e-12)),
    "more than half faint noise": Case(where(slice(0, 9), lambda part: 1e-9 * _normal(9))),
    "more than half noise about zero": Case(where(slice(0, 9), lambda part: 0.003 * _normal(9))),
    "more than half one spectrum": Case(where(slice(0, 9), lambda part: part[0, 0])),
    "zero and painted": Case(where(slice(0, 9), 0), strata(4)),
    "zero and painted, lit": Case(where(slice(0, 9), 0), strata(4), {"illumination": True}),
    "strokes on zero": Case(where(slice(0, 9), 0), strata(3, "material"), {"endmembers": 3}),
    "strokes on zero, lit": Case(where(slice(0, 5), 0), strata(3, "material"), {"endmembers": 3, "illumination": True}),
    "not a number": Case(where(slice(0, 3), np.nan)),
    "one value is not a number": Case(where((0, 0, 0), np.nan)),
    "infinite": Case(where(slice(0, 2), np.inf)),
    "all but 8 not a number": Case(lambda: where((slice(0, 15), slice(0, WIDTH)), np.nan)()),
    "all not a number": Case(lambda: np.full((6, 5, 9), np.nan)),
    "holes everywhere": Case(_checkered(np.nan)),
    "all masked": Case(lambda: Cube(scene(), valid_pixels=np.zeros((HEIGHT, WIDTH), bool))),
    "masked but a row": Case(lambda: Cube(scene(), valid_pixels=np.arange(HEIGHT)[:, None] + np.zeros(WIDTH) == 3)),
    "ignored but a row": Case(
        scene, painted(np.where(np.arange(HEIGHT)[:, None] + np.zeros(WIDTH) == 3, 0, 1), "ignore")
    ),
    "all ignored": Case(scene, painted(np.ones((HEIGHT, WIDTH), int), "ignore")),
}
# Bands.
_BANDS: dict[str, Case] = {
    "bands of one number": Case(where((..., slice(0, 10)), 0.5)),
    "bands of zero": Case(where((..., slice(0, 12)), 0)),
    "all bands alike": Case(lambda: np.repeat(scene()[..., :1], BANDS, 2)),
    "every band twice": Case(lambda: np.repeat(scene(bands=12), 2, 2)),
    "one band": Case(lambda: scene(bands=1, materials=2)),
    "two bands": Case(lambda: scene(bands=2, materials=2)),
    "two bands, lit": Case(lambda: scene(bands=2, materials=2, light=True), None, {"illumination": True}),
    "three bands": Case(lambda: scene(bands=3, materials=2)),
    "three bands, lit": Case(lambda: scene(bands=3, materials=2, light=True), None, {"illumination": True}),
    "no good band": Case(lambda: Cube(scene(), good_bands=np.zeros(BANDS, bool))),
    "one good band": Case(lambda: Cube(scene(), good_bands=np.arange(BANDS) == 3)),
    "one band of noise": Case(where((..., 5), lambda part: 50 * np.random.default_rng(1).normal(0, 1, part.shape))),
    "one band 1e12 times": Case(where((..., 3), lambda part: part * 1e12)),
    "3000 bands, 64 pixels": Case(lambda: scene(8, 8, 3000)),
    "3000 bands, 64 pixels, lit": Case(lambda: scene(8, 8, 3000, light=True), None, {"illumination": True}),
    "3000 bands, 12 pixels": Case(lambda: scene(3, 4, 3000)),
    "700 bands, 30 × 30": Case(lambda: scene(30, 30, 700)),
    "fewer pixels than bands": Case(lambda: scene(4, 5, 40)),
    "as many pixels as bands": Case(lambda: scene(4, 6, 24)),
}
# Pixels and copies.
_PIXELS: dict[str, Case] = {
    "one pixel": Case(lambda: scene(1, 1)),
    "six pixels": Case(lambda: scene(2, 3)),
    "nine pixels": Case(lambda: scene(3, 3)),
    "ten pixels": Case(lambda: scene(2, 5)),
    "one row": Case(lambda: scene(1, 224)),
    "one column": Case(lambda: scene(224, 1)),
    "every pixel sixteen times": Case(lambda: np.repeat(np.repeat(scene(4, 4), 4, 0), 4, 1)),
    "one spectrum": Case(_one_spectrum),
    "one spectrum, lit": Case(_of_rank_one),
    "two spectra": Case(lambda: _copies(2)),
    "three spectra": Case(lambda: _copies(3)),
    "four spectra": Case(lambda: _copies(4)),
    "three spectra, three asked": Case(lambda: _copies(3), None, {"endmembers": 3}),
    "nothing but noise": Case(lambda: np.abs(_normal())),
    "no noise": Case(lambda: scene(noise=0)),
    "no noise, lit": Case(lambda: scene(noise=0, light=True), None, {"illumination": True}),
    "no noise, two materials": Case(lambda: scene(noise=0, materials=2)),
    "noise about a constant": Case(lambda: 1e-3 + 1e-9 * _normal()),
}
# Scales and types.
_SCALES: dict[str, Case] = {
    "times 1e4": Case(lambda: scene() * 1e4),
    "times 1e10": Case(lambda: scene() * 1e10),
    "times 1e14": Case(lambda: scene() * 1e14),
    "times 1e30": Case(lambda: scene() * 1e30),
    "times 1e38": Case(lambda: scene() * 1e38),
    "times 1e-5": Case(lambda: scene() * 1e-5),
    "times 1e-8": Case(lambda: scene() * 1e-8),
    "times 1e-30": Case(lambda: scene() * 1e-30),
    "times 1e-42": Case(lambda: scene() * 1e-42),
    "one pixel of 1e14": Case(where((3, 3), 1e14)),
    "one value of 1e12": Case(where((3, 3, 3), 1e12)),
    "one value of 1e6": Case(where((3, 3, 3), 1e6)),
    "one value of 1e6, painted": Case(where((3, 3, 3), 1e6), strata(4)),
    "bytes": Case(lambda: (scene() * 200).astype(np.uint8)),
    "five levels": Case(lambda: np.rint(scene() * 5)),
    "two levels": Case(lambda: np.rint(scene() * 1.2)),
    "big-endian integers": Case(lambda: (scene() * 3e4).astype(">i2")),
    "half precision": Case(lambda: scene().astype(np.float16)),
    "truth values": Case(lambda: scene() > 0.3),
    "30 % negative": Case(lambda: scene() - np.quantile(scene(), 0.3)),
    "half negative": Case(lambda: scene() - np.quantile(scene(), 0.5)),
    "all negative": Case(lambda: -scene()),
    "one pixel negative": Case(where((2, 2), -1)),
    "a third of the pixels mirrored": Case(where(slice(0, 5), lambda part: -part)),
}
# Endmembers asked for.
_COUNTS: dict[str, Case] = {
    "two of three endmembers": Case(scene, None, {"endmembers": 2}),
    "one endmember": Case(scene, None, {"endmembers": 1}),
    "more endmembers than bands": Case(lambda: scene(bands=4, materials=2), None, {"endmembers": 6}),
    "as many endmembers as bands": Case(lambda: scene(bands=4), None, {"endmembers": 4}),
    "one band more than endmembers": Case(lambda: scene(bands=5), None, {"endmembers": 4}),
    "twelve endmembers": Case(scene, None, {"endmembers": 12}),
    "thirty endmembers": Case(lambda: scene(40, 30, 60), None, {"endmembers": 30}),
    "four endmembers, twelve pixels": Case(lambda: scene(3, 4), None, {"endmembers": 4}),
}


def _paintings() -> dict[str, Case]:
    """What may be painted on a plain scene, and on one in varying light."""
    single = np.zeros((HEIGHT, WIDTH), int)
    single[3, 3] = 1
    places = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH)
    found = {}
    for light in (False, True):
        fields, end = {"illumination": light}, ", lit" if light else ""

        def make(light: bool = light) -> Array:
            return scene(light=light)

        found |= {
            f"one painted pixel{end}": Case(make, painted(single), fields),
            f"a stroke of one pixel{end}": Case(make, painted(single, "material"), fields),
            f"label 2³¹ − 1{end}": Case(make, painted(np.where(places < 90, 2**31 - 1, 0)), fields),
            f"one region everywhere{end}": Case(make, painted(np.ones_like(single)), fields),
            f"one stroke everywhere{end}": Case(make, painted(np.ones_like(single), "material"), fields),
            f"every pixel its region{end}": Case(make, painted(places + 1), fields),
            f"four regions{end}": Case(make, strata(4), fields),
            f"eight regions, three asked{end}": Case(make, strata(8), {**fields, "endmembers": 3}),
            f"three strokes{end}": Case(make, strata(3, "material"), {**fields, "endmembers": 3}),
        }
    alike = lambda: np.broadcast_to(scene(1, 1), (HEIGHT, WIDTH, BANDS)) + 0.01 * _normal()  # noqa: E731
    found["three strokes on one material"] = Case(alike, strata(3, "material"), {"endmembers": 3})
    found["every pixel its stroke"] = Case(scene, painted(places + 1, "material"), {"endmembers": 30})
    found["regions of one spectrum each"] = Case(
        lambda: np.repeat(_copies(4)[:4, :1], 4, 0) + np.zeros((1, WIDTH, 1)), strata(4)
    )
    found["nothing painted"] = Case(scene, painted(np.zeros_like(single)))
    return found


def cases() -> dict[str, Case]:
    """All cases by name."""
    return {**_EMPTY, **_BANDS, **_PIXELS, **_SCALES, **_COUNTS, **_paintings()}


def large() -> dict[str, Case]:
    """Cubes on which the time between two steps is measured."""
    return {"300 × 300 × 200": Case(lambda: scene(300, 300, 200, materials=5))}


def variants() -> dict[str, tuple[str, dict[str, Any]]]:
    """Name of a column -> method and the fields of its spec; networks are trained for three epochs only."""
    short = {"epochs": 3}
    return {
        "ivae": ("ivae", short),
        "region-contrast": ("region-contrast", {}),
        "mae": ("mae", short),
        "sisal": ("sisal", {}),
        "vae": ("vae", short),
        "vca-fcls": ("vca-fcls", {}),
        "ivae, fan": ("ivae", {**short, "mixing": "fan"}),
        "ivae, ppnm": ("ivae", {**short, "mixing": "ppnm"}),
        "ivae, post-nonlinear": ("ivae", {**short, "mixing": "post-nonlinear"}),
        "ivae, residual": ("ivae", {**short, "mixing": "residual"}),
        "ivae, variability": ("ivae", {**short, "variability": "latent"}),
        "ivae, logistic-normal": ("ivae", {**short, "prior": "logistic-normal"}),
        "ivae, blocks": ("ivae", {**short, "auxiliary": "blocks", "prior": "dirichlet"}),
    }
