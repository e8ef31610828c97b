"""Spectral stacks of microscopes (the extra ``microscopy``): Zeiss CZI, Nikon ND2, Leica LIF. Channels or emission wavelengths are bands."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_unmix.cube import Reading
from napari_unmix.files.opened import first_bytes, regular
from napari_unmix.io.boundary import reason_of, told_by
from napari_unmix.io.budget import check_array
from napari_unmix.io.groups.conventions import number
from napari_unmix.io.raster.band_names import wavelengths_of_names
from napari_unmix.io.raster.xml_text import local_name, parse_xml
from napari_unmix.io.stored import Stored
from napari_unmix.sentences import UnmixError

_BANDS = ("λ", "C")  # emission wavelength first: a stack of them may have one channel
_NAMES = {
    "S": "scenes",
    "T": "times",
    "Z": "planes",
    "C": "channels",
    "M": "tiles",
    "P": "positions",
    "V": "views",
    "Λ": "excitations",
    "B": "blocks",
}
_RANGE = re.compile(r"(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)")
_FEWEST = 4


class Stack(NamedTuple):
    """A stack as its library describes it: axes in the array's order with their lengths, a way to read it, and its bands' places in nm."""

    axes: tuple[tuple[str, int], ...]
    dtype: np.dtype[Any]
    read: Callable[[], Any]
    wavelengths: Sequence[float] | None
    names: Sequence[str] = ()


def is_czi(path: Path, start: bytes) -> bool:
    """Whether a file begins as Zeiss CZI does."""
    return start.startswith(b"ZISRAWFI")


def is_nd2(path: Path, start: bytes) -> bool:
    """Whether a file begins as Nikon ND2 does; the old kind begins as JPEG 2000, so its name decides."""
    return start.startswith(b"\xda\xce\xbe\x0a") or (
        path.suffix.lower() == ".nd2" and start.startswith(b"\x00\x00\x00\x0cjP")
    )


def is_lif(path: Path, start: bytes) -> bool:
    """Whether a file is called as Leica's are, and begins so."""
    return path.suffix.lower() == ".lif" and start.startswith(b"\x70\x00\x00\x00")


def stack_holds_cube(path: Path) -> bool:
    """Whether a stack has at least four bands with wavelengths; False where its library is not there to ask. Raises OSError."""
    try:
        with _opened(path) as stack:
            return len(stack.wavelengths or ()) >= _FEWEST
    except UnmixError:
        return False


def read_stack(path: Path, reading: Reading) -> Stored:
    """Read a stack of one plane, time and scene. Raises UnmixError, OSError."""
    with _opened(path) as stack:
        return stored_of(stack, path)


def stored_of(stack: Stack, path: Path) -> Stored:
    """The cube of a stack. Raises UnmixError where it has further axes, or no bands."""
    long = {name: length for name, length in stack.axes if length > 1}
    bands = next((name for name in _BANDS if name in long), None)
    others = {name: length for name, length in long.items() if name not in ("Y", "X", bands)}
    if bands is None:
        raise UnmixError(f"{path.name} has one channel: a spectral stack has one for each band.")
    if others:
        listed = " and ".join(f"{length} {_NAMES.get(name, name)}" for name, length in others.items())
        raise UnmixError(
            f"{path.name} holds {listed} beside its {long[bands]} bands: save one of them as a file of its own, such as OME-TIFF."
        )
    kept = [at for at, (name, _) in enumerate(stack.axes) if name in ("Y", "X", bands)]
    shape = [stack.axes[at][1] for at in kept]
    check_array(shape, stack.dtype.kind, stack.dtype.itemsize, path.name)
    array: NDArray[Any] = np.asarray(stack.read()).reshape(shape)
    named = wavelengths_of_names(stack.names) if stack.wavelengths is None and len(stack.names) == long[bands] else None
    listed_nm = list(stack.wavelengths) if stack.wavelengths is not None else named[0] if named else None
    said = ("wavelengths were read from the names of the channels",) * (named is not None)
    return Stored(
        array=array,
        bands_axis=[stack.axes[at][0] for at in kept].index(bands),
        wavelengths=listed_nm,
        unit=named[1] if named else "nm",
        repairs=said,
    )


