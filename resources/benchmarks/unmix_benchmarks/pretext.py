"""What is learned without labels, side by side (Liu et al. 2021): filling in hidden bands, contrast between halves of a pixel's bands, and floors.

On the same cube: a linear probe of the codes to the abundances of the truth or the reference, and of painted classes, both learned and tested in
places apart. Floors: raw spectra, their shapes, and principal components; an encoder with random weights says what training adds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray, Cube, FloatArray, IntArray
from napari_unmix.geometry.picks import unit_length
from napari_unmix.masked.architecture import Architecture, Kind
from napari_unmix.masked.autoencoder import MaskedAutoencoder
from napari_unmix.masked.grid import grid_of
from napari_unmix.masked.pretext import fill_in, untrained
from napari_unmix.methods.mae.spec import MaeSpec
from napari_unmix.model.threads import one_thread
from napari_unmix.probing.blocks import Folds, folds_of
from napari_unmix.probing.evaluate import Features, probe
from napari_unmix.rows.metrics import rmse
from napari_unmix.rows.subspace import affine_subspace
from napari_unmix.synthetic import blind_scene
from unmix_benchmarks.common.cases import JASPER_RIDGE, SAMSON, data_folder
from unmix_benchmarks.common.contrastive import contrast
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "what is learned without labels: generative against contrastive"
SEEDS = (601, 602)
PRESET = MaeSpec.model_validate({})
# A pixel is painted with the material that has at least this share of it, and one in three of them: a painter does not paint everything.
_PAINTED, _ONE_IN = 0.6, 3
_COMPONENTS = 32
# The ridges of the linear probe to abundances, chosen by place within what is learned from, as probing does.
_RIDGES = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


@dataclass(frozen=True)
class Row:
    """Features of one scene: abundance RMSE of a linear probe, balanced accuracy of classes with its interval, processor time in seconds."""

    scene: str
    features: str
    numbers: int
    abundance_rmse: float
    accuracy: float
    low: float
    high: float
    seconds: float


@dataclass(frozen=True, eq=False)
class _Subject:
    name: str
    cube: Cube
    abundances: FloatArray  # (H, W, P)


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("pretext", __doc__ or "")
    options.add_argument(
        "--data", help="folder of the real scenes (default: NAPARI_UNMIX_DATA; without it they are left out)"
    )
    options.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="seeds of the simulated scenes")
    options.add_argument("--epochs", type=int, default=PRESET.epochs, help="passes over the pixels")
    chosen = options.parse_args(arguments)
    rows = []
    for subject in _subjects(chosen.seeds, chosen.data):
        for row in rows_of(subject, chosen.epochs):
            rows.append(row)
            print(row, flush=True)
    write_rows("pretext", rows, table(rows), chosen.out)
    return 0


def _subjects(seeds: Sequence[int], data: str | None) -> Iterator[_Subject]:
    for kind in ("linear", "bilinear"):
        for seed in seeds:
            scene = blind_scene(seed, materials=4, pure=True, kind=kind, decibels=30.0)
            yield _Subject(f"{kind}, seed {seed}", scene.cube, scene.abundances)
    folder: Path = data_folder(data)
    for case in (SAMSON, JASPER_RIDGE):
        cube, truth = case.load(folder)
        assert truth.abundances is not None
        yield _Subject(case.name, cube, truth.abundances)


def rows_of(subject: _Subject, epochs: int) -> Iterator[Row]:
    """A row for each kind of features."""
    cube = subject.cube
    spectra, abundances = cube.pixels(), subject.abundances[cube.valid_pixels]
    mask, classes, names = painted(subject.abundances, cube.valid_pixels)
    rows, columns = np.nonzero(mask)
    folds = folds_of(rows, columns, classes, names)
    inside = mask[cube.valid_pixels]
    for name, make in features(cube, spectra, epochs).items():
        start = time.process_time()
        with one_thread():
            found = make()
        seconds = time.process_time() - start
        probed = probe(Features(name, found[inside], ()), classes, len(names), folds)
        error = abundance_probe(found, abundances, *np.nonzero(cube.valid_pixels))
        yield Row(subject.name, name, found.shape[1], error, probed.accuracy, probed.low, probed.high, seconds)


def painted(abundances: FloatArray, valid: BoolArray) -> tuple[BoolArray, IntArray, tuple[str, ...]]:
    """Where a painter paints (H, W), the class of these pixels, and the classes' names: materials that rule enough pixels."""
    generator = np.random.default_rng(0)
    ruled = valid & (abundances.max(axis=2) >= _PAINTED) & (generator.random(valid.shape) < 1 / _ONE_IN)
    led = abundances.argmax(axis=2)
    kept = [k for k in range(abundances.shape[2]) if (ruled & (led == k)).sum() >= 30]
    mask = ruled & np.isin(led, kept)
    return mask, np.searchsorted(kept, led[mask]), tuple(f"material {k + 1}" for k in kept)


