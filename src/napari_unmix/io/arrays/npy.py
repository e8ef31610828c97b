"""One NumPy array as it lies in a file or in a member of an archive: its header, read with care, and its numbers, never a pickle.

Layout: NumPy's documentation, "A simple file format for NumPy arrays" (NEP 1): a mark, a version, the length of the header, a Python
dictionary of type, order and shape, then the numbers. NumPy's own reader is not used: it hands on whatever Python's parser raises, prints
warnings over files of Python 2, and takes the file's word for its size.
"""

from __future__ import annotations

import ast
import math
import re
import struct
from typing import IO, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.sentences import shown

_MARK = b"\x93NUMPY"
_LENGTHS = {(1, 0): "<H", (2, 0): "<I"}  # version 3 exists for structured arrays with Unicode field names
_LONGEST_HEADER = 10_000  # bytes, as NumPy has it
_PYTHON_2 = re.compile(r"(?<=\d)L\b")
_BLOCK = 1 << 20


class ArrayHeader(NamedTuple):
    """What the header of a NumPy array claims."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool = False

    @property
    def size(self) -> int:
        """Number of its elements."""
        return math.prod(self.shape)

    @property
    def data_bytes(self) -> int:
        """Bytes of its numbers."""
        return self.size * self.dtype.itemsize


def read_array_header(stream: IO[bytes]) -> ArrayHeader:
    """The header of a NumPy array; the stream then stands at its data. Raises ValueError, whatever is wrong with it."""
    start = stream.read(len(_MARK) + 2)
    if start[:-2] != _MARK or len(start) < len(_MARK) + 2:
        raise ValueError("it lacks the mark of a NumPy array")
    version = (start[-2], start[-1])
    if version not in _LENGTHS:
        raise ValueError(f"format version {version[0]}.{version[1]} holds no plain array")
    size = struct.calcsize(_LENGTHS[version])
    (length,) = struct.unpack(_LENGTHS[version], _exactly(stream, size))
    if length > _LONGEST_HEADER:
        raise ValueError(f"its header has {length:,} bytes")
    text = _exactly(stream, length).decode("latin-1")
    try:
        return _described(text)
    except Exception as error:  # Python's parser and NumPy's types raise a dozen kinds over a damaged one
        raise ValueError(f"its header is not readable, {shown(error)}") from error


def _described(text: str) -> ArrayHeader:
    try:
        fields = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        fields = ast.literal_eval(_PYTHON_2.sub("", text))
    shape, by_columns = fields["shape"], fields["fortran_order"]
    if not isinstance(shape, tuple) or not isinstance(by_columns, bool):
        raise TypeError("shape or order are of another kind")
    if any(isinstance(length, bool) or not isinstance(length, int) or length < 0 for length in shape):
        raise ValueError("a length is no whole number from 0")
    return ArrayHeader(shape, np.lib.format.descr_to_dtype(fields["descr"]), by_columns)


def read_numbers(stream: IO[bytes], header: ArrayHeader) -> NDArray[Any]:
    """The array whose data the stream stands at; its size was checked. Raises ValueError where the stream ends early, or holds Python's objects."""
    if header.dtype.hasobject:
        raise ValueError("it holds pickled Python objects, which can run code")
    content = np.empty(header.data_bytes, np.uint8)
    for first in range(0, content.size, _BLOCK):
        piece = content[first : first + _BLOCK]
        piece[:] = np.frombuffer(_exactly(stream, piece.size), np.uint8)
    if not header.dtype.itemsize:
        return np.zeros(header.shape, header.dtype)
    return np.ndarray(header.shape, header.dtype, content, order="F" if header.by_columns else "C")


def read_array(stream: IO[bytes]) -> NDArray[Any]:
    """A small array, whose size was looked at. Raises ValueError."""
    return read_numbers(stream, read_array_header(stream))


def _exactly(stream: IO[bytes], count: int) -> bytes:
    content = stream.read(count)
    if len(content) < count:
        raise ValueError("it ends early")
    return content
