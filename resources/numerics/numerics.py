"""Unmix awkward cubes by every method, and assess each result: finite and on the simplex, or refused in a sentence of ours.

    OMP_NUM_THREADS=1 python resources/numerics/numerics.py               all of it, about an hour; writes table.md
    OMP_NUM_THREADS=1 python resources/numerics/numerics.py --only zero   the cases with that word in their name; writes nothing
    OMP_NUM_THREADS=1 python resources/numerics/numerics.py --large       the time between two steps on a large cube

A warning, an exception that is not ours, a result off the simplex, and more than a second of CPU between two steps are faults.
Every case runs in a process of its own, with limits of memory and time.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
import traceback
import warnings
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import torch

sys.path.insert(0, str(Path(__file__).parent))

from cases import Case, cases, large, variants

from napari_unmix import Cube, UnmixError, Unmixing, assess, method_specs, unmix
from napari_unmix.geometry.counting import suggest_endmembers

TABLE = Path(__file__).parent / "table.md"
MOST_SECONDS = 1.0  # of CPU between two steps
_TIMEOUT = 240.0
_MEMORY = 8 << 30


@dataclass(frozen=True)
class Outcome:
    """How one case ended.

    ``kind`` is "finite", "refused" or "raised"; ``said`` is the sentence, the exception, or "". ``faults`` are sentences; ``gap`` is the longest
    time between two steps in seconds of CPU, ``stage`` what began it.
    """

    kind: str
    said: str = ""
    faults: tuple[str, ...] = ()
    gap: float = 0.0
    stage: str = ""


class Stopwatch:
    """The longest time between two steps, and the stage that the first of them named."""

    def __init__(self) -> None:
        self.gap, self.stage = 0.0, ""
        self._last, self._at = time.process_time(), "start"

    def drain(self, steps: Any) -> Any:
        """Run a generator to its end and return its result."""
        self._last, self._at = time.process_time(), f"start of {steps.__name__}"
        while True:
            try:
                event = next(steps)
            except StopIteration as end:
                self._lap(self._at)
                return end.value
            self._lap(event.stage)

    def _lap(self, stage: str) -> None:
        now = time.process_time()
        if now - self._last > self.gap:
            self.gap, self.stage = now - self._last, self._at if stage == self._at else f"{self._at} … {stage}"
        self._last, self._at = now, stage


def off_the_simplex(cube: Cube, result: Unmixing) -> list[str]:
    """What is wrong with a result's numbers, as sentences."""
    answered = np.isfinite(result.abundances).all(axis=2)
    abundances = result.abundances[answered].astype(np.float64)
    found = []
    if not answered.any():
        found.append("no pixel has abundances")
    elif abundances.min() < -1e-9 or np.abs(abundances.sum(axis=1) - 1).max() > 1e-6:
        sums = abundances.sum(axis=1)
        found.append(f"abundances from {abundances.min():.3g}, sums {sums.min():.8g}…{sums.max():.8g}")
    if (answered & ~cube.valid_pixels).any():
        found.append("invalid pixels have abundances")
    if not np.isfinite(result.endmembers[:, cube.good_bands]).all():
        found.append("endmembers are not finite")
    for name in ("abundance_std", "illumination", "reconstruction_error"):
        image = getattr(result, name)
        if image is not None and not (np.isfinite(image[answered]).all() and image[answered].min(initial=0) >= 0):
            found.append(f"{name} is not finite or negative")
    if not np.isfinite(result.reconstruction_rmse):
        found.append("the reconstruction error is not finite")
    return found


def outcome(case: Case, method: str, fields: dict[str, Any], *, judged: bool = True) -> Outcome:
    """Unmix one case by one method, and assess the result."""
    torch.set_num_threads(1)
    watch, kind, said, faults = Stopwatch(), "finite", "", list[str]()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            made = case.make()
            cube = made if isinstance(made, Cube) else Cube(made)
            annotation = None if case.paint is None else case.paint()
            specs = method_specs()[method]
            known = {name: value for name, value in case.fields.items() if name in specs.model_fields}
            result = watch.drain(unmix(cube, specs(**known, **fields), annotation))
            faults += off_the_simplex(cube, result)
            if judged:
                watch.drain(assess(cube, result))
        except UnmixError as refusal:
            kind, said = "refused", str(refusal)
            if ": " not in said:
                faults.append(f"no remedy in {said!r}")
        except pydantic.ValidationError as refusal:
            kind, said = "refused", refusal.errors()[0]["msg"]
        except Exception as error:  # noqa: BLE001 - what escapes is what is looked for
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind, said = "raised", f"{type(error).__name__}: {error} ({Path(frame.filename).name}:{frame.lineno})"[:300]
    for warning in warned:
        faults.append(
            f"{warning.category.__name__} {Path(warning.filename).name}:{warning.lineno} {warning.message}"[:160]
        )
    if kind == "raised":
        faults.append(said)
    if watch.gap > MOST_SECONDS:
        faults.append(f"{watch.gap:.1f} s between two steps ({watch.stage})")
    return Outcome(kind, said, tuple(dict.fromkeys(faults)), watch.gap, watch.stage)


