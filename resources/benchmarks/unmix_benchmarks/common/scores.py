"""Scoring of one run, and tables as Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from napari_unmix.answer import Unmixing
from napari_unmix.cli.parsing import Parser
from napari_unmix.cube import Annotation, Cube, FloatArray
from napari_unmix.given import Given
from napari_unmix.methods.registry import spec_class
from napari_unmix.pipeline import unmix
from napari_unmix.progress import drain
from napari_unmix.rows.alignment import match_endmembers
from napari_unmix.rows.metrics import mean_correlation, rmse, spectral_angle
from napari_unmix.spec import MethodSpec
from unmix_benchmarks.common.printed import printed_by


@dataclass(frozen=True)
class Score:
    """One method on one scene: mean spectral angle (degrees), abundance RMSE, mean correlation, wall time (s)."""

    scene: str
    method: str
    angle_degrees: float
    abundance_rmse: float
    mean_correlation: float
    seconds: float


def score(name: str, result: Unmixing, endmembers: FloatArray, abundances: FloatArray) -> Score:
    """Compare a result with reference endmembers (P, B) and abundances (H, W, P), after matching on the angle."""
    order = match_endmembers(result.endmembers, endmembers)
    good = np.isfinite(result.endmembers).all(axis=0)
    angles = np.degrees(spectral_angle(result.endmembers[order][:, good], endmembers[:, good]))
    estimated = result.abundances.reshape(-1, len(result.endmembers))[:, order]
    reference = abundances.reshape(-1, len(endmembers))
    return Score(
        name,
        result.spec.method,
        float(angles.mean()),
        rmse(estimated, reference),
        mean_correlation(estimated, reference),
        result.seconds,
    )


def run_method(
    method: str,
    cube: Cube,
    count: int | Literal["auto"],
    *,
    illumination: bool,
    seed: int,
    annotation: Annotation | None = None,
    plain: bool = False,
    options: Mapping[str, object] | None = None,
    given: Given | None = None,
) -> Unmixing:
    """One run with the method's defaults: number of endmembers and inversion are all that a scene may set.

    ``plain``: the inversion is the reference's own, so a method that has a law of variability leaves it out. ``options`` choose among the
    algorithms of one method; ``given`` is a library, for a method that chooses from one.
    """
    chosen = spec_class(method)
    without = without_variability(chosen) if plain else {}
    asked = {"method": method, "endmembers": count, "illumination": illumination, "seed": seed}
    spec = chosen.model_validate({**asked, **without, **(options or {})})
    return drain(unmix(cube, spec, annotation, given))


def without_variability(spec: type[MethodSpec]) -> dict[str, Any]:
    """The option that leaves a method's law of variability out; none where it has no such choice."""
    field = spec.model_fields.get("variability")
    return {"variability": "none"} if field is not None and "none" in get_args(field.annotation) else {}


def parser(name: str, purpose: str) -> Parser:
    """Options that every benchmark has."""
    made = Parser(prog=f"napari-unmix benchmark {name}", description=purpose)
    made.add_argument("--out", type=Path, help="folder for NAME.md, NAME.csv and NAME.json")
    made.add_argument("--methods", nargs="+", default=["vca-fcls", "vae", "ivae"], help="methods to compare")
    return made


def report(name: str, rows: Sequence[Score], summary: str, out: Path | None) -> None:
    """Print the Markdown table and write it with its numbers, as JSON too."""
    write_rows(name, rows, [table(rows), "", summary], out)
    if out is not None:
        numbers = json.dumps([asdict(row) for row in rows], indent=1)
        (out / f"{name}.json").write_text(f"{numbers}\n", encoding="utf-8")


def write_rows(
    name: str, rows: Sequence[Any], lines: Sequence[str], out: Path | None, commits: Sequence[str] = ()
) -> None:
    """Print the lines and by what they were printed; with ``out``, write them to NAME.md and the rows, dataclasses of one kind, to NAME.csv."""
    text = "\n".join([*lines, "", printed_by(commits)]) + "\n"
    print(text)
    if out is None or not rows:
        return
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.md").write_text(text, encoding="utf-8")
    with (out / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(asdict(rows[0])))
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def table(rows: Iterable[Score]) -> str:
    """Markdown, one line a run."""
    lines = ["| scene | method | mean angle | abundance RMSE | correlation | seconds |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {row.scene} | {row.method} | {row.angle_degrees:.2f}° | {row.abundance_rmse:.4f} | {row.mean_correlation:.3f} | {row.seconds:.1f} |"
        for row in rows
    ]
    return "\n".join(lines)


def means(rows: Sequence[Score]) -> dict[str, tuple[float, float]]:
    """Method -> mean angle and mean abundance RMSE."""
    methods = dict.fromkeys(row.method for row in rows)
    return {
        method: (
            statistics.fmean(row.angle_degrees for row in rows if row.method == method),
            statistics.fmean(row.abundance_rmse for row in rows if row.method == method),
        )
        for method in methods
    }


def mean_line(rows: Sequence[Score]) -> str:
    """The means in words, and the iVAE's ratios to VCA + FCLS where both ran."""
    found = means(rows)
    text = "; ".join(f"{method} {angle:.2f}° / {error:.4f}" for method, (angle, error) in found.items())
    if "ivae" in found and "vca-fcls" in found:
        angle, error = (found["ivae"][k] / found["vca-fcls"][k] for k in (0, 1))
        text += f". iVAE over VCA + FCLS: {angle:.2f} of the angle, {error:.2f} of the abundance error"
    return f"Means (angle / abundance RMSE): {text}."
