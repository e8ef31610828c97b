"""Scenes with known truth, mixed from measured spectra: the sample scene, and the scenes of the tests and benchmarks."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import numpy as np

from napari_unmix.cube import Annotation, Cube, FloatArray, IntArray
from napari_unmix.rows.metrics import angle_table

Kind = Literal["linear", "bilinear", "gains", "illumination", "tilt", "fan", "hapke", "post-nonlinear"]
KINDS: tuple[Kind, ...] = ("linear", "bilinear", "gains", "illumination", "tilt")
NONLINEAR: tuple[Kind, ...] = ("fan", "hapke", "post-nonlinear")


@dataclass(frozen=True, eq=False)
class Scene:
    """A cube and its truth.

    ``endmembers`` (P, B), ``abundances`` (H, W, P), ``illumination`` (H, W), ``regions`` (H, W) from 1, 0 = none, ``names`` (P), ``annotation`` what
    is painted, ``scaled``: whether the truth is shade-tolerant composition (free illumination) rather than area fractions.
    """

    cube: Cube
    endmembers: FloatArray
    abundances: FloatArray
    illumination: FloatArray
    regions: IntArray
    names: tuple[str, ...]
    annotation: Annotation
    scaled: bool


@cache
def measured_spectra() -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Wavelengths (nm), reflectances (23, B) and names of the measured spectra that come with the package (USGS splib07)."""
    with (files("napari_unmix") / "data" / "usgs_splib07.npz").open("rb") as file:
        stored = np.load(file, allow_pickle=False)
        return (
            stored["wavelength"].astype(float),
            stored["spectra"].astype(float),
            tuple(str(name) for name in stored["name"]),
        )


def sample_scene() -> Scene:
    """The embedded sample: 128 × 128 × 205, five measured materials, no pure pixels, twelve regions, light and shade, 30 dB noise.

    A synthetic mixture of measured spectra. Half of every region is painted: the first painting.
    """
    generator = np.random.default_rng(7)
    wavelengths, spectra, names = measured_spectra()
    chosen = [names.index(name) for name in ("spruce needles", "dry grass", "calcite", "siderite", "antigorite")]
    size, endmembers = 128, spectra[chosen][:, ::2]
    endmembers = endmembers / endmembers.max(
        axis=1, keepdims=True
    )  # brightness is the light's: composition is what is asked
    regions = voronoi_regions(size, size, 12, generator)
    alpha = region_parameters(12, len(chosen), generator)
    abundances = capped(smooth_dirichlet(alpha, regions, generator, smoothness=1.5), 0.85)
    light = np.exp(0.18 * smooth_field((size, size), 9.0, generator))
    light /= light.mean()
    cube = _noisy(light[..., None] * (abundances @ endmembers), 30.0, generator, wavelengths[::2], "sample")
    labels = np.where(painted_core(regions, 0.5), regions, 0)
    return Scene(
        cube, endmembers, abundances, light, regions, tuple(names[k] for k in chosen), Annotation(labels), scaled=True
    )


def region_scene(
    seed: int,
    *,
    materials: int = 4,
    regions: int = 40,
    painted: float = 0.5,
    highest: float = 0.85,
    decibels: float = 30.0,
    size: int = 100,
) -> Scene:
    """A scene for painted regions: independent Dirichlet pixels in each region, none above ``highest``, a share of each region painted."""
    generator = np.random.default_rng(seed)
    wavelengths, endmembers, names = random_materials(materials, generator)
    labels = voronoi_regions(size, size, regions, generator)
    alpha = region_parameters(regions, materials, generator)
    abundances = np.empty((size, size, materials))
    for region in range(1, regions + 1):
        here = labels == region
        abundances[here] = truncated_dirichlet(alpha[region - 1], int(here.sum()), highest, generator)
    cube = _noisy(abundances @ endmembers, decibels, generator, wavelengths, f"regions-{seed}")
    annotation = Annotation(np.where(painted_core(labels, painted), labels, 0))
    return Scene(cube, endmembers, abundances, np.ones((size, size)), labels, names, annotation, scaled=False)