def alone(case: Case, method: str, fields: dict[str, Any]) -> Outcome:
    """The same in a process of its own."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_in_child, args=(there, case, method, fields))
    process.start()
    there.close()
    try:
        if here.poll(_TIMEOUT):
            return here.recv()  # type: ignore[no-any-return]
        return Outcome("raised", "no answer", (f"no answer within {_TIMEOUT:.0f} s",))
    except EOFError:
        return Outcome("raised", "died", ("the process died",))
    finally:
        process.kill()
        process.join()


def _in_child(pipe: Connection, case: Case, method: str, fields: dict[str, Any]) -> None:
    used = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, used))
    pipe.send(outcome(case, method, fields))


def measured(
    names: Iterable[str], columns: Iterable[str], made: dict[str, Case], kept: Path | None = None
) -> dict[tuple[str, str], Outcome]:
    """(case, column) -> how it ended; what is a fault is told as it comes. What stands in the file ``kept`` is not done again, the rest is added."""
    found, variant = _read(kept), variants()
    for method, fields in variant.values():  # libraries are loaded on first use, once in the life of a process
        outcome(cases()["plain"], method, fields)
    for name in names:
        for column in columns:
            if (name, column) in found:
                continue
            begun = time.perf_counter()
            method, fields = variant[column]
            ended = found[name, column] = alone(made[name], method, fields)
            if kept is not None:
                with kept.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([name, column, asdict(ended)]) + "\n")
            if ended.faults:
                for fault in ended.faults:
                    print(f"{name:34} {column:22} {time.perf_counter() - begun:5.1f} s  {fault}", flush=True)
    return found


def _read(kept: Path | None) -> dict[tuple[str, str], Outcome]:
    if kept is None or not kept.is_file():
        return {}
    lines = [json.loads(line) for line in kept.read_text(encoding="utf-8").splitlines()]
    return {(name, column): Outcome(**{**ended, "faults": tuple(ended["faults"])}) for name, column, ended in lines}


def suggested(made: dict[str, Case]) -> dict[str, float]:
    """Seconds of CPU that suggesting a number of endmembers takes, by case; the window asks for it in one call."""
    found = {}
    for name, case in made.items():
        spectra = case.make()
        pixels = (spectra if isinstance(spectra, Cube) else Cube(spectra)).pixels()
        begun = time.process_time()
        suggest_endmembers(pixels)
        found[name] = time.process_time() - begun
    return found


def table(found: dict[tuple[str, str], Outcome]) -> str:
    """The counts of every method, the slowest steps, and all faults, as a page."""
    columns = [column for column in variants() if any(column == other for _, other in found)]
    names = list(dict.fromkeys(name for name, _ in found))
    lines = [
        "# Awkward cubes by every method",
        "",
        f"{len(names)} cubes × {len(columns)} methods and variants, each result assessed: finite and on the simplex, or refused in a sentence.",
        "Made by `OMP_NUM_THREADS=1 python resources/numerics/numerics.py`; seconds are of one thread's CPU.",
        "",
        "| | finite | refused | raised | other faults | longest time between two steps |",
        "|---|---|---|---|---|---|",
    ]
    for column in columns:
        ended = {name: found[name, column] for name in names if (name, column) in found}
        kinds = [sum(one.kind == kind for one in ended.values()) for kind in ("finite", "refused", "raised")]
        other = sum(bool(one.faults) and one.kind != "raised" for one in ended.values())
        worst = max(ended, key=lambda name: ended[name].gap)
        longest = f"{ended[worst].gap:.2f} s ({worst}: {ended[worst].stage})"
        lines.append(f"| {column} | {kinds[0]} | {kinds[1]} | {kinds[2]} | {other} | {longest} |")
    faults = [(name, column, fault) for (name, column), one in found.items() for fault in one.faults]
    lines += ["", "## Faults", "", *(f"- {name}, {column}: {fault}" for name, column, fault in faults)]
    lines += [] if faults else ["None."]
    lines += ["", "## What is refused, and why", ""]
    refused: dict[str, set[str]] = {}
    for (name, _), one in found.items():
        if one.kind == "refused":
            refused.setdefault(name, set()).add(one.said)
    lines += [f"- {name}: {sorted(said)[0]}" for name, said in refused.items()]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="cases whose name holds this text")
    parser.add_argument("--columns", default="", help="names of columns, joined by ;")
    parser.add_argument("--large", action="store_true")
    parser.add_argument(
        "--kept", type=Path, help="a file of what was measured: a run that was ended goes on from there"
    )
    chosen = parser.parse_args()
    made = large() if chosen.large else cases()
    columns = chosen.columns.split(";") if chosen.columns else list(variants())
    found = measured([name for name in made if chosen.only in name], columns, made, chosen.kept)
    text = table(found)
    if chosen.large:
        print(
            text,
            *(f"suggest_endmembers: {name} {seconds:.2f} s" for name, seconds in suggested(made).items()),
            sep="\n",
        )
    elif not chosen.only:
        TABLE.write_text(text, encoding="utf-8")
    else:
        print(text)
    return int(any(one.faults for one in found.values()))


if __name__ == "__main__":
    sys.exit(main())
