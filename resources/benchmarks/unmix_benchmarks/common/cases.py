"""The scenes with references that the benchmarks read: which file, which reference, which inversion it means, what was chosen on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.io import read_cube
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import rmse, spectral_angle
from napari_unmix.sentences import UnmixError

# DLR HySU (Cerra et al. 2021, doi 10.3390/rs13132559): areas of the five targets of each material, and of a pixel, in m².
TARGET_AREAS = np.array([9.0, 4.0, 1.0, 0.25, 0.0625])
PIXEL_AREA = 0.49
LARGE_TARGETS = 3
# A target is found where its endmember is this close to its spectrum (degrees).
FOUND_WITHIN = 6.0
# The mean of so many of the pixels that the reference calls purest is what somebody gets who knows it.
_PUREST = 10
# Where the reference sees less of a material in them, an answer has to go beyond the pixels.
_PURE = 0.9

Reference = Literal["exact", "measured areas", "a solver's", "undocumented"]


class ChosenOn(NamedTuple):
    """The decisions whose numbers were chosen while looking at a scene: those that act without strokes, and on strokes. None: never.

    What was looked at and moves no answer of the benchmark is left out: the number of endmembers that a scene supports, bundles of its pixels.
    """

    automatic: tuple[int, ...] = ()
    strokes: tuple[int, ...] = ()

    def of(self, *, strokes: bool) -> tuple[int, ...]:
        """The decisions that a row's answer rests on, with strokes or without."""
        return tuple(sorted({*self.automatic, *self.strokes})) if strokes else self.automatic


NEVER = ChosenOn()


@dataclass(frozen=True, eq=False)
class Truth:
    """What a result is held against: endmembers (P, B) and abundances (H, W, P), or targets (H, W, M) with sizes 1 … 5 (H, W)."""

    endmembers: FloatArray
    abundances: FloatArray | None = None
    targets: IntArray | None = None
    sizes: IntArray | None = None

    @property
    def shares(self) -> FloatArray:
        """(H, W, P or M) where a painter sees which material: the abundances, or the inside of each material's largest target."""
        if self.abundances is not None:
            return self.abundances
        assert self.targets is not None
        assert self.sizes is not None
        # The marked targets are a pixel wider on every side than the cloth: its edge is mixed with grass.
        return _inside((self.targets > 0) & (self.sizes == 1)[..., None]).astype(float)

    def all_found(self, angles: FloatArray) -> bool:
        """Whether every material has an endmember of its own, given the angles (P,) of the matched ones."""
        return bool((angles < FOUND_WITHIN).all())


@dataclass(frozen=True)
class Case:
    """A scene's file below the data folder, its reference's suffix, the inversion that its reference means, and how it is asked."""

    name: str
    file: str
    suffix: str
    illumination: bool
    endmembers: int | Literal["auto"] | None = None  # None: as many as the reference has
    crop: tuple[int, int] | None = None  # rows and columns around the targets
    reference: Reference = "undocumented"
    chosen: ChosenOn = NEVER

    def load(self, data: Path) -> tuple[Cube, Truth]:
        """The cube and what is known of it."""
        file = data / self.file
        cube = read_cube(file)
        with np.load(file.parent / "reference.npz", allow_pickle=False) as stored:
            endmembers = stored[f"E{self.suffix}"].astype(float)
            if f"A{self.suffix}" in stored:
                return cube, Truth(endmembers, stored[f"A{self.suffix}"].astype(float))
            truth = Truth(endmembers, targets=stored["roi_material"], sizes=stored["roi_size"])
        return _cropped(cube, truth, *self.crop) if self.crop else (cube, truth)


def _inside(marked: np.ndarray) -> np.ndarray:
    """(H, W, M) the pixels whose eight neighbours are marked as well."""
    from scipy.ndimage import binary_erosion

    return np.asarray(binary_erosion(marked, np.ones((3, 3, 1), dtype=bool)))


