"""Reading a cube into memory, beside a lean conversion of the same file; and what a cube that stays in its file costs to open, click and sample.

The lean conversion maps the file, divides eight lines at a time in single precision, and asks by one sum a pixel whether it is finite. What is
read without repairs does that much; the repairs look for no data, broken bands and lines, and spikes besides. The large file is sparse: only the
lines that are looked at when it is opened hold numbers, so what a disk takes to read is not in these times.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_unmix import read_cube
from unmix_benchmarks.common.scores import parser, write_rows

TITLE = "reading into memory beside a lean conversion, and cubes that stay in their file"
_SCALE = 10_000
_ORDERS = {"bsq": (2, 0, 1), "bil": (0, 2, 1), "bip": (0, 1, 2)}
_KINDS = {"uint16": 12, "float32": 4}
_LINES = 8  # of the lean conversion at a time
_DRAWN = 32  # lines that are drawn; the others are these, a little brighter
_CLICKS = 50
_SAMPLE = 20_000


@dataclass(frozen=True)
class Row:
    """A file, and what takes how long; NaN where it was not measured.

    Attributes
    ----------
    file : interleave and type
    gigabytes : of the file
    lean, plain, repaired : seconds of processor time of the lean conversion, of ``read_cube`` without and with repairs
    opened : seconds by the clock until a picture is there; of a file that stays where it is
    click : median milliseconds by the clock to the spectrum of a pixel
    sampled : seconds by the clock for a sample of 20,000 pixels
    megabytes : of memory at the peak over that at the start
    """

    file: str
    gigabytes: float
    lean: float
    plain: float
    repaired: float
    opened: float
    click: float
    sampled: float
    megabytes: float


def main(arguments: list[str]) -> int:
    """Run it."""
    options = parser("speed reading", __doc__ or "")
    options.add_argument(
        "--held",
        type=int,
        nargs=3,
        default=[512, 512, 200],
        help="lines, samples, bands of a file that is read into memory",
    )
    options.add_argument("--large", type=int, nargs=3, default=[5000, 4000, 200], help="of one that stays in its file")
    options.add_argument("--repeats", type=int, default=3, help="of which the median counts")
    options.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    chosen = options.parse_args(arguments)
    if chosen.child:
        print(*_stayed(Path(chosen.child[0])))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        rows = [*_held(Path(folder), tuple(chosen.held), chosen.repeats), *_large(Path(folder), tuple(chosen.large))]
    write_rows("speed-reading", rows, [*table(rows), "", summary(rows)], chosen.out)
    return 0


def _held(folder: Path, shape: tuple[int, int, int], repeats: int) -> Iterator[Row]:
    drawn = [_mixtures(shape[1:], line) for line in range(min(shape[0], _DRAWN))]
    stored = np.stack([drawn[line % _DRAWN] + np.uint16(line // _DRAWN) for line in range(shape[0])])
    for interleave in _ORDERS:
        for kind in _KINDS:
            numbers = stored if kind == "uint16" else (stored / np.float32(_SCALE)).astype(np.float32)
            path = _written(folder, numbers, interleave)
            ways: list[Callable[[], object]] = [
                partial(lean, path, shape, interleave, np.dtype(kind)),
                partial(read_cube, path, repair="none", keep_on_disk=False),
                partial(read_cube, path, keep_on_disk=False),
            ]
            taken = _seconds(ways, repeats)
            unknown = float("nan")
            yield Row(f"{interleave} {kind}", path.stat().st_size / 1e9, *taken, unknown, unknown, unknown, unknown)
            path.unlink()


def _seconds(ways: Sequence[Callable[[], object]], repeats: int) -> tuple[float, float, float]:
    """Median processor time of each of three, in turn."""
    taken: list[list[float]] = [[] for _ in ways]
    for _ in range(repeats):
        for way, seconds in zip(ways, taken, strict=True):
            begun = time.process_time()
            way()
            seconds.append(time.process_time() - begun)
    lean_one, plain, repaired = (statistics.median(seconds) for seconds in taken)
    return lean_one, plain, repaired


def lean(path: Path, shape: tuple[int, int, int], interleave: str, kind: np.dtype[np.generic]) -> NDArray[np.float32]:
    """(H, W, B) of a file by as little as can be done."""
    order = _ORDERS[interleave]
    mapped = np.memmap(path, kind, "r", shape=tuple(shape[axis] for axis in order)).transpose(np.argsort(order))
    factor = np.float32(1 / _SCALE if kind == np.uint16 else 1)
    out, good = np.empty(shape, np.float32), np.empty(shape[:2], bool)
    for first in range(0, shape[0], _LINES):
        some = slice(first, first + _LINES)
        np.multiply(mapped[some], factor, out=out[some], casting="unsafe", dtype=np.float32)
        good[some] = np.isfinite(out[some].sum(axis=-1, dtype=np.float64))
    return out


def _large(folder: Path, shape: tuple[int, int, int]) -> Iterator[Row]:
    """Each file in a process of its own, whose memory is only its."""
    for interleave in _ORDERS:
        path = sparse(folder, shape, interleave)
        command = [sys.executable, "-m", "napari_unmix", "benchmark", "speed", "reading", "--child", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        opened, click, sampled, megabytes = map(float, said)
        unknown = float("nan")
        yield Row(
            f"{interleave} uint16",
            path.stat().st_size / 1e9,
            unknown,
            unknown,
            unknown,
            opened,
            click,
            sampled,
            megabytes,
        )
        path.unlink()


def _stayed(path: Path) -> tuple[float, float, float, float]:
    """Seconds until a picture, milliseconds of a click, seconds of a sample, megabytes of memory."""
    import psutil

    from napari_unmix.output.composite import composite

    before = psutil.Process().memory_info().rss
    begun = time.perf_counter()
    cube = read_cube(path, keep_on_disk=True)
    composite(cube)
    opened = time.perf_counter() - begun
    generator, clicks = np.random.default_rng(0), []
    for row, column in generator.integers(0, cube.shape[:2], (_CLICKS, 2)).tolist():
        begun = time.perf_counter()
        cube.spectra[row, column]
        clicks.append(time.perf_counter() - begun)
    begun = time.perf_counter()
    cube.sampled(_SAMPLE)
    return opened, 1e3 * statistics.median(clicks), time.perf_counter() - begun, (peak() - before) / 1e6


def peak() -> int:
    """The most bytes that this process ever had; on Windows those that it has."""
    try:
        import resource
    except ImportError:  # Windows
        import psutil

        return int(psutil.Process().memory_info().rss)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _mixtures(shape: tuple[int, int], line: int) -> NDArray[np.uint16]:
    """(W, B) a line of mixtures of five spectra with noise, as stored numbers."""
    generator = np.random.default_rng(line)
    materials = np.random.default_rng(2**32 - 1).uniform(0.1, 0.9, (5, shape[1]))
    mixed = generator.dirichlet(np.ones(5), shape[0]) @ materials + generator.normal(0, 0.01, shape)
    return np.asarray((mixed * _SCALE).clip(1, 65_535), np.uint16)


def _written(folder: Path, numbers: NDArray[np.generic], interleave: str) -> Path:
    path = folder / f"scene.{interleave}"
    np.ascontiguousarray(numbers.transpose(_ORDERS[interleave])).tofile(path)
    _header(path, numbers.shape, interleave, numbers.dtype.name)
    return path


def sparse(folder: Path, shape: tuple[int, int, int], interleave: str) -> Path:
    """A file of which hardly any line is written."""
    height, width, bands = shape
    path = folder / f"large.{interleave}"
    _header(path, shape, interleave, "uint16")
    drawn = _mixtures(shape[1:], 0)
    with path.open("wb") as stream:
        stream.truncate(2 * height * width * bands)
        for row in range(6, height, 13):
            line = np.roll(drawn, row, axis=0) + np.uint16(row % 7)
            for band, piece in enumerate(np.ascontiguousarray(line.T)) if interleave == "bsq" else ((0, line),):
                numbers = np.ascontiguousarray(piece.T if interleave == "bil" else piece)
                stream.seek(2 * ((band * height + row) * width if interleave == "bsq" else row * width * bands))
                stream.write(numbers.tobytes())
    return path


def _header(path: Path, shape: tuple[int, ...], interleave: str, kind: str) -> None:
    scale = f"reflectance scale factor = {_SCALE}\n" if kind == "uint16" else ""
    path.with_suffix(".hdr").write_text(
        f"ENVI\nsamples = {shape[1]}\nlines = {shape[0]}\nbands = {shape[2]}\nheader offset = 0\ndata type = {_KINDS[kind]}\n"
        f"interleave = {interleave}\nbyte order = 0\n{scale}",
        encoding="ascii",
    )


def table(rows: Sequence[Row]) -> list[str]:
    """Markdown."""
    held = [row for row in rows if np.isfinite(row.lean)]
    large = [row for row in rows if np.isfinite(row.opened)]
    return [
        "| read into memory | GB | lean, s | without repairs, times lean | with repairs, times lean |",
        "|---|---|---|---|---|",
        *(
            f"| {row.file} | {row.gigabytes:.2g} | {row.lean:.2f} | {row.plain / row.lean:.1f} | {row.repaired / row.lean:.1f} |"
            for row in held
        ),
        "",
        "| stays in its file | GB | picture, s | click, ms | 20,000 pixels sampled, s | memory, MB |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.file} | {row.gigabytes:.2g} | {row.opened:.1f} | {row.click:.1f} | {row.sampled:.1f} | {row.megabytes:.0f} |"
            for row in large
        ),
    ]


def summary(rows: Sequence[Row]) -> str:
    """The worst of each."""
    held = [row.plain / row.lean for row in rows if np.isfinite(row.lean)]
    large = [row for row in rows if np.isfinite(row.opened)]
    return (
        f"Reading without repairs takes {min(held):.1f} to {max(held):.1f} times the lean conversion (goal 1.5). A file that stays where it is"
        f" shows a picture within {max(row.opened for row in large):.1f} s (goal 5) in {max(row.megabytes for row in large):.0f} MB."
    )
