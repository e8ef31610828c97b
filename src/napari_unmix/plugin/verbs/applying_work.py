"""The work of applying a run to other cubes, driven in a worker. Heavy imports are inside: the dock starts without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from napari_unmix.cube import Reading
from napari_unmix.plugin.facts.applying import AppliedMaps, AppliedTo
from napari_unmix.plugin.facts.runs import Run
from napari_unmix.progress import Fit, Progress, meanwhile
from napari_unmix.sentences import UnmixError

# Files in which the abundances are one array beside others.
_KEYED = (".zarr", ".npz", ".nc", ".mat")


def apply_run(run: Run, cubes: Sequence[Path], target: Path) -> Fit[AppliedTo]:
    """Apply a run to each of the cubes in turn. Raises UnmixError where one of them is of other bands, or the place is taken."""
    yield Progress("reading the run", 0, 1, 0.0)
    from napari_unmix.applying import Applied
    from napari_unmix.applying.outputs import check_target, targets_of

    targets = [check_target(place, overwrite=len(cubes) == 1) for place in targets_of(target, list(cubes))]
    applied = yield from meanwhile(lambda: Applied.of(run.named), Progress("reading the run", 0, 1, 0.0))
    made = []
    for number, (cube, place) in enumerate(zip(cubes, targets, strict=True)):
        for_this = _one(run, applied, cube, place, overwrite=len(cubes) == 1)
        while True:
            try:
                event = next(for_this)
            except StopIteration as end:
                made.append(end.value)
                break
            yield replace(event, fraction=(number + event.fraction) / len(cubes), stage=f"{cube.name}: {event.stage}")
    return AppliedTo(run.title, tuple(made), run.look.names, run.look.colours)


def _one(
    run: Run, applied: object, cube: Path, place: Path, *, overwrite: bool
) -> Fit[tuple[Path, Path, tuple[str, ...]]]:
    from napari_unmix.applying import Applied, apply_steps
    from napari_unmix.applying.order import Prepared
    from napari_unmix.applying.outputs import Told
    from napari_unmix.applying.scene import Scene
    from napari_unmix.io import read_as

    assert isinstance(applied, Applied)
    function, axis = applied, run.cube.spectral_axis
    read = yield from meanwhile(lambda: read_as(cube, _reading(run)), Progress("reading", 0, 1, 0.0))
    scene = Scene.of(read, function, axis)
    said = (function.said, *scene.doubts(function))
    told = Told(run.title, axis, said)
    try:
        done = yield from apply_steps(Prepared(function, scene), told, place, overwrite=overwrite)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UnmixError(f"{place} cannot be written ({reason}): choose another place.") from error
    return cube, done.files[0], said


def _reading(run: Run) -> Reading:
    """As the run's own cube was read; which bands take part, the run says."""
    cube = run.cube
    return replace(cube.parts[0].reading if cube.parts else cube.reading, bands=None)


def applied_maps(applied: AppliedTo, index: int) -> Fit[AppliedMaps]:
    """Read the abundances of one of the cubes from where they were written. Raises UnmixError where they are gone."""
    cube, file, _ = applied.maps[index]
    yield Progress(f"reading {file.name}", 0, 1, 0.0)
    from napari_unmix.io import read_as

    keyed = file.name.lower().endswith(_KEYED) and not file.name.lower().endswith(".ome.zarr")
    reading = Reading(key="abundances", bands_axis="last", repair="none") if keyed else Reading(repair="none")
    read = yield from meanwhile(lambda: read_as(file, reading), Progress(f"reading {file.name}", 0, 1, 0.0))
    return AppliedMaps(cube.stem, read.spectra, applied.names, applied.colours)
