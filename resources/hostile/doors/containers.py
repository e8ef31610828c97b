"""HDF5, MATLAB 7.3, Zarr, TIFF and FITS: arrays that lie elsewhere, claim, unpack without end, or are packed by what is not known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from case import Case, Make, info, write
from formats import HEIGHT, SHAPE, WIDTH, deflated_zeros, gzipped_zeros, spectra, tiff

_ESCAPE = "\x1b]0;owned\x07"


def cases() -> Iterator[Case]:
    """All of them."""
    for file, door in (("c.mat", "cube MATLAB 7.3"), ("c.h5", "cube HDF5")):
        for name, (change, expect) in _hdf5().items():
            yield Case(door, name, _written(file, change), info(file), expect, file)  # type: ignore[arg-type]
    yield from _zarr()
    for name, content in _tiffs().items():
        yield Case("cube TIFF", name, write("c.tif", content), info("c.tif"), "either", "c.tif")
    cards = [b"SIMPLE  =                    T", b"BITPIX  =                  -32", b"NAXIS   =                    3"]
    for name, sides in {
        "FITS of 10^18": (10**6,) * 3,
        "FITS below zero": (-5, 6, 8),
        "FITS of 8 TB": (10**6, 10**6, 2),
    }.items():
        lines = [*cards, *(f"NAXIS{axis}  = {side:>20}".encode() for axis, side in enumerate(sides, 1)), b"END"]
        yield Case(
            "cube FITS",
            name,
            write("c.fits", b"".join(line.ljust(80) for line in lines).ljust(2880)),
            info("c.fits"),
            file="c.fits",
        )
    many = [*cards[:2], b"NAXIS   =                    0", b"END"]
    content = b"".join(line.ljust(80) for line in many).ljust(2880) * 5000
    yield Case("cube FITS", "5000 empty images", write("c.fits", content), info("c.fits"), file="c.fits")


def _written(file: str, change: Callable[[Any], object]) -> Make:
    def make(folder: Path) -> None:
        import h5py

        with h5py.File(folder / file, "w") as opened:
            change(opened)

    return make


def _hdf5() -> dict[str, tuple[Callable[[Any], object], str]]:
    import h5py

    def virtual(file: Any) -> None:
        layout = h5py.VirtualLayout(SHAPE, "u1")
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", SHAPE)
        file.create_virtual_dataset("Y", layout)

    def bomb(file: Any, size: int = 6 << 30, chunk: tuple[int, int, int] = (8, 64, 64)) -> None:
        stored = file.create_dataset("Y", chunk, "f4", chunks=chunk, compression="gzip")
        stored.id.write_direct_chunk((0, 0, 0), deflated_zeros(size))

    def unknown_filter(file: Any) -> None:
        settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        settings.set_chunk(SHAPE)
        settings.set_filter(32001, h5py.h5z.FLAG_OPTIONAL, (1, 2))
        space = h5py.h5s.create_simple(SHAPE)
        h5py.h5d.create(file.id, b"Y", h5py.h5t.NATIVE_FLOAT, space, settings).write_direct_chunk((0, 0, 0), b"xxxx")

    def loop(file: Any) -> None:
        group = file.create_group("g")
        group["g"] = group

    def deep(file: Any) -> None:
        group = file
        for _ in range(300):
            group = group.create_group("g")
        group["Y"] = spectra()

    def beside(name: str, values: Any) -> Callable[[Any], None]:
        return lambda file: (file.create_dataset("Y", data=spectra()), file.create_dataset(name, data=values))

    put = lambda **arrays: lambda file: [file.create_dataset(name, data=values) for name, values in arrays.items()]  # noqa: E731
    made = lambda *given, **named: lambda file: file.create_dataset("Y", *given, **named)  # noqa: E731
    return {
        "numbers elsewhere": (made(SHAPE, "u1", external=[("/etc/passwd", 0, 240)]), "refuse"),
        "virtual": (virtual, "refuse"),
        "link to another file": (lambda file: file.__setitem__("Y", h5py.ExternalLink("/etc/passwd", "/Y")), "refuse"),
        "soft link to itself": (lambda file: file.__setitem__("Y", h5py.SoftLink("/Y")), "refuse"),
        "group in itself": (loop, "refuse"),
        "300 groups": (deep, "either"),
        "a terabyte": (made((10**4,) * 3, "f4"), "refuse"),
        "a terabyte of chunks": (made((10**4,) * 3, "f4", chunks=(1, 100, 100)), "refuse"),
        "a chunk of 4 GB": (made((4, 4, 8), "u1", chunks=(1000, 1000, 4000), maxshape=(None,) * 3), "either"),
        "6 GB in a chunk": (bomb, "refuse"),
        "3 GB in a chunk": (lambda file: bomb(file, 3 << 30), "refuse"),
        "10^7 chunks": (made((1000, 1000, 100), "f4", chunks=(2, 2, 2)), "either"),
        "compound": (put(Y=np.zeros(SHAPE, [("r", "f4"), ("i", "f4")])), "refuse"),
        "texts": (put(Y=["a", "b"]), "refuse"),
        "nothing": (lambda file: None, "refuse"),
        "a scalar": (put(Y=3.0), "refuse"),
        "null": (made(data=h5py.Empty("f4")), "refuse"),
        "no rows": (made((0, 5, 8), "f4"), "refuse"),
        "no number": (put(Y=np.full(SHAPE, np.nan)), "refuse"),
        "20000 names": (lambda file: [file.create_dataset(f"a{place}", data=1.0) for place in range(20_000)], "refuse"),
        "names that ring": (put(**{_ESCAPE: [[1.0, 2.0]]}), "refuse"),
        "a cube that rings": (put(**{_ESCAPE: spectra(), "b": spectra()}), "either"),
        "a name of 60000 letters": (put(**{"a" * 60_000: spectra(), "b": spectra()}), "either"),
        "unknown filter": (unknown_filter, "either"),
        "wavelengths nan": (beside("wavelength", np.full(8, np.nan)), "either"),
        "wavelengths of texts": (beside("wavelength", ["x"] * 8), "either"),
        "wavelengths of 10^6": (beside("wavelength", np.zeros(10**6)), "either"),
        "scale nan": (beside("scale", np.nan), "either"),
    }


def _zarr() -> Iterator[Case]:
    def stored(
        change: Callable[[dict[str, Any]], object], version: int = 3, chunk: bytes | None = None, compressor: Any = None
    ) -> Make:
        def make(folder: Path) -> None:
            import zarr

            array = zarr.create_array(
                str(folder / "c.zarr"),
                shape=SHAPE,
                chunks=SHAPE,
                dtype="f4",
                zarr_format=version,
                compressors=compressor,
                fill_value=0.0,
            )
            array[...] = spectra()
            place = folder / "c.zarr" / ("zarr.json" if version == 3 else ".zarray")
            content = json.loads(place.read_text())
            changed = change(content)
            place.write_text(changed if isinstance(changed, str) else json.dumps(content))
            if chunk is not None:
                (folder / "c.zarr" / ("c/0/0/0" if version == 3 else "0.0.0")).write_bytes(chunk)

        return make

    def field(name: str, value: Any) -> Callable[[dict[str, Any]], object]:
        return lambda content: content.__setitem__(name, value)

    def chunks(value: list[int], shape: list[int] | None = None) -> Callable[[dict[str, Any]], object]:
        return lambda content: (
            content["chunk_grid"]["configuration"].__setitem__("chunk_shape", value),
            content.__setitem__("shape", shape or content["shape"]),
        )

    nothing: Callable[[dict[str, Any]], object] = lambda content: None  # noqa: E731
    bytes_codec = {"name": "bytes", "configuration": {"endian": "little"}}
    gzip = {"name": "gzip", "configuration": {"level": 1}}
    found: dict[str, tuple[Make, str]] = {
        "no JSON": (stored(lambda content: "{"), "refuse"),
        "brackets": (stored(lambda content: "[" * 200_000), "refuse"),
        "rows below zero": (stored(field("shape", [-6, 5, 8])), "refuse"),
        "rows of 4000 digits": (
            stored(lambda content: json.dumps(content).replace('"shape": [6', '"shape": [' + "9" * 4000)),
            "refuse",
        ),
        "fractions": (stored(field("shape", [6.5, 5, 8])), "refuse"),
        "a terabyte": (stored(field("shape", [10**6, 10**6, 8])), "refuse"),
        "shape is a text": (stored(field("shape", "abc")), "refuse"),
        "two axes": (stored(field("shape", [6, 5])), "refuse"),
        "a chunk of 400 GB": (stored(chunks([10**5, 10**5, 10])), "refuse"),
        "chunks of nothing": (stored(chunks([0, 5, 8])), "refuse"),
        "5·10^8 chunks": (stored(chunks([1, 1, 1], [1000, 1000, 500])), "refuse"),
        "objects": (stored(field("data_type", "object")), "refuse"),
        "unknown codec": (stored(field("codecs", [bytes_codec, {"name": "evil"}])), "refuse"),
        "pickles": (stored(field("codecs", [{"name": "numcodecs.pickle"}, bytes_codec])), "refuse"),
        "pickles of version 2": (stored(field("filters", [{"id": "pickle"}]), 2), "refuse"),
        "6 GB in a chunk of gzip": (
            stored(field("codecs", [bytes_codec, gzip]), chunk=gzipped_zeros(6 << 30)),
            "refuse",
        ),
        "6 GB in a chunk of zlib": (
            stored(field("compressor", {"id": "zlib", "level": 1}), 2, deflated_zeros(6 << 30)),
            "refuse",
        ),
        "a chunk cut": (stored(nothing, chunk=spectra().tobytes()[:-7]), "either"),
        "a chunk twice": (stored(nothing, chunk=spectra().tobytes() * 2), "either"),
        "an empty chunk": (stored(nothing, chunk=b""), "either"),
        "a chunk of zstd garbage": (
            stored(
                field("codecs", [bytes_codec, {"name": "zstd", "configuration": {"level": 1, "checksum": False}}]),
                chunk=b"\x28\xb5\x2f\xfd" + b"\xff" * 40,
            ),
            "refuse",
        ),
        "a chunk of blosc garbage": (
            stored(
                field("compressor", {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}),
                2,
                bytes.fromhex("02010200e0307f970000"),
            ),
            "refuse",
        ),
        "attributes that ring": (
            stored(lambda content: content.setdefault("attributes", {}).update(units=_ESCAPE, name=_ESCAPE)),
            "either",
        ),
        "separator that leads out": (stored(field("dimension_separator", "/../../"), 2), "either"),
    }
    for name, (make, expect) in found.items():
        yield Case("cube Zarr", name, make, info("c.zarr"), expect, "c.zarr")  # type: ignore[arg-type]
    for name, place in {"a pipe for a chunk": "c/0/0/0", "a pipe for its description": "zarr.json"}.items():
        yield Case("cube Zarr", name, _piped(stored(nothing), place), info("c.zarr"), file="c.zarr")


def _piped(make: Make, place: str) -> Make:
    import os

    def piped(folder: Path) -> None:
        make(folder)
        (folder / "c.zarr" / place).unlink()
        os.mkfifo(folder / "c.zarr" / place)

    return piped


def _tiffs() -> dict[str, bytes]:
    strip = b"\1" * (HEIGHT * WIDTH)
    return {
        "10^18 pixels": tiff(strip, t256=10**9, t257=10**9),
        "no rows": tiff(strip, t257=0),
        "directory of itself": tiff(strip, following=8),
        "directory far out": b"II*\0\xff\xff\xff\xff",
        "6 GB in a strip": tiff(deflated_zeros(6 << 30), t259=8),
        "garbage deflated": tiff(strip, t259=8),
        "LZW garbage": tiff(strip, t259=5),
        "JPEG garbage": tiff(strip, t259=7),
        "packing 9999": tiff(strip, t259=9999),
        "65535 bits": tiff(strip, t258=65535),
        "60000 channels": tiff(strip, t277=60_000),
        "shape of 10^12": tiff(strip, description=b'{"shape": [1000000, 1000000]}'),
        "brackets": tiff(strip, description=b'{"shape": ' + b"[" * 100_000),
        "10^9 images of ImageJ": tiff(strip, description=b"ImageJ=1.53\nimages=1000000000\nslices=1000000000\n"),
    }
