"""The work of naming by libraries, in a worker; and the list of the user's libraries, kept in the user's configuration."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from napari_unmix.cube import BoolArray
from napari_unmix.files.opened import read_regular
from napari_unmix.library.matching import Ranking, beside, decided, merged, one_to_one
from napari_unmix.library.prepared import Reference
from napari_unmix.library.spectra import SpectralLibrary
from napari_unmix.library.stock import Bands, OnBands, Stock, name_of
from napari_unmix.plugin.facts.candidates import Answered, LibraryChoice, Question
from napari_unmix.plugin.facts.naming import distinct
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError

MOST = 50  # libraries that are remembered
_LONGEST = 1 << 20  # bytes of the list


def ask_libraries(question: Question, stock: Stock) -> Fit[Answered]:
    """Hold all subjects against all libraries; one that cannot be asked is a sentence, the others answer."""
    if not question.paths:
        raise UnmixError("No library is chosen: tick one under Libraries, or add one.")
    yield Progress("looking into the libraries", 0, 1, 0.0)
    known: dict[str, OnBands] = {}
    refused: list[str] = []
    cube = question.cube
    bands = Bands(cube.spectral_axis, cube.wavelengths, cube.fwhm, _good(question))
    for path in question.paths:
        try:
            found = yield from stock.on_bands(path, bands)
        except UnmixError as error:
            refused.append(f"{name_of(path)} is left out: {error}")
            continue
        known[distinct(found.library.name, list(known))] = found
    rankings: list[Ranking] = []
    for row, name in enumerate(question.names if known else ()):
        yield Progress(f"comparing {name}", row, len(question.names), row / len(question.names))
        rankings.append(_ranked(question, row, known))
    endmembers = 0 if question.endmembers is None else len(question.endmembers)
    notes = tuple(note for found in known.values() for note in found.library.repairs)
    libraries = {name: found.library for name, found in known.items()}
    matches = tuple(decided(ranking, question.within) for ranking in rankings)
    chosen = one_to_one(rankings[:endmembers], question.within)
    return Answered(question, tuple(rankings), matches, chosen, libraries, tuple(refused), notes)


def _good(question: Question) -> BoolArray:
    """(B,) the bands that every subject with data has."""
    finite = np.isfinite(question.spectra)
    return np.asarray(finite[finite.any(axis=1)].all(axis=0))


def _ranked(question: Question, row: int, known: dict[str, OnBands]) -> Ranking:
    """One subject beside all libraries; a pixel without data is like none."""
    name, spectrum = question.names[row], question.spectra[[row]]
    if not np.isfinite(spectrum).any():
        return Ranking(name, ())
    subject = SpectralLibrary(spectrum, question.cube.wavelengths, (name,))
    return merged([beside(subject, _called(found.reference, title))[0] for title, found in known.items()])


def _called(reference: Reference, name: str) -> Reference:
    """The reference under a name that no other library has."""
    return reference if reference.name == name else Reference(name, reference.names, reference.groups)


# --- which libraries the user knows


def user_list() -> Path:
    """The file that holds the list."""
    from platformdirs import user_config_path

    return user_config_path("napari-unmix", appauthor=False) / "libraries.json"


def recall_libraries() -> Fit[tuple[LibraryChoice, ...]]:
    """The libraries that the user had; the built-in one alone where there is no list, or nothing can be made of it."""
    yield Progress("looking for your libraries", 0, 1, 0.0)
    try:
        return read_choices(read_regular(user_list(), _LONGEST).decode("utf-8"))
    except (OSError, UnmixError, UnicodeDecodeError):
        return (LibraryChoice(None),)


def keep_libraries(choices: tuple[LibraryChoice, ...]) -> Fit[None]:
    """Write the list. Raises UnmixError where it cannot be written."""
    yield Progress("keeping the list of libraries", 0, 1, 0.0)
    from napari_unmix.files.whole import write_whole

    path = user_list()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, written_choices(choices))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(
            f"The list of libraries cannot be kept in {path.parent} ({reason}): add them again next time, or make room."
        ) from error


def written_choices(choices: tuple[LibraryChoice, ...]) -> str:
    """The list as text."""
    kept = [{"path": None if one.path is None else str(one.path), "chosen": one.chosen} for one in choices[:MOST]]
    return json.dumps({"libraries": kept}, indent=1)


def read_choices(text: str) -> tuple[LibraryChoice, ...]:
    """The list from its text: what is none of ours is passed over, and the built-in library is always there."""
    try:
        entries = json.loads(text)["libraries"]
        found = [(one["path"], one["chosen"] is True) for one in entries[:MOST]]
    except (ValueError, TypeError, KeyError, RecursionError):
        return (LibraryChoice(None),)
    paths = {
        None if path is None else Path(path): chosen
        for path, chosen in found
        if path is None or (isinstance(path, str) and path and "\0" not in path)
    }
    built_in = LibraryChoice(None, paths.pop(None, True))
    return (built_in, *(LibraryChoice(path, chosen) for path, chosen in paths.items()))
