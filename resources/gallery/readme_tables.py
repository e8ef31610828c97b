"""Put the tables that the benchmarks printed (resources/benchmarks/*.md) between the markers of the pages that show them.

python resources/gallery/readme_tables.py

``<!-- table NAME -->`` … ``<!-- end -->`` holds NAME.md; the README's ``summary`` is ten rows of accuracy.md.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "resources" / "docs" / "benchmarks.md")
OURS = "ivae"
CLASSICAL = {
    "vca-fcls": "VCA + FCLS",
    "sisal": "SISAL",
    "best classical, picked with the truth": "the better one of each scene",
}
# Row of accuracy.md -> how the README calls it. Left out: Hapke and post-nonlinear, where the default has the smaller error.
SUMMARISED = {
    "Samson (Zhu, scaled)": "Samson, scaled reference",
    "Samson (alternative, sum-to-one)": "Samson, sum-to-one reference",
    "Jasper Ridge (Zhu, scaled)": "Jasper Ridge",
    "HySU, 42×24 around the targets (areas)": "HySU targets, cropped (relative error of areas)",
    "HySU, full scene (areas)": "HySU, full scene (relative error of areas)",
    "dc1 (truth)": "dc1, simulated",
    "no pure pixels, 40 regions": "no pure pixels, 40 painted regions, 3 scenes",
    "60 simulated scenes": "60 simulated scenes",
    "strong Fan": "strong multiple scattering, 12 scenes",
    "variability, no pure pixels": "varying spectra, no pure pixels, 6 scenes",
}


def filled(page: str, tables: Path) -> str:
    """The page with every marker's table as it is in ``tables``."""

    def table(found: re.Match[str]) -> str:
        name = found[1]
        text = summary((tables / "accuracy.md").read_text("utf-8")) if name == "summary" else _printed(tables, name)
        return f"<!-- table {name} -->\n{text}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", table, page, flags=re.DOTALL)


def _printed(tables: Path, name: str) -> str:
    return (tables / f"{name}.md").read_text(encoding="utf-8").strip()


def summary(accuracy: str) -> str:
    """One row a scene: error / angle of the default and of the best classical method run beside it, and what peers are said to reach.

    Strokes are left out. The smaller mean error of a row is bold.
    """
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in accuracy.splitlines() if line.startswith("|")
    ]
    out = ["| scene | napari-unmix | best classical, run beside it | peers, measured elsewhere |", "|---|---|---|---|"]
    for scene, title in SUMMARISED.items():
        methods = {row[2]: row for row in rows if row[0] == scene and row[1] not in ("", "strokes")}
        peers = next((row[2] for row in rows if row[0] == scene and row[1] == ""), "")
        best = min((name for name in CLASSICAL if name in methods), key=lambda name: _error(methods[name]))
        ours, theirs = methods[OURS], methods[best]
        named = f"{CLASSICAL[best]}: {_scores(theirs, _error(theirs) < _error(ours))}"
        out.append(f"| {title} | {_scores(ours, _error(ours) < _error(theirs))} | {named} | {_said(peers)} |")
    return "\n".join(out)


def _error(row: list[str]) -> float:
    return float(row[5].split()[0])


def _scores(row: list[str], bold: bool) -> str:
    error, angle = row[5].split()[0], row[4].split()[0]
    return f"**{error}** / {angle}" if bold else f"{error} / {angle}"


def _said(peers: str) -> str:
    said = peers.strip("*").removeprefix("peers, measured elsewhere: ")
    return "" if "below" in said else said


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(filled(path.read_text(encoding="utf-8"), ROOT / "resources" / "benchmarks"), encoding="utf-8")