def blind_scene(seed: int, *, materials: int, pure: bool, kind: Kind, decibels: float, size: int = 64) -> Scene:
    """A scene without painting: smooth abundance fields with pure pixels, or none above 0.8; linear, or with one kind of departure."""
    generator = np.random.default_rng(seed)
    wavelengths, endmembers, names = random_materials(materials, generator)
    abundances = _fields_with_pure_pixels(materials, size, generator)
    if not pure:
        abundances = capped(abundances, 0.8)
    scaled = kind in ("gains", "illumination", "tilt")
    if scaled:
        endmembers = endmembers / endmembers.max(axis=1, keepdims=True)
    spectra, light = _mixed(abundances, endmembers, kind, generator)
    cube = _noisy(spectra, decibels, generator, wavelengths, f"{kind}-{seed}")
    if kind == "post-nonlinear":
        endmembers = endmembers**_CURVE  # as pure pixels show them
    nothing = np.zeros((size, size), dtype=np.int32)
    return Scene(cube, endmembers, abundances, light, nothing, names, Annotation(nothing), scaled)


def _mixed(
    abundances: FloatArray, endmembers: FloatArray, kind: Kind, generator: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    height, width, count = abundances.shape
    shape, bands = (height, width), endmembers.shape[1]
    light = np.ones(shape)
    if kind == "gains":
        gains = np.stack([np.exp(0.2 * smooth_field(shape, 4.0, generator)) for _ in range(count)], axis=-1)
        return (abundances * gains) @ endmembers, light
    if kind == "illumination":
        light = np.exp(0.3 * smooth_field(shape, 4.0, generator))
        return light[..., None] * (abundances @ endmembers), light
    if kind == "tilt":
        light = np.exp(0.25 * smooth_field(shape, 3.0, generator))
        gains = np.stack([np.exp(0.15 * smooth_field(shape, 3.0, generator)) for _ in range(count)], axis=-1)
        tilts = np.stack([0.05 * smooth_field(shape, 3.0, generator) for _ in range(count)], axis=-1)
        ramp = np.linspace(-1, 1, bands)
        return light[..., None] * (
            (abundances * gains) @ endmembers + ((abundances * gains * tilts) @ endmembers) * ramp
        ), light
    if kind == "hapke":
        return reflectance(abundances @ albedo(endmembers)), light
    spectra = abundances @ endmembers
    if kind == "post-nonlinear":
        return spectra**_CURVE, light
    if kind in ("bilinear", "fan"):
        for i in range(count):
            for j in range(i + 1, count):
                strength = 1.0 if kind == "fan" else generator.uniform(0.1, 0.5)
                spectra = spectra + strength * (abundances[..., i] * abundances[..., j])[..., None] * (
                    endmembers[i] * endmembers[j]
                )
    return spectra, light


# Ingredients

_CURVE = 0.7  # of post-nonlinear scenes: a compressive sensor, x = y^0.7
_COSINES = (1.0, np.cos(np.radians(30.0)))  # of emergence and incidence


def reflectance(single_scattering: FloatArray) -> FloatArray:
    """Bidirectional reflectance of single-scattering albedos w, isotropic scatterers (Hapke 1981, eq. 37 without opposition effect).

    w / ((1 + 2μ√(1 − w))(1 + 2μ₀√(1 − w))), seen from above, light at 30°.
    """
    root = np.sqrt(1 - np.clip(single_scattering, 0.0, 1.0))
    return np.asarray(single_scattering / ((1 + 2 * _COSINES[0] * root) * (1 + 2 * _COSINES[1] * root)))


def albedo(values: FloatArray) -> FloatArray:
    """The inverse of ``reflectance``: with g = √(1 − w), r(1 + 2μg)(1 + 2μ₀g) = 1 − g² is a quadratic in g."""
    first, second = _COSINES
    square, linear, rest = 1 + 4 * first * second * values, 2 * (first + second) * values, values - 1
    root = (-linear + np.sqrt(linear**2 - 4 * square * rest)) / (2 * square)
    return np.asarray(1 - root**2)


def random_materials(
    count: int, generator: np.random.Generator, least_degrees: float = 7.0
) -> tuple[FloatArray, FloatArray, tuple[str, ...]]:
    """Wavelengths, (count, B) measured spectra at least ``least_degrees`` apart, and their names."""
    wavelengths, spectra, names = measured_spectra()
    while True:
        chosen = generator.choice(len(spectra), count, replace=False)
        angles = np.degrees(angle_table(spectra[chosen], spectra[chosen])) + 180 * np.eye(count)
        if angles.min() > least_degrees:
            return wavelengths[::2], spectra[chosen][:, ::2], tuple(names[k] for k in chosen)


def region_parameters(regions: int, materials: int, generator: np.random.Generator) -> FloatArray:
    """(R, P) Dirichlet parameters: every region a mixture of its own, none led by one material above 62 %, concentrations 6–25."""
    rows: list[FloatArray] = []
    while len(rows) < regions:
        mean = generator.dirichlet(np.full(materials, 1.5))
        mean = (mean + 0.03) / (1 + 0.03 * materials)
        if mean.max() < 0.62:
            rows.append(mean * generator.uniform(6.0, 25.0))
    return np.array(rows)


def truncated_dirichlet(alpha: FloatArray, count: int, highest: float, generator: np.random.Generator) -> FloatArray:
    """(count, P) draws of Dir(α) given that no abundance is above ``highest``, by rejection."""
    drawn = np.empty((0, len(alpha)))
    while len(drawn) < count:
        more = generator.dirichlet(alpha, size=2 * count)
        drawn = np.vstack([drawn, more[more.max(axis=1) <= highest]])
    return drawn[:count]


def smooth_dirichlet(
    alpha: FloatArray, regions: IntArray, generator: np.random.Generator, smoothness: float
) -> FloatArray:
    """(H, W, P) abundances, Dirichlet with the region's α in every pixel, alike in neighbours: gamma quantiles of smooth normal fields."""
    from scipy.special import gammaincinv, ndtr

    fields = np.stack(
        [ndtr(smooth_field(regions.shape, smoothness, generator)) for _ in range(alpha.shape[1])], axis=-1
    )
    gammas = gammaincinv(alpha[regions - 1], np.clip(fields, 1e-12, 1 - 1e-12))
    return np.asarray(gammas / gammas.sum(axis=-1, keepdims=True))


def smooth_field(shape: tuple[int, int], smoothness: float, generator: np.random.Generator) -> FloatArray:
    """A normal field of mean 0 and spread 1, smooth over ``smoothness`` pixels."""
    from scipy.ndimage import gaussian_filter

    field = gaussian_filter(generator.normal(size=shape), smoothness, mode="wrap")
    return np.asarray((field - field.mean()) / field.std())


def voronoi_regions(height: int, width: int, count: int, generator: np.random.Generator) -> IntArray:
    """(H, W) labels 1 … count: cells of points kept apart by relaxation (Lloyd 1982)."""
    from scipy.spatial import cKDTree

    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), axis=-1).reshape(-1, 2)
    points = generator.uniform(size=(count, 2)) * [height, width]
    for _ in range(3):
        nearest = cKDTree(points).query(grid)[1]
        points = np.array(
            [grid[nearest == k].mean(axis=0) if (nearest == k).any() else points[k] for k in range(count)]
        )
    return np.asarray(cKDTree(points).query(grid)[1].reshape(height, width) + 1, dtype=np.int32)


