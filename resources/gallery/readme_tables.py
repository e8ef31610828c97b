"""Put the tables that the benchmarks printed (resources/benchmarks/*.md) between the markers of the pages that show them.

python resources/gallery/readme_tables.py

``<!-- table NAME -->`` … ``<!-- end -->`` holds NAME.md; the README's ``summary`` is some rows of accuracy.md: the usual scenes, and every lost one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "resources" / "docs" / "benchmarks.md")
OURS = "ivae"
OTHERS = {
    "vca-fcls": "VCA + FCLS",
    "sisal": "SISAL",
    "vae": "VAE",
    "best classical, picked with the truth": "the better one of each scene",
}
# Row of accuracy.md -> how the README calls it.
TITLES = {
    "dc1 (truth)": "dc1, simulated",
    "sim2 (no pure pixel)": "sim2, simulated, no pure pixel",
    "Washington DC, semi-simulated": "Washington DC, semi-simulated",
    "HySU, full scene (areas)": "HySU, full scene (relative error of areas)",
    "Samson (Zhu, scaled)": "Samson, scaled reference",
    "Jasper Ridge (Zhu, scaled)": "Jasper Ridge",
    "no pure pixels, 40 regions": "no pure pixels, 40 painted regions, 3 scenes",
    "60 simulated scenes": "60 simulated scenes",
    "strong Fan": "strong multiple scattering, 12 scenes",
    "variability, no pure pixels": "varying spectra, no pure pixels, 6 scenes",
}
# Shown whoever has the smaller error; a lost scene is shown whether it is named here or not.
USUAL = (
    "dc1 (truth)",
    "HySU, full scene (areas)",
    "Samson (Zhu, scaled)",
    "Jasper Ridge (Zhu, scaled)",
    "no pure pixels, 40 regions",
    "60 simulated scenes",
)
# The columns of accuracy.md that are read: of a line of runs, and of a line on a scene.
_SCENE, _SIDE, _METHOD, _ANGLE, _ERROR, _CHOSEN = 0, 1, 2, 4, 5, 9
_REFERENCE = 2
_LINE, _KNOWN = 10, 6
_UNPAINTED = ("automatic", "painted regions")


def filled(page: str, tables: Path) -> str:
    """The page with every marker's table as it is in ``tables``."""

    def table(found: re.Match[str]) -> str:
        name = found[1]
        text = summary((tables / "accuracy.md").read_text("utf-8")) if name == "summary" else _printed(tables, name)
        return f"<!-- table {name} -->\n{text}\n<!-- end -->"

    return re.sub(r"<!-- table ([\w-]+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def _printed(tables: Path, name: str) -> str:
    return (tables / f"{name}.md").read_text(encoding="utf-8").strip()


def summary(accuracy: str) -> str:
    """One row a scene: error / angle of the default and of the best other method run beside it, and what peers are said to reach.

    Strokes are left out. The smaller mean error of a row is bold; † stands where no number of the program was chosen while looking at the scene.
    """
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in accuracy.splitlines() if line.startswith("|")
    ]
    references = {row[_SCENE]: row[_REFERENCE] for row in rows if len(row) == _KNOWN}
    runs = [row for row in rows if len(row) == _LINE]
    out = ["| scene | reference | napari-unmix | best other, run beside it | peers, measured elsewhere |"]
    out.append("|---|---|---|---|---|")
    for scene in dict.fromkeys(row[_SCENE] for row in runs):
        methods = {row[_METHOD]: row for row in runs if row[_SCENE] == scene and row[_SIDE] in _UNPAINTED}
        best = min((name for name in OTHERS if name in methods), key=lambda name: _error(methods[name]), default="")
        if OURS not in methods or not best:
            continue
        ours, theirs = methods[OURS], methods[best]
        lost = _error(theirs) < _error(ours)
        if scene in USUAL or lost:
            title = TITLES.get(scene, scene) + (" †" if ours[_CHOSEN] == "never" else "")
            named = f"{OTHERS[best]}: {_scores(theirs, lost)}"
            peers = _peers(row for row in runs if row[_SCENE] == scene)
            reference = references.get(scene, "exact")
            out.append(
                f"| {title} | {reference} | {_scores(ours, _error(ours) < _error(theirs))} | {named} | {peers} |"
            )
    return "\n".join(out)


def _error(row: list[str]) -> float:
    return float(row[_ERROR].split()[0])


def _scores(row: list[str], bold: bool) -> str:
    error, angle = row[_ERROR].split()[0], row[_ANGLE].split()[0]
    return f"**{error}** / {angle}" if bold else f"{error} / {angle}"


def _peers(rows: Iterable[list[str]]) -> str:
    """What peers reach, as the line after the first of ours says; "" where it only leads to the lines below."""
    said = next((row[_METHOD] for row in rows if row[_SIDE] == ""), "").strip("*")
    return "" if "below" in said else said.removeprefix("peers, measured elsewhere: ")


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8"), ROOT / "resources" / "benchmarks"), encoding="utf-8")