def czi_stack(file: Any) -> Stack:
    """Of czifile's ``CziFile``: the last axis holds the samples of a pixel, one in a spectral stack."""
    wavelengths, names = czi_channels(str(file.metadata()))
    axes = tuple(
        (str(name) if name != "0" else "S0", int(length)) for name, length in zip(file.axes, file.shape, strict=True)
    )
    return Stack(axes, np.dtype(file.dtype), file.asarray, wavelengths, names)


def czi_channels(text: str) -> tuple[list[float] | None, list[str]]:
    """Wavelengths (nm) and names of channels: the middle of what the detector took, else the emission of the dye."""
    try:
        root = parse_xml(text, "this CZI")
    except UnmixError:
        return None, []
    dimensions = next((element for element in root.iter() if local_name(element) == "dimensions"), root)
    channels = [element for element in dimensions.iter() if local_name(element) == "channel"]
    places = [_detected(channel) for channel in channels]
    known = [place for place in places if place is not None]
    distinct = len(known) == len(channels) > 0 and len(set(known)) == len(known)
    return known if distinct else None, [channel.get("Name", "") for channel in channels]


def nd2_stack(file: Any) -> Stack:
    """Of nd2's ``ND2File``: ``sizes`` by axis, an emission wavelength for each channel."""
    channels = [part.channel for part in getattr(file.metadata, "channels", None) or ()]
    return Stack(
        tuple((str(name), int(length)) for name, length in file.sizes.items()),
        np.dtype(file.dtype),
        file.asarray,
        _distinct([number(getattr(channel, "emissionLambdaNm", None)) for channel in channels]),
        [str(getattr(channel, "name", "")) for channel in channels],
    )


def lif_stack(image: Any) -> Stack:
    """Of liffile's ``LifImage``: emission wavelengths are an axis ``λ`` with places in metres or nm."""
    places = image.coords.get("λ") if isinstance(image.coords, Mapping) else None
    listed = None if places is None else np.asarray(places, float)
    if listed is not None and listed.size and listed.max() < 1e-3:  # metres
        listed = listed * 1e9
    axes = tuple((str(name), int(length)) for name, length in zip(image.dims, image.shape, strict=True))
    return Stack(axes, np.dtype(image.dtype), image.asarray, None if listed is None else listed.tolist())


def _detected(channel: Any) -> float | None:
    for element in channel.iter():
        found = _RANGE.search(element.text or "") if local_name(element) == "ranges" else None
        if found:
            return (float(found[1]) + float(found[2])) / 2
    texts = (element.text for element in channel.iter() if local_name(element) == "emissionwavelength")
    return next((number((text or "").strip()) for text in texts), None)


def _distinct(values: list[float | None]) -> list[float] | None:
    known = [value for value in values if value]
    return known if len(known) == len(values) > 0 and len(set(known)) == len(known) else None


@contextmanager
def _opened(path: Path) -> Iterator[Stack]:
    """The stack of an open file; damage, and a library that is not there, become a sentence."""

    def failed(error: Exception) -> UnmixError:
        return UnmixError(
            f"{path.name} is damaged, or newer than its library knows ({reason_of(error)}): save it as OME-TIFF."
        )

    start = first_bytes(path, 8)
    try:
        with told_by(failed), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if is_czi(path, start):
                import czifile

                with czifile.CziFile(regular(path)) as file:
                    yield czi_stack(file)
            elif is_lif(path, start):
                import liffile

                with liffile.LifFile(regular(path)) as file:
                    yield lif_stack(max(file.images, key=lambda image: (len(image.coords.get("λ", ())), image.size)))
            else:
                import nd2

                with nd2.ND2File(regular(path)) as file:
                    yield nd2_stack(file)
    except ImportError as error:
        raise UnmixError(
            f'{path.name} needs a library for its format: pip install "napari-unmix[microscopy]".'
        ) from error