def painted_core(regions: IntArray, share: float) -> np.ndarray:
    """(H, W) bool: the share of each region's pixels that is closest to its centre, as a user would paint it."""
    rows, columns = np.ogrid[: regions.shape[0], : regions.shape[1]]
    painted = np.zeros(regions.shape, bool)
    for label in np.unique(regions[regions > 0]):
        here = regions == label
        centre = np.argwhere(here).mean(axis=0)
        distance = (rows - centre[0]) ** 2 + (columns - centre[1]) ** 2
        painted |= here & (distance <= np.quantile(distance[here], share))
    return painted


def capped(abundances: FloatArray, highest: float) -> FloatArray:
    """Draw pixels towards equal shares until none is above ``highest``: no pure pixels."""
    equal = 1.0 / abundances.shape[-1]
    excess = np.maximum(abundances.max(axis=-1, keepdims=True) - equal, 1e-12)
    return np.asarray(equal + np.minimum(1.0, (highest - equal) / excess) * (abundances - equal))


def _fields_with_pure_pixels(materials: int, size: int, generator: np.random.Generator) -> FloatArray:
    smoothness = generator.uniform(3, 7)
    fields = np.stack([smooth_field((size, size), smoothness, generator) for _ in range(materials)], axis=-1)
    fields = fields * generator.uniform(1.2, 3.0) + 0.7 * generator.normal(size=materials)
    abundances = np.empty(0)
    for _ in range(60):
        shares = np.exp(fields - fields.max(axis=-1, keepdims=True))
        abundances = shares / shares.sum(axis=-1, keepdims=True)
        if (abundances.reshape(-1, materials) > 0.97).sum(axis=0).min() >= 6:
            break
        fields = fields * 1.08 + 0.05 * generator.normal(size=materials)
    return abundances


def _noisy(
    spectra: FloatArray, decibels: float, generator: np.random.Generator, wavelengths: FloatArray, name: str
) -> Cube:
    noise = np.sqrt((spectra**2).mean() * 10 ** (-decibels / 10))
    noisy = spectra + noise * generator.normal(size=spectra.shape)
    return Cube(noisy.astype(np.float32), wavelengths, name=name)
