"""Where runs, and paintings that no run has yet, are kept by themselves: in the user's data folder.

::

    runs/NAME-METHOD-N/       a run's folder, as ``output.run`` writes it; the newest 30, at most 4 GB
    paintings/HASH.painting   what was painted on a cube and not trained; the newest 30
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cube import Annotation, Cube, Meaning
from napari_unmix.findings import Note, NoteKind
from napari_unmix.plugin.facts.kept import (
    Known,
    Pins,
    Reopened,
    Stamp,
    Strokes,
    folder_stem,
    names_of,
    pins_of,
    places_of,
    same_strokes,
)
from napari_unmix.plugin.facts.known_spectra import held_of
from napari_unmix.plugin.facts.resting import awake, rests
from napari_unmix.plugin.facts.runs import Run, carried_look
from napari_unmix.progress import Fit, Progress
from napari_unmix.sentences import UnmixError, shown

if TYPE_CHECKING:
    from napari_unmix.output.run import Card
    from napari_unmix.output.run import Run as StoredRun
    from napari_unmix.output.run.glance import Glance

MOST_RUNS, MOST_BYTES, MOST_PAINTINGS = 30, 4 << 30, 30
_LONGEST_PAINTING = 1 << 32  # bytes
_SUFFIX, _FORMAT = ".painting", "napari-unmix painting 1"


def card_for(run: Run, pins: Pins) -> Card:
    """What the user says of a run, and of the pins beside it."""
    from napari_unmix.output.run import Card

    look = run.look
    return Card(run.title, run.made, look.colours, look.hidden, places_of(pins), look.locked, names_of(pins))


def user_store() -> Store:
    """The store in the user's data folder."""
    from platformdirs import user_data_path

    return Store(user_data_path("napari-unmix", appauthor=False))


