"""Zarr, version 2 and 3, as a folder or a zip file: an array, or a group that holds one, as xarray, OME-Zarr or HyperSpy write it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from napari_unmix.cube import Reading
from napari_unmix.files.archive import opened_archive
from napari_unmix.io.boundary import explained, reason_of, told_by
from napari_unmix.io.groups.blocks import check_blocks
from napari_unmix.io.groups.conventions import is_usual_fill, number
from napari_unmix.io.groups.hyperspy_axes import with_hyperspy_axes
from napari_unmix.io.groups.ome_zarr import with_ome_axes
from napari_unmix.io.groups.tree import LONGEST_LIST, Attributes, Axis, Tree, Unwritten, Variable, plain_name
from napari_unmix.io.groups.tree_cube import looks_spectral, read_tree_cube, with_unwritten
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError, shown

METADATA_FILES = (".zarray", ".zgroup", "zarr.json")
_MOST = 20_000  # arrays and groups
# Zarr decodes with whatever codec the metadata name; one of them is pickle, which runs code. These only move numbers.
_SAFE_CODECS = {"bytes", "transpose", "sharding_indexed", "cast_value", "scale_offset"}
_SAFE_CODECS |= {"gzip", "zlib", "zstd", "blosc", "bz2", "lzma", "lz4", "shuffle", "bitround", "packbits"}
_SAFE_CODECS |= {"delta", "fixedscaleoffset", "quantize", "astype", "crc32", "crc32c", "adler32", "fletcher32"}


def read_zarr(path: Path, reading: Reading) -> Stored:
    """Read an array, or of a group the one that is named or looks like the cube, when it is sliced. Raises UnmixError."""

    def failed(error: Exception) -> UnmixError:
        return UnmixError(
            f"{path.name} could not be read as Zarr ({reason_of(error)}): check that the folder is complete."
        )

    with told_by(failed), ExitStack() as stack:
        tree = open_tree(path, stack)
        stored = read_tree_cube(tree, reading.key, path, failed, fill=_own_fill)
        return replace(with_unwritten(stored, path, reading), close=stack.pop_all().close)


def zarr_holds_cube(path: Path) -> bool:
    """Whether one of the arrays has three axes. Raises OSError."""
    try:
        with explained(path), ExitStack() as stack:
            tree = open_tree(path, stack)
            return looks_spectral(tree) or any(len(v.shape) == 3 for v in tree.variables.values())
    except UnmixError:
        return True  # what is wrong with it is said when it is read


def is_zarr_zip(path: Path, start: bytes) -> bool:
    """Whether a file is an archive with Zarr's metadata at its top. Raises OSError."""
    return start.startswith(b"PK") and _prefix(path) is not None


def is_zarr(path: Path, start: bytes = b"") -> bool:
    """Whether the folder has Zarr's metadata."""
    return any((path / name).is_file() for name in METADATA_FILES)


def open_tree(path: Path, stack: ExitStack) -> Tree:
    """The arrays of a folder or a zip file. Raises UnmixError where it is not safe to open, and what Zarr raises."""
    import zarr

    from napari_unmix.io.groups.zarr_store import Archive, Folder, checked_archive, checked_folder

    if path.is_dir():
        checked_folder(path)
        return _tree(zarr.open(store=Folder(path, read_only=True), mode="r"), path)
    checked_archive(path)
    store = Archive(path, mode="r")
    stack.callback(store.close)
    return _tree(zarr.open(store=store, path=_prefix(path) or "", mode="r"), path)


def _prefix(path: Path) -> str | None:
    """Where in an archive the Zarr lies: "" at its top, or the only folder there; None where it is none. Raises OSError."""
    try:
        with opened_archive(path) as archive:
            names = [name for name in archive.namelist() if name.rpartition("/")[2] in METADATA_FILES]
    except UnmixError:  # said by who reads it
        return None
    shortest = min(names, key=lambda name: name.count("/"), default=None)
    return shortest.rpartition("/")[0] if shortest is not None and shortest.count("/") < 2 else None