def _cropped(cube: Cube, truth: Truth, height: int, width: int) -> tuple[Cube, Truth]:
    """A window of this size, centred on the targets."""
    assert truth.targets is not None
    assert truth.sizes is not None
    rows, columns = np.nonzero(truth.targets.any(axis=-1))
    top = int(rows.min()) - (height - int(np.ptp(rows)) - 1) // 2
    left = int(columns.min()) - (width - int(np.ptp(columns)) - 1) // 2
    part = (slice(top, top + height), slice(left, left + width))
    return (
        Cube(cube.spectra[part], cube.wavelengths, cube.good_bands, cube.valid_pixels[part], cube.scale, cube.name),
        replace(truth, targets=truth.targets[part], sizes=truth.sizes[part]),
    )


# 0007: sources of u. 0009: rare materials, strokes, the weight of the volume. 0018: minimum volume. 0019: strokes. 0027: variability,
# for which HySU's targets were looked at.
_ZHU = ChosenOn((7, 9), (9, 19))
_TARGETS = ChosenOn((9, 27), (9, 19))
_SIMPLEX, _PAINTED = ChosenOn((18,), (19,)), ChosenOn((), (19,))
SAMSON = Case("Samson (Zhu, scaled)", "samson/samson.hdr", "", True, reference="a solver's", chosen=_ZHU)
SAMSON_ALTERNATIVE = Case(
    "Samson (alternative, sum-to-one)",
    "samson/samson.hdr",
    "_alternative",
    False,
    reference="a solver's",
    chosen=_ZHU,
)
JASPER_RIDGE = Case(
    "Jasper Ridge (Zhu, scaled)",
    "jasper_ridge/jasperRidge2_R198.mat",
    "",
    True,
    reference="a solver's",
    chosen=_ZHU,
)
URBAN4 = Case("Urban, 4 (Zhu, scaled)", "urban4/urban4.npz", "", True, reference="a solver's", chosen=_PAINTED)
URBAN6 = Case("Urban, 6 (Zhu, scaled)", "urban6/urban6.npz", "", True, reference="a solver's", chosen=_PAINTED)
MUUFL = Case("MUUFL Gulfport (sum-to-one)", "muufl90/muufl90.npz", "", False, chosen=_PAINTED)
HYSU_CROP = Case(
    "HySU, 42×24 around the targets (areas)",
    "hysu/hysu.hdr",
    "",
    False,
    crop=(42, 24),
    reference="measured areas",
    chosen=_TARGETS,
)
HYSU = Case("HySU, full scene (areas)", "hysu/hysu.hdr", "", False, "auto", reference="measured areas", chosen=_TARGETS)
DC1 = Case("dc1 (truth)", "dc1/dc1_snr30.npz", "", False, reference="exact", chosen=ChosenOn((7,), (19,)))
SIM2 = Case("sim2 (no pure pixel)", "sim2/sim2.npz", "", False, reference="exact", chosen=_SIMPLEX)
APEX = Case("APEX, semi-simulated", "apex_semi/apex_semi.npz", "", False, reference="exact", chosen=_PAINTED)
WASHINGTON = Case(
    "Washington DC, semi-simulated", "wdc_semi/wdc_semi.npz", "", False, reference="exact", chosen=_SIMPLEX
)
# In the order of the tables: what is known exactly, what was measured on the ground, what another program said.
CASES = (DC1, SIM2, APEX, WASHINGTON, HYSU_CROP, HYSU, SAMSON, SAMSON_ALTERNATIVE, JASPER_RIDGE, URBAN4, URBAN6, MUUFL)


def data_folder(chosen: str | Path | None) -> Path:
    """The folder of the scenes; UnmixError where it is not there."""
    folder = chosen if chosen is not None else os.environ.get("NAPARI_UNMIX_DATA")
    if folder is None or not Path(folder).is_dir():
        raise UnmixError(
            "The real scenes are not here: set NAPARI_UNMIX_DATA, or --data, to the folder that holds samson, jasper_ridge and dc1."
        )
    return Path(folder)