def features(cube: Cube, spectra: FloatArray, epochs: int) -> dict[str, Callable[[], FloatArray]]:
    """Name -> what makes the features (N, K) of all pixels."""

    def components() -> FloatArray:
        return affine_subspace(spectra, min(_COMPONENTS, spectra.shape[1])).scores(spectra)

    made: dict[str, Callable[[], FloatArray]] = {
        "raw spectra": lambda: spectra,
        "shapes (length one)": lambda: unit_length(spectra)[0],
        f"principal components ({_COMPONENTS})": components,
    }
    kinds: tuple[Kind, ...] = ("mlp", "transformer")
    for kind in kinds:
        made[f"{kind}, random weights"] = lambda kind=kind: _codes(_network(cube, spectra, kind), spectra)  # type: ignore[misc]
        made[f"{kind}, filling in"] = lambda kind=kind: _filled(cube, spectra, kind, epochs)  # type: ignore[misc]
        made[f"{kind}, contrast"] = lambda kind=kind: _contrasted(cube, spectra, kind, epochs)  # type: ignore[misc]
    return made


def _network(cube: Cube, spectra: FloatArray, kind: Kind) -> MaskedAutoencoder:
    return untrained(Architecture(network=kind), grid_of(cube), [spectra], seed=0)


def _codes(network: MaskedAutoencoder, spectra: FloatArray) -> FloatArray:
    """The codes with the brightness, as the method's probe reads them."""
    return np.concatenate(list(network.embedded(spectra)))


def _filled(cube: Cube, spectra: FloatArray, kind: Kind, epochs: int) -> FloatArray:
    network, spec = _network(cube, spectra, kind), PRESET
    for _ in fill_in(network, [spectra], epochs=epochs, batch=spec.batch, learning_rate=spec.learning_rate, seed=0):
        pass
    return _codes(network, spectra)


def _contrasted(cube: Cube, spectra: FloatArray, kind: Kind, epochs: int) -> FloatArray:
    network, spec = _network(cube, spectra, kind), PRESET
    for _ in contrast(network, spectra, epochs=epochs, batch=spec.batch, learning_rate=spec.learning_rate, seed=0):
        pass
    return _codes(network, spectra)


def abundance_probe(found: FloatArray, abundances: FloatArray, rows: IntArray, columns: IntArray) -> float:
    """RMSE of least squares of abundances (N, P) on features (N, K), learned and tested in places apart; the ridge by place as well."""
    led = abundances.argmax(axis=1)
    kept = np.unique(led)
    folds = folds_of(rows, columns, np.searchsorted(kept, led), tuple(f"material {k + 1}" for k in kept))
    told = np.empty_like(abundances)
    for fold in range(len(folds)):
        learned, tested = folds.learned_from[fold], folds.tested_in == fold
        told[tested] = _told(found, abundances, learned, tested, _best_ridge(found, abundances, folds, fold))
    return rmse(told, abundances)


def _best_ridge(found: FloatArray, abundances: FloatArray, folds: Folds, fold: int) -> float:
    other = (fold + 1) % len(folds)
    learned = folds.learned_from[fold] & folds.learned_from[other]
    tested = folds.learned_from[fold] & (folds.tested_in == other)
    errors = [rmse(_told(found, abundances, learned, tested, ridge), abundances[tested]) for ridge in _RIDGES]
    return _RIDGES[int(np.argmin(errors))]


def _told(found: FloatArray, abundances: FloatArray, learned: BoolArray, tested: BoolArray, ridge: float) -> FloatArray:
    centre, spread = found[learned].mean(axis=0), np.maximum(found[learned].std(axis=0), 1e-12)
    columns = np.column_stack([np.ones(len(found)), (found - centre) / spread])
    used = columns[learned]
    gram = used.T @ used + ridge * len(used) * np.eye(columns.shape[1])
    return np.asarray(columns[tested] @ np.linalg.solve(gram, used.T @ abundances[learned]))


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    lines = [
        "| scene | features | numbers | abundance RMSE of a linear probe | balanced accuracy of classes | processor seconds |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        reach = f"{row.accuracy:.3f} ({row.low:.2f}–{row.high:.2f})"
        lines.append(
            f"| {row.scene} | {row.features} | {row.numbers} | {row.abundance_rmse:.4f} | {reach} | {row.seconds:.1f} |"
        )
    return lines