def _tree(node: Any, path: Path) -> Tree:
    import zarr

    if isinstance(node, zarr.Array):
        members: dict[str, Any] = {"": node}
    else:
        members = dict(sorted(node.members(max_depth=None)))
        members[""] = node
    if len(members) > _MOST:
        raise UnmixError(f"{path.name} holds more than {_MOST} arrays and groups: save the cube alone.")
    groups: dict[str, Attributes] = {
        name: dict(member.attrs) for name, member in members.items() if not isinstance(member, zarr.Array)
    }
    arrays = {name: member for name, member in members.items() if isinstance(member, zarr.Array)}
    unsafe = {name: _unsafe(array) for name, array in arrays.items()}
    refused = next((name for name, codecs in unsafe.items() if codecs), None)
    if refused is not None:
        raise UnmixError(
            f"{_label(path, refused)} is encoded with {', '.join(unsafe[refused])}, which is not safe to open: save it with zstd."
        )
    variables = {
        name: Variable(name, ZarrArray(array, _label(path, name)), dict(array.attrs), _axes(name, array, arrays, path))
        for name, array in arrays.items()
    }
    return with_ome_axes(with_hyperspy_axes(Tree(variables, groups)))


class ZarrArray:
    """An array of Zarr as one that is read when it is sliced; ``chunks`` are what is decoded at a time."""

    can_stay = True  # in its folder or file

    def __init__(self, array: Any, label: str) -> None:
        self.array, self.label, self.shape, self.dtype = array, label, array.shape, array.dtype
        self.chunks = tuple(int(length) for length in array.shards or array.chunks)
        self._limited: Any = None

    def __getitem__(self, index: Any) -> Any:
        if self._limited is None:
            from napari_unmix.io.groups.zarr_codecs import limited

            inner = tuple(int(length) for length in self.array.chunks)
            for chunks in {self.chunks, inner}:
                check_blocks(self.shape, chunks, self.dtype.itemsize, self.label)
            self._limited = limited(self.array, self.label)
        return self._limited[index]

    def unwritten(self) -> tuple[Unwritten, ...]:
        """How many chunks have no file."""
        count = check_blocks(self.shape, self.chunks, self.dtype.itemsize, self.label)
        fill = number(self.array.fill_value)
        there = getattr(self.array, "_nshards_initialized", None)  # older versions count stored keys in any case
        written = int(self.array.nchunks_initialized if there is None else there)
        return (Unwritten(count - written, count, 0.0 if fill is None else fill),)


def _label(path: Path, name: str) -> str:
    return shown(path.name + (f"/{name}" if name else ""))


def _axes(name: str, array: Any, arrays: Mapping[str, Any], path: Path) -> tuple[Axis, ...]:
    """The axes by the names that xarray writes (version 2: an attribute), each with its list where the same group has one."""
    listed = array.attrs.get("_ARRAY_DIMENSIONS") or getattr(array.metadata, "dimension_names", None) or ()
    if not isinstance(listed, list | tuple) or len(listed) != len(array.shape):
        return ()
    group = name.rpartition("/")[0]
    return tuple(
        _axis(str(axis or ""), f"{group}/{axis}".lstrip("/"), length, name, arrays, path)
        for axis, length in zip(listed, array.shape, strict=True)
    )


def _axis(axis: str, place: str, length: int, name: str, arrays: Mapping[str, Any], path: Path) -> Axis:
    beside = arrays.get(place)
    if (
        beside is None
        or place == name
        or beside.shape != (length,)
        or beside.dtype.kind not in "uif"
        or length >= LONGEST_LIST
    ):
        return Axis(axis)
    unit = next((str(value) for key, value in beside.attrs.items() if plain_name(key) in ("units", "unit")), "")
    return Axis(axis, unit, ZarrArray(beside, _label(path, place))[...])


def _own_fill(array: Any) -> float | None:
    """Zarr's own fill value, which is 0 unless somebody chose another."""
    value = array.array.fill_value if isinstance(array, ZarrArray) else None  # bands that were joined have none
    return float(value) if array.dtype.kind in "uif" and value is not None and is_usual_fill(float(value)) else None


def _unsafe(array: Any) -> list[str]:
    return sorted(set(_codecs(array.metadata.to_dict())) - _SAFE_CODECS)


def _codecs(node: Any) -> Iterator[str]:
    """The names of all codecs of an array's metadata, those inside shards included."""
    lists = (node.get(name) for name in ("filters", "compressor", "codecs", "index_codecs"))
    for entry in lists:
        for codec in entry if isinstance(entry, list | tuple) else [entry] if entry else []:
            config = codec if isinstance(codec, Mapping) else codec.get_config()
            yield str(config.get("id", config.get("name"))).removeprefix("numcodecs.")
            yield from _codecs(config.get("configuration") or {})
