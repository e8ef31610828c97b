"""What unmixing a scene takes: seconds of one processor by stage, memory beside the cube's own, and how both grow with the scene.

Each scene is a process of its own, on one thread, so that the peak of its memory is its own; importing is counted apart. Simulated scenes are linear
mixtures with pure pixels in squares of 16 × 16 pixels, each with its own Dirichlet, at 30 dB; the mirrored scene is Jasper Ridge continued beyond
its edges, with noise of 0.002 of its own. Errors are the mean spectral angle and the root mean square of the abundances against what was mixed, or
against the scene's reference.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from napari_unmix.cube import Cube, FloatArray
from unmix_benchmarks.common import cases
from unmix_benchmarks.common.peak import Peak
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "seconds and memory of a fit, by stage, and how they grow"
_BLOCK, _DECIBELS, _ROWS = 16, 30.0, 64
_GIGABYTE = 1e9
# Seconds of one processor, and gigabytes above the cube's own, that were set beforehand.
_GOALS = {
    "samson": 3.0,
    "jasper": 3.0,
    "mirrored-307x307x162": 10.0,
    "100x100x198x4": 3.0,
    "100x100x198x8": 10.0,
    "100x100x198x12": 10.0,
    "1000x1000x200x4": 20.0,
}
_MEMORY_GOALS = {"1000x1000x200x4": 2.5}
_SCENES = ("samson", "jasper", "100x100x198x4", "100x100x198x8", "100x100x198x12", "307x307x162x4")
_MIRRORED, _LARGE = "mirrored-307x307x162", "1000x1000x200x4"
# What grows, and the scenes of one ladder: all else is the same in them.
_LADDERS = {
    "pixels": ("100x100x60x4", "200x200x60x4", "400x400x60x4"),
    "bands": ("64x64x60x4", "64x64x120x4", "64x64x240x4"),
    "endmembers": ("64x64x120x3", "64x64x120x6", "64x64x120x12"),
}
# Published methods that learn by networks; none of them is in a package registry under a name of its own.
_DEEP_PEERS = ("DeepTrans_HSU", "cycunet", "hsu_benchmark")


@dataclass(frozen=True)
class Taken:
    """One run: seconds of one processor and what of them each stage took, memory in gigabytes, and errors where the truth is known."""

    scene: str
    method: str
    endmembers: int
    pixels: int
    bands: int
    seconds: float
    importing: float
    goal: float | None
    cube: float
    above_cube: float
    memory_goal: float | None
    angle: float
    error: float
    stages: str


class Scene(NamedTuple):
    """A cube, how many endmembers it is unmixed into, the inversion, and what is known of it: (P, B) and (H, W, P), or nothing."""

    cube: Cube
    endmembers: int
    illumination: bool
    truth: tuple[FloatArray, FloatArray] | None


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed fit", __doc__ or "")
    options.add_argument(
        "--scenes", nargs="+", help=f"of {', '.join(_SCENES)}, {_MIRRORED}, {_LARGE}, ROWSxCOLUMNSxBANDSxENDMEMBERS"
    )
    options.add_argument("--large", action="store_true", help=f"{_LARGE} as well, which takes some gigabytes")
    options.add_argument("--no-ladders", action="store_true", help="leave out how it grows")
    options.add_argument("--one", help="a scene and a method, run here: what each run is started with")
    chosen = options.parse_args(arguments)
    if chosen.one:
        print(json.dumps(asdict(taken(*chosen.one.split(",")))))
        return 0
    scenes = chosen.scenes or [*_SCENES, *([_MIRRORED] if _data() else []), *([_LARGE] if chosen.large else [])]
    left_out = (
        [] if _data() else ["Samson and Jasper Ridge are left out: NAPARI_UNMIX_DATA names no folder that has them."]
    )
    rows = [row for scene in scenes if _there(scene) for row in _both(scene)]
    ladders = (
        {}
        if chosen.no_ladders
        else {what: [_apart(scene, "ivae") for scene in ladder] for what, ladder in _LADDERS.items()}
    )
    every = [*rows, *(row for ladder in ladders.values() for row in ladder)]
    lines = [*table(rows), "", *stage_table(rows), "", *_grown(ladders), peers(), *left_out]
    write_rows("speed-fit", every, lines, chosen.out)
    return 0


def _data() -> Path | None:
    named = os.environ.get("NAPARI_UNMIX_DATA")
    return Path(named) if named and (Path(named) / cases.JASPER_RIDGE.file).exists() else None


def _there(scene: str) -> bool:
    return _data() is not None or scene[0].isdigit()


def _both(scene: str) -> Iterator[Taken]:
    yield _apart(scene, "ivae")
    if scene != _LARGE:
        yield _apart(scene, "vca-fcls")


def _apart(scene: str, method: str) -> Taken:
    """The run in a process of its own, on one thread."""
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    code = f"import sys; from unmix_benchmarks.speed.fit import main; sys.exit(main(['--one', '{scene},{method}']))"
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **one, "PYTHONPATH": paths},
    )
    return Taken(**json.loads(run.stdout.splitlines()[-1]))


# One run


def taken(name: str, method: str) -> Taken:
    """Unmix the scene in this process, with the method's presets."""
    from napari_unmix import drain, method_specs, unmix
    from napari_unmix.progress import Progress

    # All that a fit imports, torch among it, is there once its module is.
    importlib.import_module(method_specs()[method].implementation.split(":")[0])
    importing = time.process_time()
    scene = made(name)
    stages: dict[str, float] = {}
    peak, begun = Peak(), time.process_time()
    stage, since = "reading the pixels", begun

    def look(progress: Progress) -> None:
        nonlocal stage, since
        now = time.process_time()
        stages[stage] = stages.get(stage, 0.0) + now - since
        stage, since = progress.stage, now

    spec = method_specs()[method].model_validate(
        {"method": method, "endmembers": scene.endmembers, "illumination": scene.illumination, "seed": 0}
    )
    result = drain(unmix(scene.cube, spec), look)
    look(Progress("", 0, 1, 1.0))
    seconds, above = time.process_time() - begun, peak.bytes() - scene.cube.spectra.nbytes
    angle, error = (
        (math.nan, math.nan) if scene.truth is None else _errors(result.endmembers, result.abundances, *scene.truth)
    )
    height, width, bands = scene.cube.shape
    told = "; ".join(f"{what} {value:.2f}" for what, value in stages.items() if value >= 0.005)
    sizes = (len(result.endmembers), height * width, bands)
    memory = (scene.cube.spectra.nbytes / _GIGABYTE, above / _GIGABYTE, _MEMORY_GOALS.get(name))
    goal = _GOALS.get(name) if method == "ivae" else None
    return Taken(name, method, *sizes, seconds, importing, goal, *memory, angle, error, told)


