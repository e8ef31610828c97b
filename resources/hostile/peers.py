"""The hostile cubes through the tools that this field trusts most: GDAL (by rasterio), h5py and SPy, each in a child with the same limits.

python resources/hostile/peers.py
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import corpus  # noqa: E402
import good  # noqa: E402
from limited import Ended, limited  # noqa: E402
from run import MEMORY, SECONDS, put  # noqa: E402

REFUSED = 3
ENDINGS = ("numbers", "an error", "no end in time", "too much memory", "a crash")


def by_gdal(path: Path) -> int:
    """All bands of what GDAL finds in a file."""
    import rasterio

    with rasterio.open(path) as file:
        return int(file.read().size)


def by_h5py(path: Path) -> int:
    """All numbers of an HDF5 file."""
    import h5py

    sizes: list[int] = []

    def visit(_: str, found: Any) -> None:
        if isinstance(found, h5py.Dataset) and found.dtype.kind in "uif":
            sizes.append(int(found[()].size))

    with h5py.File(path, "r") as file:
        file.visititems(visit)
    return sum(sizes)


def by_spy(path: Path) -> int:
    """The image of an ENVI header or of an ERDAS file."""
    import spectral

    return int(spectral.open_image(str(path)).load().size)


def by_us(path: Path) -> int:
    """The cube."""
    from napari_unmix import read_cube

    return int(read_cube(path).spectra.size)


# Who reads which doors.
TOOLS: dict[str, tuple[Callable[[Path], int], tuple[str, ...]]] = {
    "GDAL (rasterio)": (
        by_gdal,
        ("ENVI", ".hdr", ".img", "TIFF", ".tif", "FITS", ".fits", ".lan", "HDF5", ".h5", ".nc", "Zarr"),
    ),
    "h5py": (by_h5py, ("HDF5", ".h5", "MATLAB 7.3")),
    "SPy": (by_spy, ("ENVI", ".hdr", ".lan")),
}


def ending(ended: Ended) -> str:
    """One of ``ENDINGS``."""
    if ended.late:
        return "no end in time"
    if "MemoryError" in ended.err or "Unable to allocate" in ended.err or ended.megabytes * 2**20 > MEMORY:
        return "too much memory"
    if ended.status < 0:
        return "a crash"
    return "numbers" if ended.status == 0 else "an error"


def asked(tool: Callable[[Path], int], path: Path) -> int:
    """0 where a tool gives numbers; an error is printed, and is REFUSED."""
    try:
        return 0 if tool(path) else REFUSED
    except Exception as error:  # noqa: BLE001 (whatever a tool raises is its error)
        print(type(error).__name__, str(error)[:200], file=sys.stderr)
        return REFUSED


def main() -> int:
    """Ask every tool, and ours beside it, and write the table."""
    rows = []
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        good.beside(folder / "good")
        cases = [case for case in corpus.cases(folder / "good") if case.file]
        for name, (tool, doors) in TOOLS.items():
            own = [case for case in cases if any(case.door.endswith(door) for door in doors)]
            counts: dict[str, Counter[str]] = {name: Counter(), "napari-unmix": Counter()}
            for number, case in enumerate(own):
                made = folder / f"case{number}"
                made.mkdir()
                case.make(made)
                for who, function in ((name, tool), ("napari-unmix", by_us)):
                    ended = limited(lambda f=function, p=made / case.file: asked(f, p), SECONDS, MEMORY, folder)  # type: ignore[misc]
                    counts[who][ending(ended)] += 1
            rows += [
                [f"{who}, {len(own)} files", *(str(count[what]) for what in ENDINGS)] for who, count in counts.items()
            ]
            print(name, counts, flush=True)
    head = ["", *ENDINGS]
    lines = [head, ["---", *(["---:"] * len(ENDINGS))], *rows]
    put("The same cubes through other tools", "".join(f"| {' | '.join(line)} |\n" for line in lines))
    return 0


if __name__ == "__main__":
    sys.exit(main())
