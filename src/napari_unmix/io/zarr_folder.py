"""Zarr folders, version 2 and 3: an array (H, W, B), or a group that holds one."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_unmix.cube import Reading, UnmixError
from napari_unmix.io.budget import check_array, check_budget
from napari_unmix.io.stored import Stored
from napari_unmix.io.wavelengths import WAVELENGTH_NAMES

METADATA_FILES = (".zarray", ".zgroup", "zarr.json")
_DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, IndexError, OverflowError)
# Zarr decodes with whatever codec the metadata name; one of them is pickle, which runs code. These only move numbers.
_SAFE_CODECS = {"bytes", "transpose", "sharding_indexed", "cast_value", "scale_offset"}
_SAFE_CODECS |= {"gzip", "zlib", "zstd", "blosc", "bz2", "lzma", "lz4", "shuffle", "bitround", "packbits"}
_SAFE_CODECS |= {"delta", "fixedscaleoffset", "quantize", "astype", "crc32", "crc32c", "adler32", "fletcher32"}


def read_zarr(path: Path, reading: Reading) -> Stored:
    """Read an array, or of a group the array that is named, ``cube``, or the only one of three axes. Raises UnmixError."""
    import zarr

    _refuse_links(path)
    try:
        node = zarr.open(store=str(path), mode="r")
        arrays = {"": node} if isinstance(node, zarr.Array) else dict(node.arrays())
        name = _choose(arrays, reading.key, path)
        _check(arrays[name], path.name + (f"/{name}" if name else ""))
        wavelengths = _wavelengths(arrays, arrays[name].attrs, node.attrs)
        array = np.asarray(arrays[name][...])
    except UnmixError:
        raise
    except _DAMAGED as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UnmixError(
            f"{path.name} could not be read as Zarr ({reason}): check that the folder is complete."
        ) from error
    return Stored(array=array, wavelengths=wavelengths)


def is_zarr(path: Path, start: bytes = b"") -> bool:
    """Whether the folder has Zarr's metadata."""
    return any((path / name).is_file() for name in METADATA_FILES)


def _refuse_links(path: Path) -> None:
    """A chunk that is a link elsewhere would show another file of this machine as spectra."""
    root = path.resolve()
    folders = [root]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
                    raise UnmixError(f"{path.name} links to files outside its folder: copy them into it first.")
                if entry.is_dir(follow_symlinks=False):
                    folders.append(Path(entry.path))


def _choose(arrays: Mapping[str, Any], key: str | None, path: Path) -> str:
    listing = ", ".join(f"{name or 'one array'} {tuple(array.shape)}" for name, array in arrays.items()) or "no array"
    if key is not None and key not in arrays:
        raise UnmixError(f"{path.name} has no array {key!r}, it holds {listing}: name one of these.")
    cubes = [name for name, array in arrays.items() if len(array.shape) == 3]
    chosen = key if key is not None else "cube" if "cube" in arrays else "" if "" in arrays else None
    if chosen is None and len(cubes) != 1:
        raise UnmixError(f"{path.name} holds {listing}: call the hyperspectral array 'cube'.")
    return cubes[0] if chosen is None else chosen


def _check(array: Any, label: str) -> None:
    """Size of the array and of one chunk, which is decoded whole, and the codecs; nothing is decoded before."""
    check_array(array.shape, array.dtype.kind, array.dtype.itemsize, label)
    check_budget(math.prod(array.shards or array.chunks), array.dtype.itemsize, f"One chunk of {label}")
    unsafe = sorted(set(_codecs(array.metadata.to_dict())) - _SAFE_CODECS)
    if unsafe:
        raise UnmixError(f"{label} is encoded with {', '.join(unsafe)}, which is not safe to open: save it with zstd.")


def _codecs(node: Any) -> Iterator[str]:
    """The names of all codecs of an array's metadata, those inside shards included."""
    lists = (node.get(name) for name in ("filters", "compressor", "codecs", "index_codecs"))
    for entry in lists:
        for codec in entry if isinstance(entry, list | tuple) else [entry] if entry else []:
            config = codec if isinstance(codec, Mapping) else codec.get_config()
            yield str(config.get("id", config.get("name"))).removeprefix("numcodecs.")
            yield from _codecs(config.get("configuration") or {})


def _wavelengths(arrays: Mapping[str, Any], *attributes: Mapping[str, Any]) -> Any:
    """Wavelengths beside the cube: an array of one axis, or an attribute."""
    for name, array in arrays.items():
        if name.lower() in WAVELENGTH_NAMES and len(array.shape) == 1 and array.dtype.kind in "uif":
            check_budget(math.prod(array.chunks), array.dtype.itemsize, f"The array {name}")
            if set(_codecs(array.metadata.to_dict())) <= _SAFE_CODECS:
                return np.asarray(array[...])
    found = [table[name] for table in attributes for name in table if name.lower() in WAVELENGTH_NAMES]
    return found[0] if found else None
