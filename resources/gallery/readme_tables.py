"""Put the tables that the benchmarks printed (resources/benchmarks/*.md) into the README, between their markers.

python resources/gallery/readme_tables.py
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def filled(readme: str, tables: Path) -> str:
    """The README with every ``<!-- table NAME -->`` … ``<!-- end -->`` holding NAME.md."""

    def table(found: re.Match[str]) -> str:
        text = (tables / f"{found[1]}.md").read_text(encoding="utf-8").strip()
        return f"<!-- table {found[1]} -->\n{text}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->\n.*?<!-- end -->", table, readme, flags=re.DOTALL)


if __name__ == "__main__":
    readme = ROOT / "README.md"
    readme.write_text(filled(readme.read_text(encoding="utf-8"), ROOT / "resources" / "benchmarks"), encoding="utf-8")