def other_cases(data: Path, known: tuple[Case, ...]) -> Iterator[Case]:
    """Scenes below the folder that are not named here: a cube beside a ``reference.npz`` with E and A, held against both inversions."""
    folders = {Path(case.file).parts[0] for case in known}
    for reference in sorted(data.glob("*/reference.npz")):
        folder = reference.parent
        if folder.name in folders:
            continue
        with np.load(reference, allow_pickle=False) as stored:
            suffixes = [name[1:] for name in stored.files if name.startswith("E") and f"A{name[1:]}" in stored.files]
        for suffix in suffixes:
            file = _cube_file(folder)
            for illumination in (True, False) if file is not None else ():
                meant = "scaled" if illumination else "sum-to-one"
                yield Case(f"{folder.name}{suffix} ({meant})", str(file), suffix, illumination)


def _cube_file(folder: Path) -> Path | None:
    found = [
        path for pattern in ("*.hdr", "*.mat", "*.npz", "*.npy", "*.zarr") for path in sorted(folder.glob(pattern))
    ]
    return next((path.relative_to(folder.parent) for path in found if path.name != "reference.npz"), None)


def angles(result: Unmixing, truth: Truth) -> FloatArray:
    """(P,) spectral angles in degrees of the matched endmembers; where fewer were fitted, 90° for those without a partner."""
    return angles_of(result.endmembers, truth)


def angles_of(endmembers: FloatArray, truth: Truth) -> FloatArray:
    """The angles of (Q, B) endmembers, NaN in excluded bands."""
    order = match_endmembers(endmembers, truth.endmembers)
    good = np.isfinite(endmembers).all(axis=0)
    found = np.degrees(spectral_angle(endmembers[order][:, good], truth.endmembers[:, good]))
    return np.asarray(np.where(order < 0, 90.0, found))


def abundance_error(result: Unmixing, truth: Truth) -> float:
    """Abundance RMSE; for targets of known area, the mean relative error of the three larger sizes (sum of abundance × 0.49 m²)."""
    order = match_endmembers(result.endmembers, truth.endmembers)
    return error_of(np.where(order < 0, 0.0, result.abundances[..., order]), truth)


def error_of(estimated: FloatArray, truth: Truth) -> float:
    """The error of abundances (H, W, P) in the reference's order."""
    if truth.abundances is not None:
        return rmse(estimated, truth.abundances)
    areas = target_areas(estimated, truth)
    return float(np.abs(areas / TARGET_AREAS[:, None] - 1)[:LARGE_TARGETS].mean())


class Purest(NamedTuple):
    """Spectra (P, B), of targets those of the materials that have some, and whether the pixels are pure."""

    spectra: FloatArray
    pure: bool


def purest(cube: Cube, truth: Truth) -> Purest:
    """The mean of the ten pixels in which the reference sees most of each material."""
    shares, pixels = truth.shares[cube.valid_pixels], cube.spectra[cube.valid_pixels].astype(float)
    # A small target has fewer than ten.
    chosen = [np.argsort(-share, kind="stable")[: min(_PUREST, int((share > 0).sum()))] for share in shares.T]
    highest = [share[some].mean() for share, some in zip(shares.T, chosen, strict=True)]
    return Purest(np.array([pixels[some].mean(axis=0) for some in chosen]), bool(min(highest) >= _PURE))


def target_areas(abundances: FloatArray, truth: Truth) -> FloatArray:
    """(5, M) m² of each size and material."""
    assert truth.targets is not None
    assert truth.sizes is not None
    materials = truth.targets.shape[-1]
    inside = [
        [(truth.targets[..., material] > 0) & (truth.sizes == size) for material in range(materials)]
        for size in range(1, len(TARGET_AREAS) + 1)
    ]
    return np.array(
        [[PIXEL_AREA * abundances[..., k][mask].sum(dtype=float) for k, mask in enumerate(row)] for row in inside]
    )
