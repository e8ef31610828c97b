"""Files are opened by the doors alone: reads the code of the package and names every call that opens, reads or writes a file elsewhere.

Reading goes through ``napari_unmix.files`` (regular files, never more than is asked for), writing through ``files.whole`` (whole, or not at
all). A library that opens files by name has one module as its door, which is listed below with the reason; what is listed and no longer
needed is a fault as well.

    python resources/lint/doors.py
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[2] / "src" / "napari_unmix"
ROOMS = ("applying", "io", "library", "output", "cli", "files", "synthetic.py", "cube.py", "reading.py", "pipeline.py")
# Methods of paths that open a file, read it, write it or put it in the place of another.
METHODS = {
    "open", "read_bytes", "read_text", "write_bytes", "write_text", "rename", "tofile",
}  # fmt: skip
# Functions that open a file by its name: the last two words, or one that is told by itself.
FUNCTIONS = {
    "io.open", "io.open_code", "io.FileIO", "os.open", "os.fdopen", "os.rename", "os.replace", "os.truncate", "codecs.open",
    "mmap.mmap", "shutil.copy", "shutil.copy2", "shutil.copyfile", "shutil.move", "gzip.open", "bz2.open", "lzma.open", "tarfile.open",
    "np.load", "np.save", "np.savez", "np.savez_compressed", "np.savetxt", "np.loadtxt", "np.genfromtxt", "np.memmap", "np.fromfile",
    "np.DataSource", "h5py.File", "tifffile.TiffFile", "tifffile.imread", "tifffile.imwrite", "tifffile.memmap", "tifffile.TiffWriter",
    "zarr.open", "zarr.open_array", "zarr.open_group", "zarr.create_array", "zarr.create_group", "zarr.save", "zarr.load",
    "rasterio.open", "Image.open", "fits.open", "fits.getdata", "sqlite3.connect", "zipfile.ZipFile", "zipfile.is_zipfile",
    "zipfile.PyZipFile", "json.load", "pickle.load", "torch.load", "torch.save", "xarray.open_dataset", "xarray.open_zarr", "nd2.ND2File",
    "czifile.CziFile", "liffile.LifFile", "shapefile.Reader", "ElementTree.parse", "netCDF4.Dataset", "h5netcdf.File",
}  # fmt: skip
ALONE = {
    "open",
    "safe_open",
    "load_file",
    "save_file",
    "imread",
    "imwrite",
    "ZipFile",
    "TiffFile",
    "TiffWriter",
    "memmap",
    "fromfile",
}
RECEIVERS = {
    "archive",
    "self.controller",
    "controller",
    "workspace.controller",
    "viewer",
    "self.link",
    "self.marks",
    "self.maps",
}

# The doors: module -> call -> why it may.
_NEW = "writes a new file in a workplace that nobody else knows"
_MOVES = "moves what is whole to its place"
DOORS: dict[str, dict[str, str]] = {
    "files/opened.py": {"os.open": "the door for reading", "os.fdopen": "the door for reading"},
    "files/whole.py": {"os.open": "has a folder's names on the disk", "open": "the door for writing"},
    "files/workplace.py": {
        "os.open": "locks, and has names on the disk",
        "open": "keeps its list",
        "rename": _MOVES,
        "os.rename": _MOVES,
        "os.replace": _MOVES,
    },
    "files/exchange.py": {"os.rename": _MOVES},
    "files/archive.py": {"zipfile.ZipFile": "the door for archives: gets a stream that is open"},
    "files/database.py": {"sqlite3.connect": "the door for SQLite: opens by name, after `regular`"},
    "io/groups/hdf5_door.py": {"h5py.File": "the door for HDF5: opens by name, after `regular` and the process apart"},
    "io/groups/hdf5_file.py": {"h5py.File": "runs in the process apart"},
    "io/walks.py": {
        "h5py.File": "runs in the process apart",
        "os.fdopen": "its own stream of answers",
        "read_text": "a file of the kernel",
    },
    "io/groups/zarr_folder.py": {"zarr.open": "the door for Zarr: gets a store that opens each part"},
    "io/groups/zarr_store.py": {"open": "a part of an archive that `files.archive` has looked at"},
    "io/raster/fits.py": {"fits.open": "the door for FITS: opens by name, after `regular`"},
    "io/raster/fits_tiles.py": {"fits.open": "the same file once more, as tables"},
    "io/raster/tiff_file.py": {"tifffile.TiffFile": "the door for TIFF: opens by name, after `regular`"},
    "io/raster/microscopy.py": dict.fromkeys(
        ("czifile.CziFile", "liffile.LifFile", "nd2.ND2File"),
        "the door for a microscope's files: opens by name, after `regular`",
    ),
    "io/raster/raster.py": {"rasterio.open": "the door for GDAL: opens by name, after `regular`"},
    "io/annotation/rasters.py": {"Image.open": "the door for pictures: gets a stream that is open"},
    "io/annotation/vectors.py": {"shapefile.Reader": "the door for shapefiles: gets streams that are open"},
    "io/boundary.py": {"os.open": "the null device in place of stderr"},
    "io/budget.py": {"read_text": "files of the kernel, which no user names"},
    "output/run/arrays.py": {"open": _NEW},
    "output/run/parameters.py": {"open": _NEW},
    "output/run/table.py": {"open": _NEW},
    "output/run/plain.py": {"write_text": _NEW},
    "output/run/place.py": {"rename": _MOVES},
    "output/export/arrays.py": {"np.savez": _NEW},
    "output/export/envi.py": {"open": _NEW},
    "output/export/geotiff.py": {"rasterio.open": _NEW, "tifffile.memmap": _NEW},
    "output/export/mapped.py": {"open": _NEW},
    "output/export/ome_zarr.py": {"zarr.create_group": _NEW},
    "output/export/tables.py": {"open": _NEW},
    "applying/partial.py": {"np.memmap": "its own folder, which nobody is told of", "open": _NEW},
    "applying/outputs.py": {"zarr.create_group": _NEW},
    "library/files.py": {"write_bytes": _NEW},
    "synthetic.py": {"open": "the package's own data", "np.load": "gets a stream of the package's own data"},
    "cli/commands.py": {"open": "the null device in place of a stream that is missing"},
    "cli/ending.py": {"os.open": "the null device in place of a stream that is gone"},
}


class Opening(NamedTuple):
    """A call that opens a file: the module (below the package), its line, and what is called."""

    module: str
    line: int
    call: str


def openings(source: str, module: str) -> Iterator[Opening]:
    """Every call in a module's text that opens, reads or writes a file by its name, whatever it is imported as."""
    tree = ast.parse(source)
    names = _imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            call = _opens(node.func, names) or ("replace" if _renames(node) else "")
            if call:
                yield Opening(module, node.lineno, call)


