"""Zarr's codecs, told where to stop: each chunk is unpacked to what its array claims, and never beyond."""

from __future__ import annotations

import asyncio
import copy
import math
from typing import Any

from numcodecs.abc import Codec
from zarr.abc.codec import BytesBytesCodec

from napari_unmix.io.unpacked import (
    check_blosc,
    check_declared,
    check_zstd,
    inflated,
    unpacked_bz2,
    unpacked_lzma,
)

_CHECKSUMS = 64  # bytes that codecs may add to a chunk before it is packed
_WIDEST = 16  # bytes of a number as filters may leave it


def limited(array: Any, label: str) -> Any:
    """The same Zarr array, whose chunks are unpacked within their claims."""
    import zarr

    metadata = copy.copy(array.metadata)
    if metadata.zarr_format == 2:
        widest = _WIDEST if metadata.filters else array.dtype.itemsize
        most = math.prod(array.chunks) * widest + _CHECKSUMS
        if metadata.compressor is not None:
            object.__setattr__(metadata, "compressor", Limited(metadata.compressor, most, label))
        filters = tuple(Limited(one, most, label) if _packs(one.codec_id) else one for one in metadata.filters or ())
        object.__setattr__(metadata, "filters", filters or None)
    else:
        object.__setattr__(metadata, "codecs", tuple(_limited_codec(codec, label) for codec in metadata.codecs))
    inner = array._async_array
    return zarr.Array(
        type(inner)(metadata=metadata, store_path=inner.store_path, config=getattr(inner, "config", None))
    )


class Limited(Codec):  # type: ignore[misc]
    """A codec of version 2 that gives at most ``most`` bytes."""

    codec_id = "limited"

    def __init__(self, inner: Any, most: int, label: str) -> None:
        self.inner, self.most, self.label = inner, most, f"A chunk of {label}"

    def encode(self, buf: Any) -> Any:
        """Nothing is written through it."""
        raise NotImplementedError

    def decode(self, buf: Any, out: Any = None) -> Any:
        """What is packed in ``buf``. Raises UnmixError."""
        return _unpacked(self.inner.codec_id, self.inner, bytes(buf), self.most, self.label)


class LimitedBytes(BytesBytesCodec):
    """A codec of version 3 that gives at most what the chunk claims."""

    is_fixed_size = False

    def __init__(self, name: str, inner: Any, label: str) -> None:
        self.name, self.inner, self.label = name, inner, f"A chunk of {label}"

    async def _decode_single(self, chunk_data: Any, chunk_spec: Any) -> Any:
        most = math.prod(chunk_spec.shape) * _itemsize(chunk_spec.dtype) + _CHECKSUMS
        codec = self.inner if _is_version_2(self.inner) else getattr(self.inner, "_codec", None)
        if self.name in _PYTHON:
            packed = chunk_data.to_bytes()
            content = await asyncio.to_thread(_unpacked, self.name, codec, packed, most, self.label)
            return chunk_spec.prototype.buffer.from_bytes(content)
        _check(self.name, chunk_data.to_bytes(), most, self.label)
        return await self.inner._decode_single(chunk_data, chunk_spec)

    def compute_encoded_size(self, input_byte_length: int, chunk_spec: Any) -> int:
        """As of the codec itself."""
        return int(self.inner.compute_encoded_size(input_byte_length, chunk_spec))


def _limited_codec(codec: Any, label: str) -> Any:
    name = _name(codec)
    if name == "sharding_indexed":
        return type(codec)(
            chunk_shape=codec.chunk_shape,
            codecs=tuple(_limited_codec(one, label) for one in codec.codecs),
            index_codecs=tuple(_limited_codec(one, label) for one in codec.index_codecs),
            index_location=codec.index_location,
        )
    return LimitedBytes(name, codec, label) if _packs(name) else codec


def _name(codec: Any) -> str:
    return str(codec.to_dict().get("name", "")).removeprefix("numcodecs.")


_PYTHON = ("gzip", "zlib", "bz2", "lzma")
_FIXED = ("zstd", "blosc", "lz4")


def _packs(name: str) -> bool:
    return name in _PYTHON or name in _FIXED


def _unpacked(name: str, codec: Any, packed: bytes, most: int, label: str) -> Any:
    if name in ("gzip", "zlib"):
        return inflated(packed, most, label)
    if name == "bz2":
        return unpacked_bz2(packed, most, label)
    if name == "lzma":
        return unpacked_lzma(packed, most, label, getattr(codec, "format", 0), getattr(codec, "filters", None))
    _check(name, packed, most, label)
    return codec.decode(packed)


def _check(name: str, packed: bytes, most: int, label: str) -> None:
    if name == "zstd":
        check_zstd(packed, most, label)
    elif name == "blosc":
        check_blosc(packed, most, label)
    elif name == "lz4":
        check_declared(packed, most, label, "<I")


def _is_version_2(codec: Any) -> bool:
    return isinstance(codec, Codec)


def _itemsize(dtype: Any) -> int:
    native = dtype.to_native_dtype() if hasattr(dtype, "to_native_dtype") else dtype
    return int(native.itemsize)
