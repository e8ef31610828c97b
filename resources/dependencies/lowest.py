"""Write the lowest versions that pyproject.toml declares, one ``name==version`` a line, as constraints for pip.

    python resources/dependencies/lowest.py lowest.txt
    pip install --constraint lowest.txt .

The package's own dependencies, its extras, and the group ``test`` are read: what the core's tests install.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_PROJECT = Path(__file__).parents[2] / "pyproject.toml"
_REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)(\[[^]]*\])?>=(?P<version>[0-9][0-9A-Za-z.]*)")


def lowest(project: dict[str, object]) -> dict[str, str]:
    """Name -> lowest version of everything that a parsed ``pyproject.toml`` declares; of several, the highest holds."""
    table, groups = project["project"], project["dependency-groups"]
    assert isinstance(table, dict)
    assert isinstance(groups, dict)
    declared = [*table["dependencies"], *(one for extra in table["optional-dependencies"].values() for one in extra)]
    declared += [one for one in groups["test"] if isinstance(one, str)]
    found: dict[str, str] = {}
    for requirement in declared:
        match = _REQUIREMENT.match(requirement)
        if match is None:
            raise ValueError(f"{requirement!r} declares no lowest version: write it as name>=version.")
        name, version = match["name"].lower(), match["version"]
        found[name] = max(found.get(name, version), version, key=_order)
    return found


def _order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"[0-9]+", version))


if __name__ == "__main__":
    declared = lowest(tomllib.loads(_PROJECT.read_text(encoding="utf-8")))
    text = "".join(f"{name}=={version}\n" for name, version in sorted(declared.items()))
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