def made(name: str) -> Scene:
    """A scene by its name."""
    if name in ("samson", "jasper"):
        return _known(cases.SAMSON if name == "samson" else cases.JASPER_RIDGE)
    if name.startswith("mirrored-"):
        return _mirrored(*map(int, name.removeprefix("mirrored-").split("x")))
    return _simulated(*map(int, name.split("x")))


def _known(case: cases.Case) -> Scene:
    data = _data()
    assert data is not None
    cube, truth = case.load(data)
    assert truth.abundances is not None
    return Scene(cube, len(truth.endmembers), case.illumination, (truth.endmembers, truth.abundances))


def _mirrored(height: int, width: int, bands: int) -> Scene:
    """Jasper Ridge continued by its mirror images; noise of its own keeps pixels from being copies."""
    cube = _known(cases.JASPER_RIDGE).cube
    largest = float(np.nanmax(cube.spectra))
    rows, columns = (np.pad(np.arange(100), (0, size - 100), mode="reflect") for size in (height, width))
    spectra = cube.spectra[rows[:, None], columns[None], :bands] / largest
    spectra += 0.002 * np.random.default_rng(1).standard_normal(spectra.shape, dtype=np.float32)
    wavelengths = None if cube.wavelengths is None else cube.wavelengths[:bands]
    return Scene(Cube(spectra, wavelengths), 4, True, None)