@dataclass(frozen=True)
class Store:
    """A folder of runs and paintings. What reads or writes is for a worker thread."""

    folder: Path
    most_runs: int = MOST_RUNS
    most_bytes: int = MOST_BYTES

    @property
    def runs(self) -> Path:
        """The folder of the runs."""
        return self.folder / "runs"

    # --- runs

    def keep(self, run: Run, pins: Pins, before: Stamp | None, opened: Collection[Path]) -> Path:
        """Write a run, or what changed of it since ``before``, and return its folder; ``opened`` are never removed to make room.

        Raises UnmixError where it can't be written.
        """
        from napari_unmix.output.run import rewrite_card

        card = card_for(run, pins)
        if run.folder is not None and rests(run.unmixing):  # its maps are there and nowhere else
            rewrite_card(run.folder, run.cube, run.named, run.report, card)
            return run.folder
        if run.folder is not None and before is not None and before.same_answer(run):
            with contextlib.suppress(UnmixError, OSError):  # it is gone, of an older version, or may not be written
                rewrite_card(run.folder, run.cube, run.named, run.report, card)
                return run.folder
        try:
            folder = self._write(run, card)
        except (OSError, UnmixError) as error:
            reason = getattr(error, "why", "") or getattr(error, "strerror", "") or str(error).rstrip(".")
            raise UnmixError(
                f"“{shown(run.title)}” can't be kept in {shown(self.runs, 120)} ({shown(reason, 120).lower()}): make room there, or export it."
            ) from error
        self._make_room({folder, *opened})
        return folder

    def _write(self, run: Run, card: Card) -> Path:
        from napari_unmix.output.run import DestinationTaken, free_folder, write_run

        painted = run.annotation is not None and run.annotation.labels.any()
        annotation = run.annotation if painted else None
        again = run.folder is not None and run.folder.parent == self.runs
        while True:
            target = run.folder if again and run.folder else free_folder(self.runs, folder_stem(run))
            try:
                return write_run(
                    target, run.cube, run.named, run.report, annotation=annotation, card=card, overwrite=again
                )
            except DestinationTaken:
                if not again and not target.exists():
                    raise
                again = False  # something else is there: take the next

    def _make_room(self, kept: Collection[Path]) -> None:
        """Remove the oldest runs beyond the most that there may be; nothing that is not a run of ours and nothing else."""
        from napari_unmix.output.run.place import DestinationTaken, check_free

        total = 0
        for place, (folder, size) in enumerate(self._sizes()):
            total += size
            if folder in kept or (place < self.most_runs and total <= self.most_bytes):
                continue
            with contextlib.suppress(DestinationTaken, OSError):
                check_free(folder, True)
                shutil.rmtree(folder)
                total -= size

    def _sizes(self) -> list[tuple[Path, int]]:
        """The kept runs, the newest first, with their bytes."""
        found: list[tuple[float, Path, int]] = []
        with contextlib.suppress(OSError):
            for folder in self.runs.iterdir():
                with contextlib.suppress(OSError):
                    size = sum(path.stat().st_size for path in folder.iterdir())
                    found.append(((folder / "run.json").stat().st_mtime, folder, size))
        return [(folder, size) for _, folder, size in sorted(found, reverse=True)]

    def recent(self) -> tuple[Glance, ...]:
        """The kept runs that can be read, the newest first."""
        from napari_unmix.output.run.glance import glance

        found: list[Glance] = []
        for folder, _ in self._sizes()[: self.most_runs]:
            with contextlib.suppress(UnmixError):
                found.append(glance(folder))
        return tuple(sorted(found, key=lambda one: one.ended, reverse=True))

    # --- paintings

    def keep_strokes(self, cube: Cube, annotation: Annotation) -> None:
        """Keep what is painted on a cube, in place of what was kept of it; an empty painting takes it away. Raises UnmixError."""
        from safetensors.numpy import save

        from napari_unmix.files.whole import write_whole

        if not annotation.labels.any():
            self.forget_strokes(cube)
            return
        meanings = [[int(label), one.kind, one.name] for label, one in annotation.meanings.items()]
        header = {"format": _FORMAT, "meanings": json.dumps(meanings)}
        path = self._painting(cube)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, save({"labels": np.ascontiguousarray(annotation.labels)}, header))
            for old in sorted(path.parent.glob(f"*{_SUFFIX}"), key=_written, reverse=True)[MOST_PAINTINGS:]:
                old.unlink()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise UnmixError(
                f"Strokes can't be kept in {shown(path.parent, 120)} ({reason}): make room there."
            ) from error

    def strokes(self, cube: Cube) -> Strokes | None:
        """What was painted on a cube and not trained; None where nothing was, or it can't be read."""
        path = self._painting(cube)
        try:
            annotation = _read_painting(path)
            annotation.check_against(cube)
            return Strokes(annotation, datetime.fromtimestamp(_written(path)))
        except (OSError, ValueError, TypeError, KeyError, RecursionError):
            return None
        except Exception as error:  # safetensors has a class of its own for damage
            if type(error).__name__ != "SafetensorError":
                raise
            return None

    def forget_strokes(self, cube: Cube, only: Annotation | None = None) -> None:
        """Take away what was kept of a cube's painting; ``only`` where it is this one, which a run has now."""
        found = self.strokes(cube) if only is not None else None
        if only is None or (found is not None and same_strokes(found.annotation, only)):
            with contextlib.suppress(OSError):
                self._painting(cube).unlink(missing_ok=True)

    def _painting(self, cube: Cube) -> Path:
        return self.folder / "paintings" / f"{digest(cube)[:32]}{_SUFFIX}"


def _read_painting(path: Path) -> Annotation:
    """Raises OSError, ValueError and what safetensors raises where it is none of ours."""
    from safetensors.numpy import load

    from napari_unmix.files.opened import read_regular

    content = read_regular(path, _LONGEST_PAINTING)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + min(size, 1 << 20)])["__metadata__"]
    if header["format"] != _FORMAT:
        raise ValueError("another version")
    meanings = {int(label): Meaning(kind, str(name)) for label, kind, name in json.loads(header["meanings"])}
    if any(one.kind not in ("region", "material", "ignore") for one in meanings.values()):
        raise ValueError("meanings of another version")
    return Annotation(load(content)["labels"], meanings)


def _written(path: Path) -> float:
    """When, in seconds since 1970; 0 where it is gone."""
    with contextlib.suppress(OSError):
        return path.stat().st_mtime
    return 0.0


_digests: dict[int, tuple[Any, str]] = {}  # identity of spectra -> a weak hold on them, and the hash


