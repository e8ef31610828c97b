"""A reference that runs are held against: endmembers and abundances that are known, or the spectra of a library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from napari_unmix.cube import Cube, FloatArray, IntArray
from napari_unmix.files.archive import opened_archive
from napari_unmix.files.opened import first_bytes
from napari_unmix.io.arrays.npy import read_array_header, read_numbers
from napari_unmix.io.arrays.numpy_files import members_of
from napari_unmix.io.boundary import existing, explained
from napari_unmix.io.budget import check_budget, readable_shape
from napari_unmix.library.databases import library_on
from napari_unmix.library.known import row_of
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import angle_table, mean_correlation, rmse
from napari_unmix.sentences import UnmixError, listed, shown

_COVERING = 0.5  # share of the good bands
_FEWEST_BANDS = 3
_ARCHIVE = b"PK\x03\x04"
_DOUBLE = 8
_LARGEST = 1e100  # whose square is a number still


@dataclass(frozen=True, eq=False)
class Reference:
    """Endmembers (P, B) and abundances (H, W, P) to compare with, or None where there are none; a library's names and notes; the file's name."""

    endmembers: FloatArray | None
    abundances: FloatArray | None
    count: int
    names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    title: str = ""


def read_reference(
    path: str | Path, suffix: str, cube: Cube, remedy: str = "add them", names: Sequence[str] = ()
) -> Reference:
    """Read what there is of E and A, or the spectra of a library on the cube's bands, checked against the cube.

    ``suffix`` is that of the arrays' names, as in E_alternative; ``remedy`` is what to do where there are no such arrays; ``names`` are those that
    are wanted of a library, all without.
    Raises UnmixError: no such file, unknown content, or of another size than the cube.
    """
    file = Path(path)
    with explained(file):
        file = existing(file, "reference")
        if file.is_dir() or (file.suffix.lower() != ".npz" and first_bytes(file, len(_ARCHIVE)) != _ARCHIVE):
            return _library_reference(file, cube, names)
        if names:
            raise UnmixError(f"{file.name} has arrays, of which no spectrum is chosen by name: leave --spectrum out.")
        stored = _read_arrays(file, {"E" + suffix, "A" + suffix}, remedy)
    endmembers, abundances = stored.get("E" + suffix), stored.get("A" + suffix)
    height, width, bands = cube.shape
    if endmembers is not None and (endmembers.ndim != 2 or endmembers.shape[1] != bands):
        raise UnmixError(
            f"E{suffix} of {file.name} is {readable_shape(endmembers.shape)} but the cube has {bands} bands: give E as (P, {bands})."
        )
    if abundances is not None and (abundances.ndim != 3 or abundances.shape[:2] != (height, width)):
        raise UnmixError(
            f"A{suffix} of {file.name} is {readable_shape(abundances.shape)} but the cube is {height}×{width}:"
            f" give A as ({height}, {width}, P)."
        )
    counts = {
        len(endmembers) if endmembers is not None else 0,
        abundances.shape[2] if abundances is not None else 0,
    } - {0}
    if len(counts) != 1:
        raise UnmixError(
            f"E{suffix} and A{suffix} of {file.name} have {sorted(counts)} endmembers: give as many in both."
        )
    return Reference(endmembers, abundances, counts.pop(), title=file.name)


def _library_reference(path: Path, cube: Cube, names: Sequence[str]) -> Reference:
    """The library's spectra, or those of these names, that cover half of the cube's good bands or more; the bands that all have are compared."""
    library = library_on(path, cube.wavelengths, cube.shape[2], cube.spectral_axis)
    if names:
        library = library.chosen([row_of(library, name) for name in names])
    covering = np.isfinite(library.spectra[:, cube.good_bands]).mean(axis=1) >= _COVERING
    notes = library.repairs
    if not covering.all():
        notes = (
            *notes,
            f"{(~covering).sum()} spectra of {library.name} cover less than half of the cube's bands: left out",
        )
    kept = library.chosen(covering) if covering.any() else library
    common = int((np.isfinite(kept.spectra).all(axis=0) & cube.good_bands).sum())
    if not covering.any() or common < _FEWEST_BANDS:
        raise UnmixError(
            f"The spectra of {library.name} have {common} of the cube's {cube.good_bands.sum()} good bands in common,"
            f" {_FEWEST_BANDS} are needed: give a library of the cube's range."
        )
    return Reference(kept.spectra, None, len(kept.names), kept.names, notes, path.name)


def _read_arrays(path: Path, names: set[str], remedy: str) -> dict[str, FloatArray]:
    """The arrays of these names. Sizes are checked before a number is read: a small archive may claim any size."""

    found: dict[str, FloatArray] = {}
    with opened_archive(path) as archive:
        members = members_of(archive)
        for name in sorted(names & members.keys()):
            label = f"{name} of {path.name}"
            with archive.open(members[name]) as stream:
                header = read_array_header(stream)
                if header.dtype.kind not in "uif" or not header.size:
                    raise UnmixError(
                        f"{label} holds no real numbers ({readable_shape(header.shape)} of {shown(header.dtype)}):"
                        " save E and A as numbers with numpy.savez."
                    )
                check_budget(header.size, header.dtype.itemsize + _DOUBLE, label)
                found[name] = np.asarray(read_numbers(stream, header), dtype=np.float64)
            if name.startswith("E") and not (np.abs(found[name]) < _LARGEST).all():
                raise UnmixError(
                    f"{label} holds numbers that no angle can be told of (not finite, or from {_LARGEST:g}): mend them."
                )
    if not found:
        missing = " and no ".join(sorted(names, reverse=True))
        raise UnmixError(f"{path.name} has no {missing}, it holds {listed(sorted(members)) or 'nothing'}: {remedy}.")
    return found


@dataclass(frozen=True, eq=False)
class Nearness:
    """How near an answer is to a reference of Q endmembers.

    Attributes
    ----------
    order : (Q,) the answer's endmember of each of the reference's, −1 where there is none
    angles : (M,) degrees, of the M that have a partner, in the reference's order; None where the reference has no spectra
    abundance_error : root mean square difference of the shares of these; None where the reference has no abundances
    correlation : mean |Pearson correlation| of their maps; None likewise
    """

    order: IntArray
    angles: FloatArray | None = None
    abundance_error: float | None = None
    correlation: float | None = None


def held_against(reference: Reference, endmembers: FloatArray, abundances: FloatArray) -> Nearness:
    """Endmembers (P, B) and abundances (H, W, P) of a run, of the cube's size, beside the reference."""
    order = _matched(reference, endmembers, abundances)
    matched = np.flatnonzero(order >= 0)  # in the reference; order[matched] in the run
    angles = error = correlation = None
    if reference.endmembers is not None:
        angles = np.degrees(np.diag(angle_table(endmembers[order[matched]], reference.endmembers[matched])))
    if reference.abundances is not None:
        estimated = abundances[:, :, order[matched]].reshape(-1, len(matched))
        truth = reference.abundances[:, :, matched].reshape(-1, len(matched))
        error, correlation = rmse(estimated, truth), mean_correlation(estimated, truth)
    return Nearness(order, angles, error, correlation)


def _matched(reference: Reference, endmembers: FloatArray, abundances: FloatArray) -> IntArray:
    """By the angle, or by the maps alone."""
    if reference.endmembers is not None:
        return match_endmembers(endmembers, reference.endmembers)
    assert reference.abundances is not None
    estimated = abundances.reshape(-1, abundances.shape[2])
    truth = reference.abundances.reshape(-1, reference.count)
    # Without spectra the maps themselves are matched: the angle of centred maps is that of their correlation.
    return match_endmembers((estimated - np.nanmean(estimated, axis=0)).T, (truth - np.nanmean(truth, axis=0)).T)