def _simulated(height: int, width: int, bands: int, size: int) -> Scene:
    """Made in strips, so that making it takes hardly more memory than it."""
    generator = np.random.default_rng(0)
    x = np.linspace(0, 1, bands)

    def spectrum() -> FloatArray:
        wave = np.sin(2 * np.pi * (generator.uniform(0.5, 2.5) * x + generator.uniform()))
        broad = np.exp(-(((x - generator.uniform()) / generator.uniform(0.05, 0.3)) ** 2))
        narrow = np.exp(-(((x - generator.uniform()) / 0.05) ** 2))
        return np.asarray(np.clip(0.35 + 0.25 * wave + 0.2 * broad - 0.15 * narrow, 0.02, 1))

    endmembers = np.stack([spectrum() for _ in range(size)])
    alpha = generator.gamma(1.0, 1.0, (-(-height // _BLOCK), -(-width // _BLOCK), size)) + 0.15
    abundances, spectra = np.empty((height, width, size), np.float32), np.empty((height, width, bands), np.float32)
    noise = 0.0
    for first in range(0, height, _ROWS):
        rows = np.arange(first, min(height, first + _ROWS))
        drawn = generator.standard_gamma(alpha[rows[:, None] // _BLOCK, np.arange(width)[None] // _BLOCK])
        drawn /= drawn.sum(axis=-1, keepdims=True)
        clean = drawn @ endmembers
        noise = noise or float(np.sqrt(np.mean(clean**2))) * 10 ** (-_DECIBELS / 20)
        spectra[rows] = clean + noise * generator.standard_normal(clean.shape, dtype=np.float32)
        abundances[rows] = drawn
    return Scene(Cube(spectra, np.linspace(400, 2400, bands)), size, False, (endmembers, abundances))


def _errors(
    found: FloatArray, shares: FloatArray, endmembers: FloatArray, abundances: FloatArray
) -> tuple[float, float]:
    """Mean angle (degrees) and the abundances' root mean square error, after matching."""
    from napari_unmix.rows.alignment import match_endmembers
    from napari_unmix.rows.metrics import rmse, spectral_angle

    order = match_endmembers(found, endmembers)
    angle = float(np.degrees(spectral_angle(found[order], endmembers)).mean())
    size = len(endmembers)
    return angle, rmse(shares[..., order].reshape(-1, size), abundances.reshape(-1, size))


# What is printed


def table(rows: Sequence[Taken]) -> list[str]:
    """Markdown: a line a scene, VCA and least squares beside it."""
    lines = [
        "| scene | P | CPU s | goal | × VCA + FCLS | GB above the cube | cube, GB | goal | angle / abundance RMSE |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    plain = {row.scene: row.seconds for row in rows if row.method == "vca-fcls"}
    for row in rows:
        if row.method != "ivae":
            continue
        times = f"{row.seconds / plain[row.scene]:.0f}" if row.scene in plain else "–"
        errors = "–" if math.isnan(row.angle) else f"{row.angle:.2f}° / {row.error:.4f}"
        lines.append(
            f"| {row.scene} | {row.endmembers} | {row.seconds:.1f} | {_goal(row.goal)} | {times} | {row.above_cube:.2f} | {row.cube:.2f} "
            f"| {_goal(row.memory_goal)} | {errors} |"
        )
    return lines


def _goal(value: float | None) -> str:
    return "–" if value is None else f"{value:g}"


def stage_table(rows: Sequence[Taken]) -> list[str]:
    """Markdown: where the seconds went."""
    lines = ["| scene | CPU s by stage | importing |", "|---|---|---|"]
    return lines + [f"| {row.scene} | {row.stages} | {row.importing:.1f} |" for row in rows if row.method == "ivae"]


def exponent(rows: Sequence[Taken], what: str) -> float:
    """By which power of ``what`` (pixels, bands, endmembers) the seconds grow, least squares in logarithms."""
    sizes = np.log([getattr(row, what) for row in rows])
    return float(np.polyfit(sizes, np.log([row.seconds for row in rows]), 1)[0])


def _grown(ladders: dict[str, list[Taken]]) -> list[str]:
    if not ladders:
        return []
    lines = ["| what grows | from, to | CPU s | exponent |", "|---|---|---|---|"]
    for what, rows in ladders.items():
        sizes = f"{getattr(rows[0], what)}, {getattr(rows[-1], what)}"
        seconds = ", ".join(f"{row.seconds:.1f}" for row in rows)
        lines.append(f"| {what} | {sizes} | {seconds} | {exponent(rows, what):.2f} |")
    return [*lines, ""]


def peers() -> str:
    """What is said of methods that learn by networks: they are compared where they are installed, and nothing is quoted."""
    there = [name for name in _DEEP_PEERS if importlib.util.find_spec(name)]
    if there:
        return f"Installed here, but without a common way to call them: {', '.join(there)}. Not compared."
    return (
        f"No deep peer is installed ({', '.join(_DEEP_PEERS)} were looked for), so none is compared and none is quoted."
    )