def digest(cube: Cube) -> str:
    """The hash of a cube by which its runs know it; of the same spectra it is found out once."""
    import weakref

    from napari_unmix.output.run import cube_hash

    key = id(cube.spectra)
    known = _digests.get(key)
    if known is not None and known[0]() is cube.spectra:
        return known[1]
    found = cube_hash(cube)
    _digests[key] = (weakref.ref(cube.spectra, lambda _: _digests.pop(key, None)), found)
    return found


# --- opening a run again


def reopened(folder: Path, cubes: Collection[Cube]) -> Fit[Reopened]:
    """A run with its cube: one of those that are open, else read from where it was. Raises UnmixError with the remedy."""
    yield Progress(f"opening {folder.name}", 0, 3, 0.0)
    from napari_unmix.output.run import read_run

    stored = read_run(folder)
    yield Progress(f"opening {stored.origin.name}", 1, 3, 0.3)
    home = next(
        (cube for cube in cubes if cube.shape == stored.origin.shape and digest(cube) == stored.origin.sha256), None
    )
    cube = stored.origin.cube() if home is None else stored.origin.with_masks(home)
    yield Progress(f"opening {stored.origin.name}", 2, 3, 0.7)
    unmixing = stored.unmixing(cube)
    if stored.lacks:
        unmixing = replace(unmixing, notes=(*unmixing.notes, Note(NoteKind.PAINTING, stored.lacks)))
    return Reopened(
        _run(stored, cube, cube if home is None else home, unmixing), pins_of(stored.card.pins, stored.card.pin_names)
    )


def _run(stored: StoredRun, cube: Cube, home: Cube, unmixing: Any) -> Run:
    card = stored.card
    look = carried_look(unmixing.endmembers, unmixing.names)
    look = replace(
        look, names=stored.names, colours=card.colours or look.colours, hidden=card.hidden, locked=card.locked
    )
    made = card.ended or datetime.fromtimestamp(_written(stored.folder / "run.json"))
    title = card.title or stored.spec.method
    return Run(
        number=0,
        title=title,
        made=made,
        cube=cube,
        spec=stored.spec,
        annotation=stored.annotation,
        home=home,
        unmixing=unmixing,
        look=look,
        report=stored.report,
        folder=stored.folder,
        held=held_of(unmixing.given),
    )


def read_back(run: Run) -> Unmixing:
    """The result of a run that rests, whole; of one that does not, as it is. Raises UnmixError where its folder has it no longer."""
    if not rests(run.unmixing):
        return run.unmixing
    assert run.folder is not None  # what is on no disk never rests
    from napari_unmix.output.run import read_run

    stored = read_run(run.folder)
    if not np.array_equal(stored.endmembers, run.unmixing.endmembers, equal_nan=True):
        raise UnmixError(f"{shown(run.folder, 120)} holds another result by now: open it from there.")
    return awake(run.unmixing, stored.answer())


# --- as the engine has them


def reread(run: Run) -> Fit[Unmixing]:
    """Read a run that rests from its folder again."""
    yield Progress(f"reading {run.title}", 0, 1, 0.0)
    return read_back(run)


def keep_run(run: Run, pins: Pins, before: Stamp | None, opened: Collection[Path]) -> Fit[Path]:
    """Keep a run in the user's store."""
    yield Progress("keeping the run", 0, 1, 0.0)
    return user_store().keep(run, pins, before, opened)


def recent_runs() -> Fit[tuple[Glance, ...]]:
    """The kept runs."""
    yield Progress("looking for kept runs", 0, 1, 0.0)
    return user_store().recent()


def keep_strokes(cube: Cube, annotation: Annotation) -> Fit[None]:
    """Keep what is painted on a cube."""
    yield Progress("keeping the painting", 0, 1, 0.0)
    user_store().keep_strokes(cube, annotation)


def forget_strokes(cube: Cube, only: Annotation | None) -> Fit[None]:
    """What was painted on a cube is kept elsewhere now, or was thrown away."""
    yield Progress("keeping the painting", 0, 1, 0.0)
    user_store().forget_strokes(cube, only)


def known_of(cube: Cube) -> Fit[Known]:
    """What the disk knows of a cube."""
    yield Progress("looking for kept work", 0, 1, 0.0)
    return Known(digest(cube), user_store().strokes(cube))