def faults(package: Path = PACKAGE) -> list[str]:
    """A sentence for every opening that is no door's, and for every door that opens nothing."""
    found = [
        one for path in _modules(package) for one in openings(path.read_text(encoding="utf-8"), _module(path, package))
    ]
    said = [
        f"{one.module}:{one.line} calls {one.call}: open files by napari_unmix.files, or list the door in {Path(__file__).name}."
        for one in found
        if one.call not in DOORS.get(one.module, {})
    ]
    there = {(one.module, one.call) for one in found}
    for module, calls in DOORS.items():
        said += [
            f"{module} no longer calls {call}: take it from the list in {Path(__file__).name}."
            for call in sorted(calls)
            if (package / module).exists() and (module, call) not in there
        ]
    return said


def _modules(package: Path) -> Iterator[Path]:
    for room in ROOMS:
        place = package / room
        yield from sorted(place.rglob("*.py")) if place.is_dir() else [place] if place.exists() else []


def _module(path: Path, package: Path) -> str:
    return path.relative_to(package).as_posix()


def _imported(tree: ast.AST) -> dict[str, str]:
    """What a module calls things by -> what they are called here: ``numpy`` is np, and of ``from numpy import load`` load is np.load."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                bound = one.name if one.asname else one.name.split(".")[0]
                names[one.asname or bound] = "np" if bound == "numpy" else bound.rpartition(".")[2]
        elif isinstance(node, ast.ImportFrom):
            room = "np" if node.module == "numpy" else (node.module or "").rpartition(".")[2]
            for one in node.names:
                names[one.asname or one.name] = f"{room}.{one.name}" if room else one.name
    return names


def _renames(call: ast.Call) -> bool:
    """``path.replace(target)``: that of texts takes two, and that of data classes names what it replaces."""
    return (
        isinstance(call.func, ast.Attribute)
        and call.func.attr == "replace"
        and len(call.args) == 1
        and not call.keywords
    )


def _opens(function: ast.expr, names: dict[str, str]) -> str:
    if isinstance(function, ast.Name):
        called = names.get(function.id, function.id)
        return (
            called if called in FUNCTIONS else called.rpartition(".")[2] if called.rpartition(".")[2] in ALONE else ""
        )
    if not isinstance(function, ast.Attribute):
        return ""
    receiver = ast.unparse(function.value)
    room = names.get(receiver, receiver).rpartition(".")[2]
    if f"{room}.{function.attr}" in FUNCTIONS:
        return f"{room}.{function.attr}"
    if function.attr in ALONE - {"open"}:
        return function.attr
    return function.attr if function.attr in METHODS and receiver not in RECEIVERS else ""


if __name__ == "__main__":
    found = faults()
    print("\n".join(found) or "All files are opened by the doors.")
    sys.exit(bool(found))
